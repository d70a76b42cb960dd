package detect

import (
	"testing"
	"time"

	"weishao.dev/weishao/internal/sim"
)

// drawCharger is a charger by seed whose bulk lasts for more than a quarter of an hour.
func drawCharger(seed uint64) sim.Charger { return sim.DrawCharger(seed, 0.15) }

// foundOnSocket runs a charger plugged in after ten quiet minutes and tells how
// long after that it was flagged.
func foundOnSocket(c sim.Charger, s sim.Sensor, step time.Duration, idle float64) (time.Duration, bool) {
	d := newCharging("corridor_socket", 0)
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
// 100 at 2 % noise and steps of 5 W, and 95 at 3 % and 10 W.
func TestSimulatedChargersOnSockets(t *testing.T) {
	for _, c := range []struct {
		spoil
		misses int // of 200 chargers at each sampling
	}{{spoil{0, 0.1}, 0}, {spoil{0.01, 1}, 2}, {spoil{0.02, 5}, 6}, {spoil{0.03, 10}, 10}} {
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

// A meter that reports on change, at the latest after 13 minutes, is judged by
// what it stays silent about: with wake-ups within three minutes, without them
// at its next report.
func TestChargerOnAMeterThatReportsOnChange(t *testing.T) {
	const before = 10 * time.Minute
	for i := range uint64(50) {
		charger := drawCharger(i)
		for _, wakes := range []bool{true, false} {
			d := newCharging("corridor_socket", 0)
			last, lastAt, found := -100.0, time.Duration(0), time.Duration(-1)
			for at := time.Duration(0); at < before+30*time.Minute && found < 0; at += time.Second {
				if v := charger.Watts(at - before); at == 0 || v > last+3 || v < last-3 || at-lastAt >= 13*time.Minute {
					last, lastAt = v, at
					d.Observe(chargePower, at.Milliseconds()+1, v)
				} else if w := d.Wake(); wakes && w != 0 && w <= at.Milliseconds()+1 {
					d.Advance(w)
				}
				if l, _ := d.Output(0); l >= 0.8 {
					found = at - before
				}
			}
			if most := map[bool]time.Duration{true: 3 * time.Minute, false: 16 * time.Minute}[wakes]; found < 0 || found > most {
				t.Errorf("charger %d (%.0f W), wake-ups %v: found after %v, want within %v", i, charger.Power, wakes, found, most)
			}
		}
	}
}

// Loads that are no chargers stay quiet on a socket, but for a screen whose
// unrest happens to look like a meter's noise: 1 in 200 loads here.
func TestOtherLoadsOnSocketsAreNotChargers(t *testing.T) {
	wrong := 0
	for i := range uint64(40) {
		for name, load := range map[string]sim.Load{
			"fridge":      sim.Fridge{Power: sim.Between(i, 1, 60, 180), Period: 45 * time.Minute, Duty: 0.4, Surge: 6, Seed: i},
			"kettle":      sim.Use{Power: 2000, UsesPerDay: 20, MinOn: 2 * time.Minute, MaxOn: 5 * time.Minute, Seed: i},
			"television":  sim.Use{Power: sim.Between(i, 2, 70, 200), UsesPerDay: 4, MinOn: time.Hour, MaxOn: 3 * time.Hour, Ripple: 0.08, RippleTime: 15 * time.Second, Seed: i},
			"rice cooker": sim.Use{Power: 700, UsesPerDay: 4, MinOn: 20 * time.Minute, MaxOn: 40 * time.Minute, Cycle: 80 * time.Second, Seed: i},
			"laptop":      sim.Use{Power: 45, UsesPerDay: 4, MinOn: time.Hour, MaxOn: 5 * time.Hour, Ripple: 0.1, RippleTime: time.Minute, Seed: i},
		} {
			d := newCharging("corridor_socket", 0)
			sensor := sim.Sensor{Seed: i, Relative: 0.005, Step: 0.1, Max: 1e6}
			for at := time.Duration(0); at < 12*time.Hour; at += 5 * time.Second {
				d.Observe(chargePower, at.Milliseconds()+1, sensor.Read(at, load.Watts(at)))
				if l, _ := d.Output(0); l >= 0.8 {
					wrong++
					t.Logf("%s %d: taken for a charger after %v", name, i, at)
					break
				}
			}
		}
	}
	if wrong > 1 {
		t.Errorf("%d of 200 loads were taken for chargers, want at most 1", wrong)
	}
}

// Energy, power and stage tell the session's course.
func TestSessionStages(t *testing.T) {
	c := sim.Lithium(200, 0.5, 0.6)
	d := newCharging("corridor_socket", 0)
	seen := map[float64]bool{}
	energy := 0.0
	for at := time.Duration(0); at < c.Length()+10*time.Minute; at += 5 * time.Second {
		w := c.Watts(at - time.Minute)
		energy += w * 5 / 3600
		d.Observe(chargePower, at.Milliseconds()+1, w)
		stage, _ := d.Output(3)
		seen[stage] = true
		if e, _ := d.Output(1); stage == stageTaper && (e < 0.9*energy || e > 1.1*energy) {
			t.Fatalf("energy %.0f Wh after %v, want %.0f", e, at, energy)
		}
	}
	for _, stage := range []float64{stageNone, stageBulk, stageTaper, stageDone} {
		if !seen[stage] {
			t.Errorf("stage %g never seen, of %v", stage, seen)
		}
	}
}
