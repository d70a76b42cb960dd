package detect

import (
	"testing"
	"time"

	"weishao.dev/weishao/internal/sim"
)

// EN 54-5 class A1 response windows, in seconds, from 25 °C (M: provisional).
// Air temperature is fed directly: a sensor's own lag comes on top.
func TestHeatRespondsWithinEN54Windows(t *testing.T) {
	for _, c := range []struct{ rate, from, to float64 }{
		{1, 29 * 60, 40*60 + 20}, {3, 7*60 + 13, 13*60 + 40}, {5, 4*60 + 9, 8*60 + 20},
		{10, 60, 4*60 + 20}, {20, 30, 2*60 + 20}, {30, 20, 60 + 40},
	} {
		for _, step := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second} {
			d := newFire("room_smoke", 0)
			at := -1.0
			for x := -10 * time.Minute; x < 45*time.Minute; x += step {
				d.Observe(fireInHeat, (x + time.Hour).Milliseconds(), 25+c.rate*max(x.Minutes(), 0))
				if l, _ := d.Output(2); l >= sure {
					at = x.Seconds()
					break
				}
			}
			if at < c.from || at > c.to+step.Seconds() {
				t.Errorf("%g K/min every %v: alarm at %.0f s, want %.0f to %.0f", c.rate, step, at, c.from, c.to)
			}
		}
	}
}

// Simulated fires are flagged: flaming ones within a minute of ignition, a
// smouldering one before its smoke is dense.
func TestSimulatedFires(t *testing.T) {
	for _, c := range []struct {
		name string
		fire sim.Fire
		by   time.Duration
	}{
		{"fast", sim.Fire{Alpha: 0.0469}, 60 * time.Second},
		{"medium", sim.Fire{Alpha: 0.0117}, 75 * time.Second},
		{"slow", sim.Fire{Alpha: 0.0029}, 2 * time.Minute},
		{"smouldering", sim.Fire{Smoulder: 0.01, Volume: 30}, 20 * time.Minute},
	} {
		for _, step := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second} {
			d := newFire("room_smoke", 0)
			smoke := sim.Sensor{Seed: 1, Noise: 0.015, Offset: 0.05, Max: 20}
			heat := sim.Sensor{Seed: 2, Noise: 0.15, Step: 0.1}
			const clean = 10 * time.Minute
			flagged := time.Duration(-1)
			for at := time.Duration(0); at < time.Hour && flagged < 0; at += step {
				ms := at.Milliseconds() + 1
				d.Observe(fireInSmoke, ms, smoke.Read(at, c.fire.Smoke(max(at-clean, 0))))
				d.Observe(fireInHeat, ms, heat.Read(at, 22+c.fire.Rise(max(at-clean, 0))))
				d.Observe(fireInCO, ms, c.fire.CO(max(at-clean, 0)))
				l, _ := d.Output(2)
				rise, _ := d.Output(0)
				if l >= sure || rise > 0.3 { // dB/m, as the rule smoke says
					flagged = at - clean
				}
			}
			if flagged < 0 || flagged > c.by {
				t.Errorf("%s fire every %v: flagged after %v, want within %v", c.name, step, flagged, c.by)
			}
		}
	}
}
