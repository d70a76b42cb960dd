package neighbourhood

import (
	"time"

	"weishao.dev/weishao/devices/simulated"
	"weishao.dev/weishao/internal/sim"
)

// channels is what a device of a placement measures on an ordinary day, with what
// the story adds to it; nil for a placement that the neighbourhood does not have.
func channels(name, placement string) []simulated.Channel {
	seed := simulated.SeedOf(name)
	ambient := simulated.Ambient(seed)
	switch placement {
	case "kitchen_gas":
		return []simulated.Channel{simulated.Gas(seed, "gas.ch4", plus(meals(seed), gasStory[name]))}
	case "room_co":
		return []simulated.Channel{simulated.CO(seed, func(simulated.Moment) float64 { return 1 })}
	case "room_smoke":
		return []simulated.Channel{
			simulated.Smoke(seed, plus(nothing, smokeStory[name])),
			simulated.Temperature(seed+1, ambient),
		}
	case "stair_smoke":
		return []simulated.Channel{simulated.Smoke(seed, nothing), simulated.Temperature(seed+1, ambient)}
	case "corridor_socket":
		load := standby
		if charger, ok := chargerStory[name]; ok {
			load = simulated.Sum(standby, charger)
		}
		return simulated.Meter(seed, load)
	case "stair_light":
		return simulated.Meter(seed, light)
	case "dwelling_feeder":
		return simulated.Meter(seed, flat(seed))
	case "meter_box":
		return box(seed)
	case "bike_shed":
		if isAir(name) {
			return []simulated.Channel{simulated.Smoke(seed, nothing), simulated.Temperature(seed+1, ambient)}
		}
		return simulated.Meter(seed, shed(seed))
	}
	return nil
}

type truth = func(simulated.Moment) float64

func nothing(simulated.Moment) float64 { return 0 }

// plus adds what the story brings, if anything.
func plus(a, story truth) truth {
	if story == nil {
		return a
	}
	return func(m simulated.Moment) float64 { return a(m) + story(m) }
}

// meals are the puffs of a kitchen that cooks three times a day: a burner that
// catches at the second try, cooking wine in a hot pan. None reaches 6 %LEL.
func meals(seed uint64) truth {
	const spread = 50 * time.Minute
	return func(m simulated.Moment) float64 {
		day, now := m.Now.Unix()/86400, m.Midnight(nil)
		level := 0.0
		for i, at := range []time.Duration{6*time.Hour + 30*time.Minute, 11 * time.Hour, 17*time.Hour + 20*time.Minute} {
			n := 10*day + int64(i)
			if sim.Uniform(seed, n) > 0.8 {
				continue // eats out
			}
			start := at + time.Duration(sim.Between(seed+1, n, 0, float64(spread)))
			for puff := range int64(3) {
				after := time.Duration(sim.Between(seed+2, 10*n+puff, 0, float64(15*time.Minute)))
				b := sim.Burst{Peak: sim.Between(seed+3, 10*n+puff, 0.3, 2), Rise: 4 * time.Second, Decay: 60 * time.Second}
				level += b.At(now - start - after)
			}
		}
		return level
	}
}

// standby is a socket with nothing on it but its own meter.
func standby(simulated.Moment) (watts, factor float64) { return 0.6, 0.5 }

// light is a stairwell's lamps, on from dusk to dawn.
func light(m simulated.Moment) (watts, factor float64) {
	if now := m.Midnight(nil); now > 6*time.Hour && now < 18*time.Hour {
		return 0.8, 0.4
	}
	return 26, 0.9
}

// flat is what a small flat's feeder carries: a refrigerator, a kettle, a rice
// cooker, a microwave oven, lamps and a small television.
func flat(seed uint64) simulated.Load {
	between := func(n int64, lo, hi float64) float64 { return sim.Between(seed, n, lo, hi) }
	minutes := func(n int64, lo, hi float64) time.Duration {
		return time.Duration(between(n, lo, hi) * float64(time.Minute))
	}
	type appliance struct {
		load   sim.Load
		factor float64
	}
	appliances := []appliance{
		{sim.Fridge{Power: between(1, 70, 120), Period: minutes(2, 35, 70), Duty: between(3, 0.3, 0.5), Surge: 6, Seed: seed + 1}, 0.75},
		{sim.Use{Power: between(4, 1500, 2000), UsesPerDay: 5, MinOn: 2 * time.Minute, MaxOn: 5 * time.Minute, Seed: seed + 10}, 1},
		{sim.Use{Power: between(5, 600, 900), UsesPerDay: 2, MinOn: 15 * time.Minute, MaxOn: 25 * time.Minute, Seed: seed + 20}, 1},
		{sim.Use{Power: between(6, 900, 1300), UsesPerDay: 2, MinOn: time.Minute, MaxOn: 6 * time.Minute, Seed: seed + 30}, 0.93},
		{sim.Use{Power: between(7, 12, 28), UsesPerDay: 3, MinOn: time.Hour, MaxOn: 4 * time.Hour, Seed: seed + 40}, 0.6},
		{sim.Use{Power: between(8, 30, 50), UsesPerDay: 1.5, MinOn: 40 * time.Minute, MaxOn: 3 * time.Hour, Ripple: 0.06, RippleTime: 20 * time.Second, Idle: 1, Seed: seed + 50}, 0.9},
	}
	lived := time.Duration(between(9, 0, float64(20*24*time.Hour)))
	loads := make([]simulated.Load, len(appliances))
	for i, a := range appliances {
		loads[i] = func(m simulated.Moment) (float64, float64) { return a.load.Watts(m.Since + lived), a.factor }
	}
	return simulated.Sum(loads...)
}

// box is a meter box: the current of a whole building by the hour in its worst
// joint, and the leakage of all its old kettles together.
func box(seed uint64) []simulated.Channel {
	ambient := simulated.Ambient(seed)
	return []simulated.Channel{
		simulated.Temperature(seed, func(m simulated.Moment) float64 {
			evening := 18 + float64(10*sim.Wander(seed, m.Since.Seconds(), 1200))
			return sim.BoxTemperature(ambient(m), min(max(evening, 4), 34))
		}),
		simulated.Residual(seed+1, func(m simulated.Moment) float64 {
			return 14 + float64(4*sim.Wander(seed+2, m.Since.Seconds(), 900))
		}),
	}
}

// shed is a socket of a bike shed, where charging is what the place is for: a
// charger by the seed, plugged in twice a day.
func shed(seed uint64) simulated.Load {
	power, depth := sim.Between(seed, 1, 120, 300), sim.Between(seed, 2, 0.3, 0.8)
	c := sim.LeadAcid(power, depth, 0.58)
	if sim.Uniform(seed, 3) < 0.4 {
		c = sim.Lithium(power, depth, 0.6)
	}
	c.Seed = seed
	return simulated.Charging(c, time.Duration(sim.Between(seed, 4, 0, float64(20*time.Minute))), 12*time.Hour)
}
