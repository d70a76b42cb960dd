// Package life is what is known of a sensor beside what it measures: how long it
// takes to warm up, when it was calibrated and how long it lasts, what a value that
// does not move means, and how far its zero may wander. Watched puts it around any
// driver, so that no driver needs code for it.
//
// # Warm-up
//
// The first reading begins it, and so does the first after the part has been away for
// a minute: it may have been without supply. What is measured meanwhile has quality
// warmup, on which no rule raises. Faults stay faults. A sensor at the end of its range
// is warming up like others at first, since power-up drives some there, but no longer
// than half of the warm-up and at most a minute: then it is saturated, as it says.
//
// # Stuck
//
// A value that stays within Noise of what it was for longer than After becomes the
// fault stuck, until it moves. By default only what cannot stand still is watched
// (see defaults): never a contact or a state, and of quantities that are zero when
// nothing happens only what is not zero. So a gas detector that is stuck at zero is not
// found here; nothing but gas finds it.
//
// # Drift
//
// Air is clean at some hour of every day. If a metric has not come down to Limit for
// as long as Over (default a day), its zero has wandered: its readings become suspect,
// on which rules raise as ever, and device.drift is 1 until it comes down again.
//
// # Age
//
// device.life_left and device.calibration_left are the days until a device's end of
// life and until its calibration is due, negative when they are past. They are emitted
// with the first reading and once an hour. The shipped rules in
// rules/packs/device.yaml make faults of them.
//
// Lengths of time are measured on the gateway's monotonic clock: a clock that is set
// makes nothing warm or stuck.
package life
