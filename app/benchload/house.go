package benchload

import (
	"time"

	"weishao.dev/weishao/devices/simulated"
	"weishao.dev/weishao/internal/sim"
	"weishao.dev/weishao/telemetry"
)

// kind is one kind of device that the load consists of.
type kind struct {
	name, placement string
	channels        func(seed uint64) []simulated.Channel
}

// kinds are what a building has; each device measures metricsOf values.
var kinds = []kind{
	{"kitchen", "kitchen_gas", func(seed uint64) []simulated.Channel {
		return append(air(seed), simulated.Gas(seed, "gas.ch4", func(simulated.Moment) float64 { return 0 }),
			simulated.CO(seed+1, func(simulated.Moment) float64 { return 1 }))
	}},
	{"room", "room_smoke", func(seed uint64) []simulated.Channel {
		return append(air(seed), simulated.Smoke(seed, func(simulated.Moment) float64 { return 0 }),
			simulated.CO(seed+1, func(simulated.Moment) float64 { return 1 }))
	}},
	{"socket", "corridor_socket", func(seed uint64) []simulated.Channel {
		return append(simulated.Meter(seed, func(simulated.Moment) (float64, float64) { return 0.6, 0.5 }), frequency(seed))
	}},
	{"feeder", "dwelling_feeder", func(seed uint64) []simulated.Channel {
		return append(simulated.Meter(seed, simulated.Household(seed)), frequency(seed))
	}},
}

// metricsOf is how many metrics each device of the load has.
const metricsOf = 5

func air(seed uint64) []simulated.Channel {
	return []simulated.Channel{
		simulated.Temperature(seed+2, simulated.Ambient(seed)),
		simulated.Sensed("humidity", sim.Sensor{Seed: seed + 3, Noise: 0.3, Step: 0.1, Max: 100}, func(m simulated.Moment) float64 {
			return 45 + float64(5*sim.Wander(seed+3, m.Since.Seconds(), 1800))
		}),
		simulated.Sensed("pm2_5", sim.Sensor{Seed: seed + 4, Noise: 1, Step: 1, Max: 1000}, func(m simulated.Moment) float64 {
			return 30 + float64(8*sim.Wander(seed+4, m.Since.Seconds(), 900))
		}),
	}
}

func frequency(seed uint64) simulated.Channel {
	return simulated.Sensed("frequency", sim.Sensor{Seed: seed + 5, Noise: 0.01, Step: 0.01, Max: 70}, func(simulated.Moment) float64 { return 50 })
}

// variants is how many different devices of each kind there are; the rest are
// copies of these.
const variants = 12

// table is what one device measures, second by second.
type table struct {
	kind    *kind
	metrics [metricsOf]string
	values  [][metricsOf]float64
}

// at is what the device measures so long after the beginning.
func (t *table) at(since time.Duration) *[metricsOf]float64 {
	return &t.values[int(since/time.Second)%len(t.values)]
}

// tables computes all there are, for a time.
func tables(length time.Duration) []*table {
	start := time.Date(2026, 1, 5, 14, 0, 0, 0, time.UTC)
	var list []*table
	for v := range uint64(variants) {
		for k := range kinds {
			t := &table{kind: &kinds[k], values: make([][metricsOf]float64, max(1, int(length/time.Second)))}
			for c, ch := range kinds[k].channels(v*100 + uint64(k)) {
				t.metrics[c] = ch.Metric
				for s := range t.values {
					since := time.Duration(s) * time.Second
					t.values[s][c], _ = ch.Read(simulated.Moment{Since: since, Now: start.Add(since)})
				}
			}
			list = append(list, t)
		}
	}
	return list
}

// hazardPoints are three readings of a leak that ends its hold with the last one.
func hazardPoints(now time.Time) [3]telemetry.Point {
	var p [3]telemetry.Point
	for i, before := range []time.Duration{hazardLength, hazardLength / 2, 0} {
		p[i] = telemetry.Point{Metric: "gas.ch4", Time: now.Add(-before).UnixMilli(), Value: 30, Quality: telemetry.Good}
	}
	return p
}

// hazardLength is a little more than the hold of the rule gas-leak.
const hazardLength = 2100 * time.Millisecond
