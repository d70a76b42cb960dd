package sim

import (
	"math"
	"time"
)

// Load is something that draws active power at a time.
type Load interface {
	Watts(t time.Duration) float64
}

// Fridge cycles: each cycle begins with the motor's start (Surge times the
// power for under a second, so that a reading catches it now and then), settles
// from 1+Fall times to the power itself with the time constant Settle as the
// pressure in the circuit falls, and ends when the thermostat opens.
type Fridge struct {
	Power  float64       // W, settled; 60–250
	Period time.Duration // 20 min – 4 h
	Duty   float64       // 0.1–0.7
	Surge  float64       // 4–8
	Fall   float64       // 0.1–0.45; 0 stands for 0.15
	Settle time.Duration // 1.5–40 min; 0 stands for 4 min
	Seed   uint64        // cycles differ by a tenth
}

// Watts is the active power at t.
func (f Fridge) Watts(t time.Duration) float64 {
	n := int64(t / f.Period)
	in := t - time.Duration(n)*f.Period
	in -= time.Duration(Between(f.Seed, n, 0, 0.1) * float64(f.Period))
	on := time.Duration(f.Duty * Between(f.Seed+1, n, 0.9, 1.1) * float64(f.Period))
	switch {
	case in < 0 || in > on:
		return 0
	case in < 700*time.Millisecond:
		return f.Power * f.Surge
	}
	fall, settle := f.Fall, f.Settle
	if fall == 0 {
		fall = 0.15
	}
	if settle == 0 {
		settle = 4 * time.Minute
	}
	return f.Power * (1 + float64(fall*math.Exp(-in.Minutes()/settle.Minutes())))
}

// Use is a load that people switch on now and then: Uses times a day on
// average, each for a time between MinOn and MaxOn, at a power that wanders by
// Ripple (share, over RippleTime). A kettle, a lamp, a television, a computer.
type Use struct {
	Power        float64
	UsesPerDay   float64
	MinOn, MaxOn time.Duration
	Ripple       float64
	RippleTime   time.Duration
	Idle         float64       // W while off
	Cycle        time.Duration // while on, an inner thermostat or drum switches with this period; 0: steadily on
	Seed         uint64
}

// Watts is the active power at t.
func (u Use) Watts(t time.Duration) float64 {
	in, _, on := Turns{PerDay: u.UsesPerDay, MinOn: u.MinOn, MaxOn: u.MaxOn, Seed: u.Seed}.At(t)
	if !on {
		return u.Idle
	}
	if u.Cycle > 0 && in%u.Cycle > u.Cycle*6/10 {
		return u.Idle
	}
	p := u.Power
	if u.Ripple > 0 {
		p *= 1 + float64(u.Ripple*Wander(u.Seed+3, t.Seconds(), max(u.RippleTime.Seconds(), 1)))
	}
	return max(p, u.Idle)
}

// House is a dwelling's appliances by seed: what they draw together and with
// what power factor. No charger among them.
type House struct{ Seed uint64 }

// appliance is a load with its displacement and distortion: reactive power as a
// share of the active, and power factor.
type appliance struct {
	load   Load
	factor float64
}

func (h House) appliances() [9]appliance {
	s := h.Seed * 1000
	// Screens and computers above 75 W have power factor correction (class D of
	// IEC 61000-3-2, M), but for the old ones that one house in five still has.
	factor := func(n int64, watts float64) float64 {
		if watts > 75 && Uniform(h.Seed, n) > 0.2 {
			return 0.95
		}
		return 0.62
	}
	b := func(n int64, lo, hi float64) float64 { return Between(h.Seed, n, lo, hi) }
	return [...]appliance{
		{Fridge{Power: b(1, 70, 150), Period: time.Duration(b(2, 35, 75) * float64(time.Minute)), Duty: b(3, 0.3, 0.55), Surge: 6, Seed: s + 1}, 0.75},
		{Use{Power: b(4, 1500, 2400), UsesPerDay: 4, MinOn: 2 * time.Minute, MaxOn: 5 * time.Minute, Seed: s + 10}, 1},                                                                          // kettle
		{Use{Power: b(5, 800, 1500), UsesPerDay: 3, MinOn: time.Minute, MaxOn: 8 * time.Minute, Seed: s + 20}, 0.93},                                                                            // microwave oven
		{Use{Power: b(6, 60, 160), UsesPerDay: 2, MinOn: 40 * time.Minute, MaxOn: 3 * time.Hour, Ripple: 0.06, RippleTime: 20 * time.Second, Idle: 1, Seed: s + 30}, factor(12, b(6, 60, 160))}, // television
		{Use{Power: b(7, 20, 80), UsesPerDay: 3, MinOn: time.Hour, MaxOn: 4 * time.Hour, Seed: s + 40}, 0.6},                                                                                    // lamps
		{Use{Power: b(8, 50, 140), UsesPerDay: 1.5, MinOn: time.Hour, MaxOn: 5 * time.Hour, Ripple: 0.08, RippleTime: 45 * time.Second, Idle: 2, Seed: s + 50}, factor(13, b(8, 50, 140))},      // computer
		{Use{Power: b(9, 180, 300), UsesPerDay: 0.6, MinOn: 40 * time.Minute, MaxOn: 90 * time.Minute, Ripple: 0.2, RippleTime: 15 * time.Second, Cycle: 20 * time.Second, Seed: s + 60}, 0.6},
		{Use{Power: b(10, 600, 1100), UsesPerDay: 1.5, MinOn: 20 * time.Minute, MaxOn: 50 * time.Minute, Cycle: 90 * time.Second, Seed: s + 70}, 1}, // rice cooker
		{Use{Power: b(11, 30, 60), UsesPerDay: 24, MinOn: 13 * time.Minute, MaxOn: 14 * time.Minute, Ripple: 0.01, RippleTime: time.Minute, Seed: s + 80}, 0.6},
	}
}

// Watts is the house's active power at t.
func (h House) Watts(t time.Duration) float64 {
	w, _ := h.Power(t)
	return w
}

// Power is the active power and the non-active volt-amperes (reactive and
// distortion together, taken as in phase between appliances: an upper bound).
func (h House) Power(t time.Duration) (watts, nonActive float64) {
	for _, a := range h.appliances() {
		w := a.load.Watts(t)
		watts += w
		nonActive += float64(w * math.Sqrt(1/(a.factor*a.factor)-1))
	}
	return watts, nonActive
}
