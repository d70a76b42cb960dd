// Package mqttsensor is what sensors that speak MQTT have in common: a session with
// a local broker, shared by all devices of a gateway that name it, and the rules by
// which a message becomes a reading. How each maker's devices speak is in the
// packages below it: zigbee2mqtt, tasmota, esphome.
//
// # What counts as a reading
//
// A message says what a sensor knew when it was sent, and MQTT does not say when
// that was. So:
//
//   - A retained message is not a reading of now. One that says when the device was
//     last heard (Report.Seen) is a reading of that time while it is within twice the
//     interval; any other is ignored.
//   - A bridge that starts again repeats what it remembers. What repeats a time that
//     was seen is dropped. What has no time is dropped for ten seconds after the
//     bridge said that it is online, but for an alarm, which comes as suspect.
//   - The same payload on the same topic within a second came twice.
//   - A time without an offset from UTC, or one in the future, is not believed:
//     what arrives is stamped on arrival.
//   - null, "unknown", "unavailable" and NaN are no_response; anything else that is
//     not what its field should be is bad_frame; a number above the metric's range is
//     saturated, one well below it bad_frame. A field that is missing is neither value
//     nor fault.
//   - Low battery and tampering make readings suspect.
//
// # Absence
//
// An availability topic or last will that says offline, or ten seconds without the
// broker, is no_response for each metric: at once, and again each interval. What was
// missed meanwhile is not made up for: a metric measures again with its next message.
//
// Sensors mostly report when something changes, and otherwise now and then. The
// interval of such a device is the longest time for which it says nothing while it is
// well; the gateway calls it silent after twice that. States that are told only when
// they change (Report.OnChange) are repeated each interval for as long as the device
// is heard otherwise.
//
// An alarm that is on for longer than StuckAfter is stuck: it stands, and that it does
// not end is a fault. A device whose all-clear proves nothing (UnreliableClear) gives
// its clear as warmup, which neither raises nor clears.
//
// # The session
//
// MQTT 3.1.1, QoS 1, a clean session: a broker that kept messages for a gateway that
// was away would deliver an old state as if it were new. Each connection has a client
// of its own, with back-off between them. Each device holds at most 64 messages that
// it has not taken; beyond that the oldest are dropped. It may send 50 a second, and 250
// at once; what comes beyond that is dropped, and told once for each connection: a plug
// that floods takes nobody else's readings. Nothing is ever
// published.
package mqttsensor
