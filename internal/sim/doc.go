// Package sim holds the physics that detectors are tested against and that the
// demo's devices run on: a room filling with gas, a burst of cooking wine, a
// battery charger from bulk to float, a refrigerator, a house full of
// appliances, a growing fire, and what a sensor makes of it.
//
// Everything here is a pure function of its parameters and of the time since
// the event began: no state, no clock, and randomness is a hash of (seed,
// index), so that any moment can be asked for, in any order, and gives the same
// answer. Each model states its equation and where its constants come from,
// with the marks of docs/detection.md: V read in a public text, M commonly
// stated and not verified, C computed.
//
// These are models. A result got on them is called simulated wherever it is
// quoted.
package sim
