package telemetry

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		later := start.Add(time.Hour)
		for _, c := range []struct {
			name  string
			clock Clock
			at    time.Time     // what it shows at first
			after time.Duration // what it adds in a second
		}{
			{"wall", Clock{}, start, time.Second},
			{"scaled", NewClock(60), start, time.Minute},
			{"scaled, going on", NewClockAt(later, 60), later, time.Minute},
			{"ahead", NewClockAt(later, 1), later, time.Second},
		} {
			if got := c.clock.Now(); !got.Equal(c.at) {
				t.Errorf("%s shows %v, want %v", c.name, got, c.at)
			}
			if got := c.clock.Wall(c.after); got != time.Second {
				t.Errorf("%s: %v of it take %v, want 1s", c.name, c.after, got)
			}
		}
		scaled := NewClockAt(later, 60)
		time.Sleep(time.Second)
		if got := scaled.Now().Sub(later); got != time.Minute {
			t.Errorf("a second later it has moved by %v, want 1m", got)
		}
	})
}
