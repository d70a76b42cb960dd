// Package modbus is the master of Modbus lines: RTU over a serial line, and TCP.
//
// Several slaves share one RS-485 line in turn, one transaction in flight. An urgent
// one, such as an actuator's coil, goes ahead of all that wait and behind at most one
// that has begun; a retry counts as a transaction of its own.
//
// Framing is ours, some hundred lines. The library that the project would otherwise
// use opens the serial port itself, so that no other driver can share the line; it
// knows no context and no order among callers, does not reconnect, and its read of an
// answer cannot tell what was wrong with it, which here is the reason of a fault. In
// the tests for TCP that library's server is the peer.
//
// An answer is taken only if it is whole, from the slave that was asked, for the
// function that was asked, of the length that was asked for, with the right checksum,
// and with nothing before it. Anything else is an error that knows its quality
// (devices.QualityOf): bad_frame, or no_response where the slave said nothing or that
// it cannot measure. What RTU cannot exclude: an answer carries no number, so one that
// comes after its time, when the same slave has been asked for as many other
// registers, would be taken for the newer. Hence the line is listened to for 50 ms
// after each failure, and what comes then is dropped.
//
// Source: MODBUS Application Protocol Specification V1.1b3; MODBUS over Serial Line
// V1.02, §2.5.1 (silence of 3.5 characters, at least 1.75 ms above 19200 baud).
package modbus
