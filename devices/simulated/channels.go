package simulated

import (
	"math"
	"time"

	"weishao.dev/weishao/internal/sim"
	"weishao.dev/weishao/telemetry"
)

// Load is what a circuit draws at a moment: active power in W and power factor.
type Load func(Moment) (watts, factor float64)

// Charging is a charger that is plugged in at after, and again every so often;
// every 0 means once. It is unplugged half an hour after the battery is full.
func Charging(c sim.Charger, after, every time.Duration) Load {
	unplugged := c.Length() + 30*time.Minute
	return func(m Moment) (float64, float64) {
		t := m.Since - after
		if every > 0 && t >= 0 {
			t %= every
		}
		if t >= unplugged {
			return 0, 0
		}
		w := c.Watts(t)
		return w, c.PowerFactor(w)
	}
}

// Household is what a dwelling's feeder carries. The house has been lived in for
// an offset by its seed, so that no two begin alike.
func Household(seed uint64) Load {
	h := sim.House{Seed: seed}
	lived := time.Duration(sim.Between(seed, 99, 0, float64(20*24*time.Hour)))
	return func(m Moment) (float64, float64) {
		w, non := h.Power(m.Since + lived)
		return w, sim.Factor(w, non)
	}
}

// Sum is several loads on one circuit, their non-active parts taken as in phase.
func Sum(loads ...Load) Load {
	return func(m Moment) (float64, float64) {
		var watts, non float64
		for _, l := range loads {
			w, f := l(m)
			watts += w
			if f > 0 && f < 1 {
				non += float64(w * math.Sqrt(1/float64(f*f)-1))
			}
		}
		return watts, sim.Factor(watts, non)
	}
}

// Meter measures a load as a PZEM-004T does: power by 0.1 W, current by 1 mA,
// voltage by 0.1 V, power factor by 0.01, each with noise of a few of these.
func Meter(seed uint64, load Load) []Channel {
	volts := func(m Moment) float64 {
		w, _ := load(m)
		return sim.Volts(seed, m.Since, w)
	}
	return []Channel{
		Sensed("power", sim.Sensor{Seed: seed + 1, Noise: 0.1, Relative: 0.004, Step: 0.1, Max: 50_000}, func(m Moment) float64 {
			w, _ := load(m)
			return w
		}),
		Sensed("current", sim.Sensor{Seed: seed + 2, Relative: 0.004, Step: 0.001, Max: 100}, func(m Moment) float64 {
			w, f := load(m)
			return sim.Amps(w, volts(m), f)
		}),
		Sensed("voltage", sim.Sensor{Seed: seed + 3, Noise: 0.2, Step: 0.1, Max: 500}, volts),
		Sensed("power_factor", sim.Sensor{Seed: seed + 4, Noise: 0.002, Step: 0.01, Min: -1, Max: 1}, func(m Moment) float64 {
			_, f := load(m)
			return f
		}),
	}
}

// Gas is a fuel gas sensor in clean air to which gas adds %LEL: a semiconductor
// cell with an offset of its own, which follows with a time constant of 6 s and
// drifts a little.
func Gas(seed uint64, metric string, gas func(Moment) float64) Channel {
	s := sim.Sensor{Seed: seed, Offset: sim.Between(seed, 1, 0.1, 0.5), Noise: 0.06, Relative: 0.01, Step: 0.01, Max: 100}
	return Sensed(metric, s, func(m Moment) float64 {
		return sim.Lag(func(t time.Duration) float64 { return gas(m.at(t)) }, m.Since, 6*time.Second, math.MinInt64)
	})
}

// at is the moment at another time since the same Start.
func (m Moment) at(since time.Duration) Moment {
	return Moment{Since: since, Now: m.Now.Add(since - m.Since)}
}

// Smoke is an optical smoke meter with an offset of its own.
func Smoke(seed uint64, smoke func(Moment) float64) Channel {
	return Sensed("smoke", sim.Sensor{Seed: seed, Offset: sim.Between(seed, 1, 0.004, 0.02), Noise: 0.003, Step: 0.001, Max: 20}, smoke)
}

// Temperature is a thermistor, by 0.1 °C.
func Temperature(seed uint64, temperature func(Moment) float64) Channel {
	return Sensed("temperature", sim.Sensor{Seed: seed, Offset: sim.Between(seed, 1, -0.3, 0.3), Noise: 0.05, Step: 0.1, Min: -40, Max: 1200}, temperature)
}

// CO is an electrochemical cell, by 1 ppm.
func CO(seed uint64, co func(Moment) float64) Channel {
	return Sensed("co", sim.Sensor{Seed: seed, Noise: 0.6, Step: 1, Max: 5000}, co)
}

// Residual is a ring around all conductors, by 1 mA.
func Residual(seed uint64, milliamps func(Moment) float64) Channel {
	return Sensed("residual_current", sim.Sensor{Seed: seed, Noise: 0.5, Step: 1, Max: 5000}, milliamps)
}

// Ambient is a room's temperature over the day, by its own mean between 18 and
// 24 °C.
func Ambient(seed uint64) func(Moment) float64 {
	mean := sim.Between(seed, 2, 18, 24)
	return func(m Moment) float64 {
		return sim.RoomTemperature(mean, m.Midnight(nil)) + float64(0.3*sim.Wander(seed, m.Since.Seconds(), 1800))
	}
}

// FaultBetween lets a channel report a fault from from to to.
func FaultBetween(c Channel, from, to time.Duration, q telemetry.Quality) Channel {
	return Channel{c.Metric, func(m Moment) (float64, telemetry.Quality) {
		if m.Since >= from && m.Since < to {
			return 0, q
		}
		return c.Read(m)
	}}
}
