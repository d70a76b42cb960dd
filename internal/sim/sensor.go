package sim

import (
	"math"
	"time"
)

// Sensor is what stands between a quantity and a reading of it.
type Sensor struct {
	Seed     uint64
	Offset   float64 // added to every reading, in the reading's unit
	Noise    float64 // standard deviation, in the reading's unit
	Relative float64 // standard deviation as a share of the value
	Drift    float64 // change of the offset per day, in the reading's unit
	Step     float64 // quantisation: readings are multiples of it; 0: none
	Min, Max float64 // end of the range; readings are held inside. Both 0: no end
}

// Read is the reading of the true value v at time t. The noise of two moments a
// millisecond or more apart is independent.
func (s Sensor) Read(t time.Duration, v float64) float64 {
	if s.Noise != 0 || s.Relative != 0 {
		sigma := s.Noise + float64(s.Relative*math.Abs(v))
		v += float64(sigma * Normal(s.Seed, t.Milliseconds()))
	}
	v += s.Offset + float64(s.Drift*t.Hours()/24)
	if s.Step > 0 {
		v = math.Round(v/s.Step) * s.Step
	}
	if s.Min != 0 || s.Max != 0 {
		v = min(max(v, s.Min), s.Max)
	}
	return v
}

// Lag is the answer of a first-order element with time constant tau to the
// quantity f at time t, having been in balance with f at start. It is the
// convolution of f with an exponential, summed over the last seven time
// constants; good to about 1 % of a step.
func Lag(f func(time.Duration) float64, t, tau, start time.Duration) float64 {
	if tau <= 0 {
		return f(t)
	}
	const steps = 56
	var sum, weight float64
	for i := range steps {
		age := (float64(i) + 0.5) / 8 // in time constants
		w := math.Exp(-age)
		at := max(t-time.Duration(age*float64(tau)), start)
		sum += float64(w * f(at))
		weight += w
	}
	return sum / weight
}
