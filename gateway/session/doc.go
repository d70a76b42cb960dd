// Package session carries an outbox's readings to the hub over MQTT, as the
// Sparkplug B node that telemetry/sparkplug describes.
//
// # Promises
//
//   - Nothing leaves the outbox but by the hub's own word "committed up to N".
//     A finished publish token, a PUBACK, a healthy connection prove nothing.
//   - Order: the open alarm run, then the open live run, then the rest, oldest
//     first and rate-limited. What is urgent waits for one message at most, plus
//     what the link has in flight: the backlog's share of that shrinks when
//     acknowledgements become slow.
//   - Go-back-N per run: the hub takes a run's sequences in order only. Sending
//     goes back to the first that is not committed when the hub asks, at each
//     birth the hub asks for, at each connection, and when nothing was
//     acknowledged for AckTimeout (doubling to a minute) with something in flight.
//   - Readings in flight, sent and not acknowledged, are bounded by Window.
//
// A connection is one paho client with no reconnecting of its own: its successor
// is a new client, after a jittered back-off. The handler of incoming messages only
// notes what they say, so that it never delays paho's pings. One goroutine sends.
package session
