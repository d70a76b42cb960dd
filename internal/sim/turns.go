package sim

import (
	"math"
	"time"
)

// Turns says when a load is on: PerDay times a day on average, each for a time
// between MinOn and MaxOn, at most once in a slot of twice MaxOn.
type Turns struct {
	PerDay       float64
	MinOn, MaxOn time.Duration
	Seed         uint64
}

// At tells how long the load has been on at t, and which turn it is.
func (u Turns) At(t time.Duration) (in time.Duration, turn int64, on bool) {
	slot := max(2*u.MaxOn, 30*time.Minute)
	n := int64(t / slot)
	if Uniform(u.Seed, n) >= u.PerDay*slot.Hours()/24 {
		return 0, n, false
	}
	length := time.Duration(Between(u.Seed+1, n, float64(u.MinOn), float64(u.MaxOn)))
	start := time.Duration(Between(u.Seed+2, n, 0, float64(slot-length)))
	in = t - time.Duration(n)*slot - start
	return in, n, in >= 0 && in < length
}

// Steady is a load that holds its power: a lamp, a string of lights, a heater, a
// fan, a screen with its backlight at rest. It begins Warm (a share of Power;
// below 0 it begins low) above its power and settles with WarmTime, as filaments,
// windings, LEDs and PTC elements do while they warm up. One without electronics
// follows the square of the mains' voltage. Thermostat, if any, switches it with
// that period for six tenths of it.
type Steady struct {
	Turns
	Power      float64
	Warm       float64
	WarmTime   time.Duration
	Resistive  bool
	Thermostat time.Duration
}

// Watts is the active power at t.
func (s Steady) Watts(t time.Duration) float64 {
	in, _, on := s.At(t)
	if !on || s.Thermostat > 0 && in%s.Thermostat > s.Thermostat*6/10 {
		return 0
	}
	p := s.Power
	if s.Warm != 0 {
		p *= 1 + float64(s.Warm*math.Exp(-in.Seconds()/s.WarmTime.Seconds()))
	}
	if s.Resistive {
		v := Volts(s.Seed+5, t, 0) / 222
		p *= float64(v * v)
	}
	return p
}

// Worker is a load whose work changes: a computer, a console, a screen with moving
// pictures. It stands at one level for a time of the order of Pace, then at
// another: Spread is the standard deviation of the levels as a share of Power.
// The first minute, while it starts, changes every few seconds.
type Worker struct {
	Turns
	Power  float64
	Spread float64
	Pace   time.Duration
	Idle   float64 // W while off
}

// Watts is the active power at t.
func (w Worker) Watts(t time.Duration) float64 {
	in, turn, on := w.At(t)
	if !on {
		return w.Idle
	}
	pace, spread := w.Pace, w.Spread
	if in < time.Minute {
		pace, spread = min(pace, 6*time.Second), max(spread, 0.12)
	}
	// The levels are of turn and slot; slots are shifted so that no two begin together.
	n := int64(in/pace)*1009 + turn
	shift := time.Duration(Uniform(w.Seed+3, n) * float64(pace))
	if in%pace < shift {
		n -= 1009
	}
	return max(w.Power*(1+float64(spread*Normal(w.Seed+4, n))), 0.3*w.Power)
}

// Program is a machine that washes: water for a minute, kilowatts of heat, a drum
// that turns and rests, and a pump or a spin at the end.
type Program struct {
	Turns
	Heat, Drum, Pump float64 // W
}

// Watts is the active power at t.
func (p Program) Watts(t time.Duration) float64 {
	in, turn, on := p.At(t)
	heat := time.Duration(Between(p.Seed+3, turn, 8, 25) * float64(time.Minute))
	switch {
	case !on:
		return 0
	case in < time.Minute:
		return 8
	case in < time.Minute+heat:
		return p.Heat
	case in > p.MinOn*9/10:
		return p.Pump
	case in%(14*time.Second) < 10*time.Second:
		return p.Drum * (1 + float64(0.1*Normal(p.Seed+4, int64(in/(14*time.Second)))))
	}
	return 8
}
