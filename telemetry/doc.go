// Package telemetry says what a reading is: a device, a metric of the
// catalogue, a time, a number with its unit, and a quality.
//
// It holds the vocabulary that every other package shares and imports none of
// them: Reading and Point, Quality, the metric Catalogue with units and their
// conversion, and Clock, the one clock that gateway and ingest stamp with.
// How readings travel is in telemetry/sparkplug (the wire), how they are kept
// in telemetry/record (the log).
package telemetry
