package detect

import (
	"testing"
	"time"

	"weishao.dev/weishao/rules/detect/sim"
)

// drawCharger is a random charger of FACTS' kinds: 60–520 W, lead and lithium,
// plain and corrected power factor, any depth of discharge that leaves a bulk
// phase of more than 20 minutes.
func drawCharger(seed uint64) sim.Charger {
	power := sim.Between(seed, 1, 62, 520)
	depth := sim.Between(seed, 2, 0.15, 1)
	factor := sim.Between(seed, 3, 0.53, 0.66)
	if sim.Uniform(seed, 4) < 0.4 {
		factor = 0.97
	}
	c := sim.Lithium(power, depth, factor)
	if sim.Uniform(seed, 5) < 0.6 {
		c = sim.LeadAcid(power, depth, factor)
	}
	c.Start = sim.Between(seed, 6, 0.87, 0.98)
	c.Ramp = time.Duration(sim.Between(seed, 7, 0, 12) * float64(time.Second))
	c.Seed, c.Dips = seed, sim.Uniform(seed, 8) < 0.5
	return c
}

// foundOnSocket runs a charger plugged in after ten quiet minutes and tells how
// long after that it was flagged.
func foundOnSocket(c sim.Charger, s sim.Sensor, step time.Duration, idle float64) (time.Duration, bool) {
	d := newCharging("corridor_socket")
	const before = 10 * time.Minute
	for at := time.Duration(0); at < before+20*time.Minute; at += step {
		d.Observe(chargePower, at.Milliseconds()+1, s.Read(at, idle+c.Watts(at-before)))
		if l, _ := d.Output(0); l >= 0.8 {
			return at - before, true
		}
	}
	return 0, false
}

// Every simulated charger is flagged within three minutes by a good meter, 97 in
// 100 at 2 % noise and steps of 5 W, and nearly nine in ten at 3 % and 10 W.
func TestSimulatedChargersOnSockets(t *testing.T) {
	for _, c := range []struct {
		spoil
		misses int // of 200 chargers at each sampling
	}{{spoil{0, 0.1}, 0}, {spoil{0.01, 1}, 2}, {spoil{0.02, 5}, 6}, {spoil{0.03, 10}, 25}} {
		for _, step := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second} {
			late := 0
			for i := range uint64(200) {
				charger := drawCharger(i)
				sensor := sim.Sensor{Seed: i, Relative: c.relative, Step: c.step, Max: 1e6}
				at, ok := foundOnSocket(charger, sensor, step, sim.Between(i, 9, 0, 8))
				if !ok || at > 3*time.Minute {
					late++
					if testing.Verbose() && late <= 2 {
						t.Logf("charger %d: %+v found %v after %v", i, charger, ok, at)
					}
				}
			}
			t.Logf("noise %g step %g W every %v: %d of 200 chargers later than 3 min", c.relative, c.step, step, late)
			if late > c.misses {
				t.Errorf("noise %g step %g W every %v: %d of 200 chargers later than 3 min, want at most %d", c.relative, c.step, step, late, c.misses)
			}
		}
	}
}
