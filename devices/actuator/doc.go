// Package actuator is what acts in a building: gas valves, sirens, beacons, the
// contactor of a charging circuit. An Actuator acts when a rule of the gateway's own
// engine is raised (package edgerules calls Trip), and it is a device: what it did
// goes to the hub like any reading.
//
// # It latches
//
// What has tripped stays tripped until somebody resets it: neither a rule that clears,
// nor a reading that is missing, nor a restart ends it. A siren can be silenced
// meanwhile, until the next raise; the latch, and a valve, know nothing of that.
//
// The latch is kept in a small file, one for each actuator. The output comes first:
// a disk that fails, is full or hangs delays nothing, and the latch is then kept in
// memory. A file that cannot be read is a state nobody knows; `fail_safe` says what
// that means.
//
// # Nobody waits for anybody
//
// Trip takes a lock that nobody holds while waiting, and returns. Behind it each
// actuator has goroutines of its own: one that moves the output, one that reads the
// feedback and reports, one that writes the file, one for each button. So a Modbus
// line that hangs delays what hangs on it, and no other.
//
// # What it does is checked
//
// A level output is set again every interval, acting or not: a relay module that lost
// its power comes back as it should be, and one that has gone is a fault before it is
// needed. A pulsed output is set to rest likewise. With a feedback input the thing
// itself is asked: one that does not confirm within its time is moved again, with
// back-off, and one that is moved back by hand while latched is moved again too. A siren
// that sounds on when it should rest is found likewise; a valve or a contactor may be
// waiting for a hand then.
//
// # Metrics
//
//   - actuator.latched: 1 from the raise to the reset.
//   - actuator.state: 1 while it acts (valve closed, siren sounding, circuit open), by
//     its feedback, or without one by what the output was last told, which is no proof.
//     The fault no_response: output or feedback cannot be reached. stuck: it does not
//     do as it is told.
package actuator
