package detect

import (
	"fmt"
	"testing"
	"time"

	"weishao.dev/weishao/internal/sim"
)

// The levels on which charging-trouble and charging-trouble-severe raise.
const (
	troubleMinor = 0.5
	troubleMajor = 0.8
)

// shedRun feeds a shed's detector and tells when trouble first reached each level;
// negative for never.
func shedRun(watts func(time.Duration) float64, sp spoil, step, d time.Duration) (minor, major time.Duration) {
	k := kind("charging")
	det := k.New("bike_shed", 0)
	sensor := sim.Sensor{Seed: 11, Relative: sp.relative, Step: sp.step, Max: 1e6}
	minor, major = -1, -1
	for t := -10 * time.Minute; t < d; t += step {
		v := watts(t)
		if v > 1 {
			v = sensor.Read(t+time.Hour, v)
		}
		det.Observe(chargePower, (t + time.Hour).Milliseconds(), v)
		l, _ := det.Output(chargeTrouble)
		if minor < 0 && l >= troubleMinor {
			minor = t
		}
		if major < 0 && l >= troubleMajor {
			major = t
		}
	}
	return minor, major
}

// shedSpoils are a meter as it should be, and a poor one.
var shedSpoils = []spoil{{}, {0.01, 1}, {0.02, 5}}

// A hundred ordinary charges, of lead and lithium, with dips and without, end
// without trouble.
func TestOrdinaryChargesAreNoTrouble(t *testing.T) {
	for i := range int64(100) {
		power := sim.Between(31, i, 90, 520)
		depth := sim.Between(32, i, 0.2, 1.2)
		c := sim.LeadAcid(power, depth, 0.6)
		if i%2 == 0 {
			c = sim.Lithium(power, depth, 0.97)
		}
		c.Seed, c.Dips = uint64(i), i%3 == 0
		for _, sp := range shedSpoils {
			for _, step := range []time.Duration{5 * time.Second, 30 * time.Second} {
				if minor, _ := shedRun(c.Watts, sp, step, c.Length()+6*time.Hour); minor >= 0 {
					t.Errorf("%.0f W, depth %.2f, dips %v, every %v with %+v: trouble after %v of %v", power, depth, c.Dips, step, sp, minor, c.Length())
				}
			}
		}
	}
}

// Bikes that come one after the other, and while others charge, are no trouble.
func TestManyBikesAreNoTrouble(t *testing.T) {
	for i := range int64(20) {
		watts := func(t time.Duration) (w float64) {
			at := time.Duration(0)
			for n := range int64(8) {
				c := sim.LeadAcid(sim.Between(uint64(40+i), n, 90, 240), sim.Between(uint64(60+i), n, 0.2, 1), 0.6)
				if past := t - at; past < c.Length()+30*time.Minute {
					w += c.Watts(past)
				}
				at += time.Duration(sim.Between(uint64(80+i), n, 0.5, 6) * float64(time.Hour))
			}
			return w
		}
		if minor, major := shedRun(watts, spoil{0.01, 1}, 10*time.Second, 48*time.Hour); major >= 0 {
			t.Errorf("row %d of bikes: trouble after %v, %v", i, minor, major)
		}
	}
}

// A taper that never comes, one that turns into a climb, and a charger that cuts out
// and comes back.
func TestChargesThatGoWrong(t *testing.T) {
	long := sim.LeadAcid(240, 1, 0.6)
	long.Bulk = 16 * time.Hour
	lead := sim.LeadAcid(200, 0.8, 0.6)
	turn := lead.Bulk + time.Hour
	lithium := sim.Lithium(160, 0.8, 0.97)
	for _, c := range []struct {
		name   string
		watts  func(time.Duration) float64
		length time.Duration
		from   time.Duration // when it goes wrong
		within time.Duration // how long after that it is major
	}{
		{"overdue", long.Watts, 15 * time.Hour, 9 * time.Hour, 5 * time.Hour},
		{"runaway", lead.Runaway(turn, 2*time.Hour), turn + 3*time.Hour, turn, time.Hour},
		{"slow runaway", lead.Runaway(turn, 8*time.Hour), turn + 9*time.Hour, turn, 3 * time.Hour},
		{"restarts", lithium.Restarts(6*time.Minute, 8*time.Minute, 10*time.Hour), 10 * time.Hour, lithium.Length(), time.Hour},
	} {
		for _, sp := range shedSpoils {
			for _, step := range []time.Duration{5 * time.Second, 30 * time.Second} {
				name := fmt.Sprintf("%s every %v with %+v", c.name, step, sp)
				minor, major := shedRun(c.watts, sp, step, c.length)
				if minor < c.from || major < minor || major > c.from+c.within {
					t.Errorf("%s: minor at %v, major at %v, want from %v and within %v of that", name, minor, major, c.from, c.within)
				}
			}
		}
	}
}
