package sim

import "time"

// Runaway is the power of a charger whose battery overheats: after turn, during
// the taper, the voltage is still held, but the hot battery takes ever more
// current, in a straight line back to full power within over.
func (c Charger) Runaway(turn, over time.Duration) func(time.Duration) float64 {
	from := c.Watts(turn)
	return func(t time.Duration) float64 {
		if t <= turn {
			return c.Watts(t)
		}
		return from + float64((c.Power-from)*min((t-turn).Seconds()/over.Seconds(), 1))
	}
}

// Restarts is the power of a charger that ends its charge, cuts out for pause, and
// comes back for on at some 0.6 of its power, again and again, until the end.
func (c Charger) Restarts(pause, on, end time.Duration) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		after := t - c.Length()
		if after < 0 {
			return c.Watts(t)
		}
		if t < end && after%(pause+on) >= pause {
			return 0.6 * c.Power
		}
		return 0
	}
}
