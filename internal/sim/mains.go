package sim

import (
	"math"
	"time"
)

// Volts is the mains voltage at a house: 220 V, wandering by some volts over ten
// minutes and sagging by 4 V per kilowatt that the house itself draws (M: a
// circuit of 1 Ω and a supply of 0.1 Ω).
func Volts(seed uint64, t time.Duration, watts float64) float64 {
	return 222 + float64(2*Wander(seed, t.Seconds(), 600)) - float64(0.004*watts)
}

// Amps is the current that a meter shows: active power over voltage and power
// factor. A factor of 0 means nothing is drawn.
func Amps(watts, volts, factor float64) float64 {
	if factor <= 0 || volts <= 0 {
		return 0
	}
	return watts / volts / factor
}

// Factor is the power factor of an active power with non-active volt-amperes
// beside it; 1 where nothing is drawn.
func Factor(watts, nonActive float64) float64 {
	apparent := math.Hypot(watts, nonActive)
	if apparent == 0 {
		return 1
	}
	return watts / apparent
}

// BoxTemperature is that of a meter box with the given current in its worst
// joint: ambient plus the joint's heat, which grows with the square of the
// current (C: P = I²·R with 3 mΩ into 4 °C per watt).
func BoxTemperature(ambient, amps float64) float64 {
	return ambient + float64(4*0.003*amps*amps)
}
