package detect

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// coAlarm is when a constant concentration brings the dose to 1.
func coAlarm(ppm float64, step, most time.Duration) (time.Duration, bool) {
	d := newCO("room_smoke", 0)
	for at := time.Duration(0); at <= most; at += step {
		d.Observe(0, at.Milliseconds(), ppm)
		if dose, ok := d.Output(0); ok && dose >= 1 {
			return at, true
		}
	}
	return 0, false
}

// EN 50291-1's bands, at samplings from 1 s to 60 s.
func TestCODoseKeepsEN50291(t *testing.T) {
	for _, step := range []time.Duration{time.Second, 10 * time.Second, 60 * time.Second} {
		for _, c := range []struct {
			ppm      float64
			from, to time.Duration
		}{{50, 60 * time.Minute, 90 * time.Minute}, {100, 10 * time.Minute, 40 * time.Minute}, {300, 0, 3 * time.Minute}} {
			if at, ok := coAlarm(c.ppm, step, 3*time.Hour); !ok || at < c.from || at > c.to {
				t.Errorf("%g ppm every %v: alarm %v at %v, want %v to %v", c.ppm, step, ok, at, c.from, c.to)
			}
		}
		if at, ok := coAlarm(30, step, 2*time.Hour); ok {
			t.Errorf("30 ppm every %v: alarm at %v, want none before 2h", step, at)
		}
	}
}

// More gas never alarms later.
func TestCODoseIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(0, 2000).Draw(t, "ppm")
		b := a + rapid.Float64Range(0, 500).Draw(t, "more")
		ta, oka := coAlarm(a, time.Minute, 9*time.Hour)
		tb, okb := coAlarm(b, time.Minute, 9*time.Hour)
		if oka && (!okb || tb > ta) {
			t.Fatalf("%g ppm alarms at %v, %g ppm at %v (%v)", a, ta, b, tb, okb)
		}
	})
}

// The dose reaches 1 at the time that Wake names, not only at the next reading.
func TestCODoseWakesInTime(t *testing.T) {
	d := newCO("", 0)
	d.Observe(0, 1000, 0)
	if at := d.Wake(); at != 0 {
		t.Errorf("in clean air: wakes at %d, want never", at)
	}
	d.Observe(0, 61_000, 300)
	at := d.Wake()
	d.Advance(at)
	if dose, _ := d.Output(0); at < 61_000 || at > 61_000+180_000 || dose < 1 {
		t.Errorf("woken at %d the dose is %g, want 1 within 3 minutes", at, dose)
	}
}

// cohbReaches is when a constant concentration brings COHb to its alarm, after so
// much clean air.
func cohbReaches(ppm float64, step, clean, most time.Duration) (time.Duration, bool) {
	d := newCO("room_co", 0)
	for at := -clean; at <= most; at += step {
		v := ppm
		if at < 0 {
			v = 0
		}
		d.Observe(0, (clean + at).Milliseconds(), v)
		if c, ok := d.Output(1); ok && c >= cohbAlarm {
			return at, true
		}
	}
	return 0, false
}

// UL 2034's vectors, at samplings from 1 s to 60 s, and after a day of clean air
// as at once.
func TestCOHbKeepsUL2034(t *testing.T) {
	for _, step := range []time.Duration{time.Second, 10 * time.Second, 30 * time.Second, 60 * time.Second} {
		for _, clean := range []time.Duration{0, 24 * time.Hour} {
			for _, c := range []struct {
				ppm      float64
				from, to time.Duration
			}{{70, 60 * time.Minute, 240 * time.Minute}, {150, 10 * time.Minute, 50 * time.Minute}, {400, 4 * time.Minute, 15 * time.Minute}} {
				if at, ok := cohbReaches(c.ppm, step, clean, 5*time.Hour); !ok || at < c.from || at > c.to {
					t.Errorf("%g ppm every %v after %v: alarm %v at %v, want %v to %v", c.ppm, step, clean, ok, at, c.from, c.to)
				}
			}
		}
		if at, ok := cohbReaches(30, step, 0, 30*24*time.Hour); ok {
			t.Errorf("30 ppm every %v: alarm at %v, want none in 30 days", step, at)
		}
	}
}

// More gas never brings COHb to its alarm later.
func TestCOHbIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(0, 2000).Draw(t, "ppm")
		b := a + rapid.Float64Range(0, 500).Draw(t, "more")
		ta, oka := cohbReaches(a, time.Minute, 0, 9*time.Hour)
		tb, okb := cohbReaches(b, time.Minute, 0, 9*time.Hour)
		if oka && (!okb || tb > ta) {
			t.Fatalf("%g ppm alarms at %v, %g ppm at %v (%v)", a, ta, b, tb, okb)
		}
	})
}

// Without a reading COHb reaches its alarm where readings would have brought it:
// the moment that Wake names is early, and after a few more it is there.
func TestCOHbWakesInTime(t *testing.T) {
	d := newCO("", 0)
	d.Observe(0, 1000, 1000)
	for n := 0; ; n++ {
		at := d.Wake()
		if at == 0 || n == 20 {
			t.Fatalf("wake %d at %d, and COHb is below its alarm", n, at)
		}
		d.Advance(at)
		if c, _ := d.Output(1); c >= cohbAlarm {
			if at < 4*60_000 || at > 8*60_000 {
				t.Errorf("1000 ppm: alarm at %d ms", at)
			}
			return
		}
	}
}
