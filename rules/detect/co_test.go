package detect

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// coAlarm is when a constant concentration brings the dose to 1.
func coAlarm(ppm float64, step, most time.Duration) (time.Duration, bool) {
	d := newCO("room_smoke")
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
	d := newCO("")
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
