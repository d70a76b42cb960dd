// Package lang is the language that rules are written in: expressions over the
// metrics of the catalogue, with quantities that carry their unit.
//
//	gas.ch4 > 10 %LEL
//	slope(temperature, 1m) > 8 °C/min and temperature > 40 °C
//	power > 100 W and power_factor < 0.7 and between(22:00, 06:00)
//	count(smoke > 0.3 dB/m) >= 2
//
// Parse turns text into a syntax tree and String turns it back; parse, print,
// parse is the identity. Check gives the tree its meaning against a catalogue:
// it refuses what does not add up in dimensions ("ppm cannot be compared with
// %LEL for smoke") and converts every constant into the unit of the metric that
// it meets, so that nothing is converted while readings stream by. Errors carry
// the byte offset of the offending token.
//
// # What is not known
//
// A measurement may be missing, and then a condition is neither true nor false.
// Numbers are intervals: a measured one is [v, v], a missing one is everything
// from −∞ to +∞, the maximum over a minute of which half has been seen is [seen,
// +∞]. A comparison is true or false when it is so for every number of the
// interval, and Unknown otherwise; and, or, not follow Kleene's strong logic.
// So "max(smoke, 1m) > 0.3 dB/m" is true the moment one reading says so, and is
// false only after a minute without one.
//
// # Precedence, from loose to tight
//
//	or
//	and
//	not
//	< <= > >= == !=     (do not chain)
//	+ -
//	* /
//	- (sign)
package lang
