package sim

import (
	"math"
	"time"
)

// SocketDay is a day of a socket: one charger that is plugged in once, or one
// other appliance as people use it.
type SocketDay struct {
	Kind    string
	Charger *Charger      // nil for other appliances
	Plugged time.Duration // when the charger was

	load           Load
	factor, spread float64 // power factor, and harmonics as a share of the fundamental current
}

// Watts is the active power at t.
func (d SocketDay) Watts(t time.Duration) float64 {
	if d.Charger != nil {
		return d.Charger.Watts(t - d.Plugged)
	}
	return d.load.Watts(t)
}

// Factor is the power factor at the given power.
func (d SocketDay) Factor(watts float64) float64 {
	if d.Charger != nil {
		return d.Charger.PowerFactor(watts)
	}
	if watts <= 0 {
		return 0
	}
	return d.factor
}

// Distortion is the total harmonic distortion of the current in %.
func (d SocketDay) Distortion(watts float64) float64 {
	switch {
	case watts <= 0:
		return 0
	case d.Charger != nil && d.Charger.Factor < 0.9:
		f := d.Charger.PowerFactor(watts) / 0.97 // what displacement leaves (C)
		return 100 * math.Sqrt(1/(f*f)-1)
	case d.Charger != nil:
		return 12
	}
	return 100 * d.spread
}

// DrawCharger is a charger by seed: 60–520 W, lead and lithium,
// two in five with power factor correction, a battery emptied to a depth between
// shallow and 1, soft starts, half of them with dips.
func DrawCharger(seed uint64, shallow float64) Charger {
	power := Between(seed, 1, 62, 520)
	depth := Between(seed, 2, shallow, 1)
	factor := Between(seed, 3, 0.53, 0.66)
	if Uniform(seed, 4) < 0.4 {
		factor = 0.97
	}
	c := Lithium(power, depth, factor)
	if Uniform(seed, 5) < 0.6 {
		c = LeadAcid(power, depth, factor)
	}
	c.Start = Between(seed, 6, 0.87, 0.98)
	c.Ramp = time.Duration(Between(seed, 7, 0, 12) * float64(time.Second))
	c.Seed, c.Dips = seed, Uniform(seed, 8) < 0.5
	return c
}

// DrawSocketDay is a charger's day by seed, or one of another appliance: every
// kind of socketKinds is as likely as every other.
func DrawSocketDay(seed uint64, charger bool) SocketDay {
	if charger {
		c := DrawCharger(seed, 0.05)
		return SocketDay{Kind: "charger", Charger: &c, Plugged: time.Duration(Between(seed, 20, 10, 120) * float64(time.Minute))}
	}
	kinds := socketKinds()
	k := kinds[int(Uniform(seed, 21)*float64(len(kinds)))]
	d := k.draw(draw{seed})
	d.Kind = k.name
	return d
}

// socketKind is a kind of appliance that one finds on a socket or as a light.
type socketKind struct {
	name string
	draw func(d draw) SocketDay
}

// draw gives the parameters of one appliance of a kind.
type draw struct{ seed uint64 }

func (d draw) of(n int64, lo, hi float64) float64 { return Between(d.seed, 100+n, lo, hi) }

func (d draw) minutes(n int64, lo, hi float64) time.Duration {
	return time.Duration(d.of(n, lo, hi) * float64(time.Minute))
}

func (d draw) turns(perDay float64, least, most time.Duration) Turns {
	return Turns{PerDay: perDay, MinOn: least, MaxOn: most, Seed: 1000 * d.seed}
}

// The currents' shapes: an induction motor lags, a rectifier takes pulses, a
// corrected one hardly, a heater follows the voltage. Below 75 W few supplies
// have correction (class D of IEC 61000-3-2 begins there, M), above it four in five.
func motor(d draw, l Load) SocketDay {
	return SocketDay{load: l, factor: d.of(90, 0.6, 0.9), spread: d.of(91, 0.04, 0.15)}
}

func supply(d draw, watts float64, l Load) SocketDay {
	if watts > 75 && Uniform(d.seed, 192) > 0.2 {
		return SocketDay{load: l, factor: d.of(90, 0.92, 0.985), spread: d.of(91, 0.05, 0.2)}
	}
	return SocketDay{load: l, factor: d.of(90, 0.5, 0.66), spread: d.of(91, 1.1, 1.6)}
}

func heater(d draw, l Load) SocketDay {
	return SocketDay{load: l, factor: d.of(90, 0.993, 1), spread: d.of(91, 0.02, 0.05)}
}

