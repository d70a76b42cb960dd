// Package rules finds hazards in the log: what each rule says about a place, and
// over which interval. Engine is a pure function of the log's records: it reads no
// clock, and the same log gives the same verdicts, byte for byte, live or replayed,
// on every processor.
//
// # Time
//
// A rule is evaluated in event time, the time at which readings were sampled. A
// hold ends at an exact moment of it, whenever the readings arrive. Between
// readings, ticks of the log move a device's event time on by as much as time has
// passed at the hub, less a margin: so a clock that is a minute off is harmless.
// Where a rule looks at several devices of a place whose clocks differ by more than
// Lateness, the readings of those that are behind are taken as of now.
//
// # What is not known
//
// Conditions are three-valued (package lang). A fault, a reading that is warming
// up, or silence beyond twice the device's interval leaves a metric unknown, and
// unknown neither raises nor clears anything: a hold waits, an alarm stands.
// That nothing is known is said by verdicts of its own, see supervise.go.
//
// # Late readings
//
// What a rule has raised on what it had can change when a reading comes late. Each
// cell (the devices that are looked at together: one, or a place's) keeps a checkpoint
// of its state and the readings since; a reading that is up to Lateness late is
// put where it belongs and the rest is evaluated again. The difference between
// what was said and what should have been said is raised, cleared or revised.
//
// When a gateway comes back from an outage, its cells go on with what is live, and
// what it had stored is put aside until the log says Drained. Then the outage is
// evaluated in event order from the state before it, in slices, so that nobody
// waits for it. What that adds is raised as over, unless it still holds.
//
// # State
//
// Windows and detectors are bounded: see window.go and package detect. The readings
// kept for a cell are those of the last Lateness to twice that, 16 bytes each;
// during an outage's drain at most maxAside for the whole engine.
package rules
