package detect

import (
	"testing"
	"time"

	"weishao.dev/weishao/internal/sim"
)

// On a circuit that carries something else all day, a charger is found soon beside
// what is steady, mostly soon beside a computer, and beside a refrigerator when that
// rests or goes off.
func TestChargersOnSharedCircuits(t *testing.T) {
	const plugged, runs = 3 * time.Hour, 100
	for _, c := range []struct {
		name   string
		other  func(seed uint64) sim.Load
		within time.Duration
		least  int // of the runs
	}{
		{"a light that was there before", func(uint64) sim.Load { return steadyLoad(60) }, 3 * time.Minute, 100},
		{"a computer", func(seed uint64) sim.Load {
			return sim.Worker{Turns: sim.Turns{PerDay: 24, MinOn: 20 * time.Hour, MaxOn: 21 * time.Hour, Seed: seed}, Power: 90, Spread: 0.08, Pace: 2 * time.Minute}
		}, 3 * time.Minute, 80},
		{"a refrigerator", func(seed uint64) sim.Load {
			return sim.Fridge{Power: sim.Between(seed, 1, 60, 150), Period: time.Hour, Duty: 0.4, Surge: 6, Seed: seed}
		}, 30 * time.Minute, 85},
	} {
		found := 0
		for seed := range uint64(runs) {
			charger := sim.DrawCharger(9000+seed, 0.3)
			other := c.other(seed)
			sensor := sim.Sensor{Seed: seed, Relative: 0.005, Step: 0.5, Max: 1e6}
			start := plugged + time.Duration(seed)*36*time.Second // over the hour
			d := newCharging("meter_box", 0)
			raised := false
			for at := time.Duration(0); at < start+c.within && !raised; at += 5 * time.Second {
				d.Observe(chargePower, at.Milliseconds()+1, sensor.Read(at, other.Watts(at)+charger.Watts(at-start)))
				likely, _ := d.Output(0)
				raised = at >= start && likely >= 0.8
			}
			if raised {
				found++
			}
		}
		t.Logf("beside %s: %d of %d within %v", c.name, found, runs, c.within)
		if found < c.least {
			t.Errorf("beside %s: %d of %d within %v, want %d", c.name, found, runs, c.within, c.least)
		}
	}
}

// steadyLoad draws the same always.
type steadyLoad float64

func (w steadyLoad) Watts(time.Duration) float64 { return float64(w) }