// socketKinds lists them. Powers, hours and habits are M: what such appliances are
// rated at and commonly used for; falls while warming up and the length of
// compressors' cycles lie around those of measured ones.
func socketKinds() []socketKind {
	const hour = time.Hour
	return []socketKind{
		{"refrigerator", func(d draw) SocketDay {
			return motor(d, Fridge{Power: d.of(1, 60, 180), Period: d.minutes(2, 40, 240), Duty: d.of(3, 0.25, 0.7), Surge: d.of(4, 4, 8), Fall: d.of(5, 0.1, 0.45), Settle: d.minutes(6, 4, 40), Seed: d.seed})
		}},
		{"freezer", func(d draw) SocketDay {
			return motor(d, Fridge{Power: d.of(1, 100, 250), Period: d.minutes(2, 20, 60), Duty: d.of(3, 0.08, 0.4), Surge: d.of(4, 4, 8), Fall: d.of(5, 0.2, 0.45), Settle: d.minutes(6, 1.5, 5), Seed: d.seed})
		}},
		{"dehumidifier", func(d draw) SocketDay {
			return motor(d, Fridge{Power: d.of(1, 150, 350), Period: d.minutes(2, 60, 300), Duty: d.of(3, 0.4, 0.9), Surge: d.of(4, 3, 6), Fall: -d.of(5, 0.02, 0.15), Settle: d.minutes(6, 2, 10), Seed: d.seed})
		}},
		{"computer", func(d draw) SocketDay {
			p := d.of(1, 55, 170)
			return supply(d, p, Worker{Turns: d.turns(3, hour, 5*hour), Power: p, Spread: d.of(2, 0.02, 0.2), Pace: d.minutes(3, 0.3, 10), Idle: 2})
		}},
		{"laptop", func(d draw) SocketDay { // its battery is charged as a bike's is
			c := Lithium(d.of(1, 30, 95), d.of(2, 0.1, 0.5), 0.58)
			return supply(d, c.Power, plugged{c, d.turns(4, 2*hour, 3*hour)})
		}},
		{"television", func(d draw) SocketDay {
			p := d.of(1, 55, 200)
			return supply(d, p, Worker{Turns: d.turns(3, 40*time.Minute, 4*hour), Power: p, Spread: d.of(2, 0.02, 0.12), Pace: d.minutes(3, 0.1, 1), Idle: 1})
		}},
		{"television at rest", func(d draw) SocketDay {
			p := d.of(1, 60, 200)
			return supply(d, p, Steady{Turns: d.turns(3, 40*time.Minute, 4*hour), Power: p, Warm: d.of(2, 0.01, 0.08), WarmTime: d.minutes(3, 5, 15)})
		}},
		{"console", func(d draw) SocketDay {
			p := d.of(1, 70, 190)
			return supply(d, p, Worker{Turns: d.turns(2, hour, 3*hour), Power: p, Spread: d.of(2, 0.01, 0.08), Pace: d.minutes(3, 1, 15), Idle: 2})
		}},
		{"filament lamps", func(d draw) SocketDay {
			return heater(d, Steady{Turns: d.turns(1.5, 2*hour, 8*hour), Power: d.of(1, 55, 200), Resistive: true})
		}},
		{"stair lights", func(d draw) SocketDay {
			p := d.of(1, 50, 150)
			return supply(d, p, Steady{Turns: d.turns(1.5, 4*hour, 10*hour), Power: p, Warm: d.of(2, 0, 0.08), WarmTime: d.minutes(3, 4, 15)})
		}},
		{"stair lights on a timer", func(d draw) SocketDay {
			p := d.of(1, 50, 200)
			return supply(d, p, Steady{Turns: d.turns(30, time.Minute, 6*time.Minute), Power: p, Warm: 0.02, WarmTime: 5 * time.Minute})
		}},
		{"fan", func(d draw) SocketDay {
			return motor(d, Steady{Turns: d.turns(2, hour, 6*hour), Power: d.of(1, 50, 120), Warm: d.of(2, 0.01, 0.06), WarmTime: d.minutes(3, 5, 20)})
		}},
		{"pump", func(d draw) SocketDay {
			return motor(d, Steady{Turns: d.turns(d.of(1, 10, 40), 2*time.Minute, d.minutes(2, 4, 20)), Power: d.of(3, 60, 400), Warm: d.of(4, 0, 0.08), WarmTime: time.Minute})
		}},
		{"heater with a thermostat", func(d draw) SocketDay {
			return heater(d, Steady{Turns: d.turns(3, 30*time.Minute, 4*hour), Power: d.of(1, 60, 720), Thermostat: d.minutes(2, 1, 12), Resistive: true})
		}},
		{"heater", func(d draw) SocketDay {
			return heater(d, Steady{Turns: d.turns(3, 20*time.Minute, 3*hour), Power: d.of(1, 200, 2000), Warm: d.of(2, 0, 0.3), WarmTime: d.minutes(3, 0.5, 3), Resistive: true})
		}},
		{"kettle", func(d draw) SocketDay {
			return heater(d, Steady{Turns: d.turns(12, 2*time.Minute, 6*time.Minute), Power: d.of(1, 1200, 2200), Resistive: true})
		}},
		{"rice cooker", func(d draw) SocketDay {
			return heater(d, Steady{Turns: d.turns(3, 20*time.Minute, 50*time.Minute), Power: d.of(1, 350, 900), Thermostat: d.minutes(2, 0.8, 4), Resistive: true})
		}},
		{"vacuum cleaner", func(d draw) SocketDay {
			return motor(d, Worker{Turns: d.turns(2, 3*time.Minute, 20*time.Minute), Power: d.of(1, 500, 1400), Spread: 0.05, Pace: 20 * time.Second})
		}},
		{"washing machine", func(d draw) SocketDay {
			return motor(d, Program{Turns: d.turns(2, 50*time.Minute, 90*time.Minute), Heat: d.of(1, 1800, 2200), Drum: d.of(2, 80, 250), Pump: d.of(3, 30, 120)})
		}},
		{"water dispenser", func(d draw) SocketDay {
			return heater(d, Steady{Turns: d.turns(30, 2*time.Minute, 7*time.Minute), Power: d.of(1, 380, 560), Resistive: true})
		}},
		{"advertising screen", func(d draw) SocketDay {
			p := d.of(1, 80, 250)
			return supply(d, p, Worker{Turns: d.turns(1.5, 5*hour, 12*hour), Power: p, Spread: d.of(2, 0.02, 0.15), Pace: 15 * time.Second, Idle: 3})
		}},
		{"coffee machine", func(d draw) SocketDay {
			return heater(d, Steady{Turns: d.turns(6, time.Minute, 20*time.Minute), Power: d.of(1, 900, 1400), Thermostat: d.minutes(2, 0.5, 3), Resistive: true})
		}},
		{"microwave oven", func(d draw) SocketDay {
			return motor(d, Steady{Turns: d.turns(4, time.Minute, 8*time.Minute), Power: d.of(1, 800, 1500)})
		}},
		{"printer", func(d draw) SocketDay {
			p := d.of(1, 200, 600)
			return supply(d, p, Worker{Turns: d.turns(8, 30*time.Second, 3*time.Minute), Power: p, Spread: 0.4, Pace: 5 * time.Second, Idle: 8})
		}},
		{"small lamp", func(d draw) SocketDay {
			return supply(d, 20, Steady{Turns: d.turns(2, hour, 6*hour), Power: d.of(1, 3, 40)})
		}},
		{"small supply", func(d draw) SocketDay { // router, camera, amplifier
			return supply(d, 20, Worker{Turns: d.turns(1.5, 6*hour, 12*hour), Power: d.of(1, 4, 42), Spread: 0.05, Pace: 20 * time.Second})
		}},
		{"telephone charger", func(d draw) SocketDay {
			return supply(d, 10, plugged{Lithium(d.of(1, 5, 40), 0.3, 0.55), d.turns(4, 2*hour, 3*hour)})
		}},
		{"monitor", func(d draw) SocketDay {
			p := d.of(1, 18, 50)
			return supply(d, p, Steady{Turns: d.turns(4, hour, 4*hour), Power: p, Warm: d.of(2, 0.01, 0.05), WarmTime: d.minutes(3, 5, 15)})
		}},
		{"tool", func(d draw) SocketDay {
			return motor(d, Worker{Turns: d.turns(20, 20*time.Second, 3*time.Minute), Power: d.of(1, 200, 900), Spread: 0.25, Pace: 4 * time.Second})
		}},
	}
}

// plugged is a charger with the turns in which it is plugged in.
type plugged struct {
	c Charger
	Turns
}

func (p plugged) Watts(t time.Duration) float64 {
	in, _, on := p.At(t)
	if !on {
		return 0
	}
	return p.c.Watts(in)
}
