// Package benchload measures a hub as its users would load it: a real hub in a
// process of its own, real MQTT connections, Sparkplug messages with the sequences,
// the acknowledgements and the window of our own gateways.
//
// What is measured, and how:
//
//   - Readings a second: all readings sent, over the time from the first message
//     until the last one is in the log, evaluated by the rules and in the history.
//   - CPU: of the hub's process alone, user and system, over that time.
//   - Latency: some devices, which are not part of the load, show a gas hazard at
//     random moments. One message brings three readings of 30 %LEL over 2.1 seconds,
//     so that the rule's hold of two seconds is over with it and not before; the clock
//     starts when it is handed to the MQTT client. The verdict's end is the
//     incident's decided_at, the hub's clock when the verdict was applied, counted
//     to the end of its millisecond; the incident's is its arrival by server-sent
//     events.
//   - Lost and doubled: by reading the hub's log when it has stopped.
//
// The load's devices measure what houses measure on an ordinary day (package
// simulated), so that detectors have their usual work and nothing is raised.
package benchload
