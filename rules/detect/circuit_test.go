package detect

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// heated is when a constant share of the rating brings the wire to its limit.
func heated(placement string, rating, amps float64, step, most time.Duration) (time.Duration, bool) {
	d := newCircuit(placement, rating)
	for at := time.Duration(0); at <= most; at += step {
		d.Observe(0, at.Milliseconds(), amps)
		if h, ok := d.Output(1); ok && h >= 100 {
			return at, true
		}
	}
	return 0, false
}

// The curve's times from cold, of τ·ln(s²/(s²−1.13²)), at any sampling.
func TestCircuitHeatsInInverseTime(t *testing.T) {
	for _, step := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		for _, c := range []struct {
			share float64
			at    time.Duration
		}{{1.2, 1308 * time.Second}, {1.45, 561 * time.Second}, {2, 231 * time.Second}, {3, 92 * time.Second}, {6, 22 * time.Second}} {
			at, ok := heated("corridor_socket", 0, 10*c.share, step, 2*time.Hour)
			if !ok || at < c.at-time.Second || at > c.at+step+time.Second {
				t.Errorf("%g times the rating every %v: at its limit %v at %v, want %v", c.share, step, ok, at, c.at)
			}
		}
		if at, ok := heated("corridor_socket", 0, 11, step, 12*time.Hour); ok {
			t.Errorf("1.1 times the rating every %v: at its limit after %v, want never", step, at)
		}
	}
}

// More current never reaches the limit later.
func TestCircuitIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(0, 90).Draw(t, "A")
		b := a + rapid.Float64Range(0, 10).Draw(t, "more")
		ta, oka := heated("dwelling_feeder", 0, a, 10*time.Second, 3*time.Hour)
		tb, okb := heated("dwelling_feeder", 0, b, 10*time.Second, 3*time.Hour)
		if oka && (!okb || tb > ta) {
			t.Fatalf("%g A at %v, %g A at %v (%v)", a, ta, b, tb, okb)
		}
	})
}

// What the site says of the circuit counts, then what its placement mostly has;
// where neither is known, nothing is.
func TestCircuitRating(t *testing.T) {
	for _, c := range []struct {
		placement    string
		rating, want float64
	}{{"corridor_socket", 0, 80}, {"corridor_socket", 16, 50}, {"dwelling_feeder", 0, 20}, {"meter_box", 0, -1}, {"meter_box", 32, 25}} {
		d := newCircuit(c.placement, c.rating)
		d.Observe(0, 1000, -8) // a clamp put on the wrong way round
		if v, ok := d.Output(0); ok != (c.want >= 0) || ok && v != c.want {
			t.Errorf("8 A at %s rated %g A: %g %% (%v), want %g", c.placement, c.rating, v, ok, c.want)
		}
	}
}

// A meter that reports on change and is silent warms its wire all the same.
func TestCircuitWakesInTime(t *testing.T) {
	d := newCircuit("corridor_socket", 0)
	d.Observe(0, 1000, 15)
	for range 20 {
		at := d.Wake()
		if at == 0 {
			break
		}
		d.Advance(at)
		if h, _ := d.Output(1); h >= 100 {
			if at < 480_000 || at > 520_000+1000 {
				t.Errorf("15 A: at its limit at %d ms", at)
			}
			return
		}
	}
	t.Error("never woken at the limit")
}

// riseOf is the most that a rise detector says over a day's curve.
func riseOf(d Detector, of func(hours float64) float64, hours float64) (most float64) {
	for at := 0.0; at <= hours; at += 1.0 / 60 {
		d.Observe(0, int64(at*3600_000)+1, of(at))
		v, _ := d.Output(0)
		most = max(most, v)
	}
	return most
}

// A box in the sun is no hot joint; a joint that warms within the hour is.
func TestJointRise(t *testing.T) {
	sun := func(h float64) float64 { return 30 + 30*min(h/4, 1) }
	if most := riseOf(newJoint("meter_box", 0), sun, 10); most > 10 {
		t.Errorf("a box in the sun rises %g °C above its surroundings", most)
	}
	loose := func(h float64) float64 { return 30 + 35*min(h/0.75, 1) }
	if most := riseOf(newJoint("meter_box", 0), loose, 3); most < 24 {
		t.Errorf("a loose joint 35 °C up in 45 min rises by %g °C only", most)
	}
}

// A room's temperature has no rise.
func TestRoomsHaveNoJoints(t *testing.T) {
	d := newJoint("room_smoke", 0)
	d.Observe(0, 1000, 20)
	if v, ok := d.Output(0); ok {
		t.Errorf("a room's temperature rises by %g", v)
	}
}

// Leakage that comes and goes with the damp is learnt, what grows in a week is not.
func TestLeakageRise(t *testing.T) {
	damp := func(h float64) float64 { return 30 + 10*h/(24*14) }
	if most := riseOf(newLeakage("distribution_box", 0), damp, 24*14); most > 10 {
		t.Errorf("10 mA in two weeks is a rise of %g mA", most)
	}
	failing := func(h float64) float64 { return 30 + 60*h/(24*7) }
	if most := riseOf(newLeakage("distribution_box", 0), failing, 24*7); most < 45 {
		t.Errorf("60 mA in a week is a rise of %g mA only", most)
	}
}
