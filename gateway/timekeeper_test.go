package gateway

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
)

// wallClock is a clock that can be set, over a monotonic one.
type wallClock struct {
	wall     int64 // ms
	mono     time.Duration
	doubtful bool
}

func (c *wallClock) pass(d time.Duration) { c.wall += d.Milliseconds(); c.mono += d }

func (c *wallClock) keeper(wait time.Duration, log *strings.Builder) *timekeeper {
	k := &timekeeper{least: notBefore, wait: wait, doubt: func() bool { return c.doubtful },
		read: func() (int64, time.Duration) { return c.wall, c.mono }, log: slog.New(slog.NewTextHandler(log, nil))}
	k.begin()
	return k
}

func (c *wallClock) sampler(k *timekeeper, urgent func(*probe, telemetry.Point) bool) *sampler {
	s := newSampler(telemetry.Clock{}, telemetry.NewCatalogue(telemetry.LEL{}), urgent)
	s.time = k
	return s
}

func taken(s *sampler) (live, alarms []telemetry.Point) {
	for _, b := range s.takeLive() {
		live = append(live, b.Points...)
	}
	for _, b := range s.takeAlarms() {
		alarms = append(alarms, b.Points...)
	}
	return live, alarms
}

const today = 1_790_000_000_000

// A Pi starts in 1970. Its readings wait, its rules see them at once, and when the
// clock is set each leaves with the time at which it was taken.
func TestReadingsWaitForTheClock(t *testing.T) {
	var log strings.Builder
	c := &wallClock{wall: 5000}
	seen := []int64{}
	s := c.sampler(c.keeper(time.Minute, &log), func(_ *probe, p telemetry.Point) bool {
		seen = append(seen, p.Time)
		return p.Value == 3
	})
	p := &probe{info: info("a", time.Second)}
	emit := func(v float64) {
		s.emit(p, telemetry.Point{Metric: "power", Time: c.wall, Value: v})
		c.pass(time.Second)
	}
	for v := range 4 {
		emit(float64(v))
		if live, alarms := taken(s); live != nil || alarms != nil {
			t.Fatalf("left before the clock was set: %v %v", live, alarms)
		}
	}
	c.wall = today // when 4 s have passed
	emit(4)
	live, alarms := taken(s)
	slices.SortFunc(live, func(a, b telemetry.Point) int { return int(a.Time - b.Time) })
	for i, want := range []telemetry.Point{{Value: 0, Time: today - 4000}, {Value: 1, Time: today - 3000}, {Value: 2, Time: today - 2000}, {Value: 4, Time: today}} {
		if want.Metric = "power"; i >= len(live) || live[i] != want {
			t.Fatalf("reading %d of %v, want %+v", i, live, want)
		}
	}
	if len(alarms) != 1 || alarms[0].Time != today-1000 || alarms[0].Quality != telemetry.Good {
		t.Errorf("alarms %v", alarms)
	}
	if !slices.Equal(seen, []int64{5000, 6000, 7000, 8000, 9000}) {
		t.Errorf("the rules saw times %v, want them to go on evenly", seen)
	}
	if text := log.String(); strings.Count(text, "readings wait") != 1 || strings.Count(text, "the clock was set") != 1 || !strings.Contains(text, "readings=4") {
		t.Errorf("log:\n%s", text)
	}
}

// A clock that only may be wrong is waited for a minute; then readings are suspect
// until it is set.
func TestDoubtfulClockIsNotWaitedForEver(t *testing.T) {
	var log strings.Builder
	c := &wallClock{wall: today, doubtful: true}
	s := c.sampler(c.keeper(time.Minute, &log), nil)
	p := &probe{info: info("a", time.Second)}
	for i := range 80 {
		s.emit(p, telemetry.Point{Metric: "power", Time: c.wall, Value: 1})
		live, _ := taken(s)
		switch {
		case i < 60 && live != nil:
			t.Fatalf("after %d s: %v", i, live)
		case i == 60 && len(live) != 61:
			t.Fatalf("%d readings after a minute", len(live))
		case i >= 60 && live[0].Quality != map[bool]telemetry.Quality{true: telemetry.Suspect, false: telemetry.Good}[i < 70]:
			t.Fatalf("after %d s: %v", i, live[0])
		}
		c.pass(time.Second)
		c.doubtful = i+1 < 70
	}
}

// A step while all is well is told, and what is around it is suspect; a clock that is
// slewed is not stepped.
func TestStep(t *testing.T) {
	var log strings.Builder
	c := &wallClock{wall: today}
	s := c.sampler(c.keeper(0, &log), func(*probe, telemetry.Point) bool { return false })
	p := &probe{info: info("a", time.Second)}
	emit := func(v float64) { s.emit(p, telemetry.Point{Metric: "power", Time: c.wall, Value: v}) }
	for range 1000 {
		c.pass(time.Second)
		c.wall++ // 1 ms a second is faster than the kernel slews
		emit(1)
	}
	if live, _ := taken(s); slices.ContainsFunc(live, func(p telemetry.Point) bool { return p.Quality != telemetry.Good }) || log.Len() > 0 {
		t.Errorf("a slewed clock: %s", log.String())
	}
	emit(2)
	c.wall -= 60_000
	for range 10 {
		emit(3)
		c.pass(time.Second)
	}
	live, _ := taken(s)
	for i, p := range live {
		if want := map[bool]telemetry.Quality{true: telemetry.Suspect, false: telemetry.Good}[i <= 5]; p.Quality != want {
			t.Errorf("reading %d: %v, want %v", i, p.Quality, want)
		}
	}
	if text := log.String(); strings.Count(text, "the clock was set") != 1 || !strings.Contains(text, "by=-1m0s") {
		t.Errorf("log:\n%s", text)
	}
}

// However a clock is set before it can be trusted, no reading leaves with a time before
// that, each leaves once, and each with its true time. What the rules see never goes
// back and never jumps.
func TestNoTimeBeforeTheClockWasSet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var log strings.Builder
		c := &wallClock{wall: rapid.Int64Range(1, notBefore-1_000_000_000).Draw(rt, "start")}
		var last int64
		s := c.sampler(c.keeper(time.Minute, &log), func(_ *probe, p telemetry.Point) bool {
			if last != 0 && (p.Time < last || p.Time > last+2000) {
				rt.Fatalf("the rules see %d after %d", p.Time, last)
			}
			last = p.Time
			return false
		})
		p := &probe{info: info("a", time.Second)}
		n := rapid.IntRange(1, 60).Draw(rt, "n")
		var when []time.Duration
		var got []telemetry.Point
		for i := range n {
			c.pass(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "step")) * time.Millisecond)
			if rapid.IntRange(0, 9).Draw(rt, "set") == 0 {
				c.wall = rapid.Int64Range(1, notBefore-1_000_000_000).Draw(rt, "wrong")
			}
			when = append(when, c.mono)
			s.emit(p, telemetry.Point{Metric: "power", Time: c.wall, Value: float64(i)})
			live, _ := taken(s)
			got = append(got, live...)
		}
		if len(got) > 0 {
			rt.Fatalf("left too early: %v", got)
		}
		c.wall = today
		origin := today - c.mono.Milliseconds()
		got, _ = taken(s)
		if len(got) != n {
			rt.Fatalf("%d of %d left", len(got), n)
		}
		for i, pt := range got {
			if want := origin + when[i].Milliseconds(); pt.Time < want-1 || pt.Time > want+1 || pt.Value != float64(i) {
				rt.Fatalf("reading %d left as of %d, want %d", i, pt.Time, want)
			}
		}
	})
}

// A driver takes the time when it begins to measure and hands over when it is done. If
// the clock is set in between, the reading leaves with its true time all the same, and
// the rules see no jump. Both for a clock that cannot be right and for one that may not be.
func TestSetWhileMeasuring(t *testing.T) {
	for name, start := range map[string]int64{"1970": 5000, "three weeks ago": today - 21*24*3_600_000} {
		var log strings.Builder
		c := &wallClock{wall: start, doubtful: true}
		var seen []int64
		s := c.sampler(c.keeper(time.Minute, &log), func(_ *probe, p telemetry.Point) bool { seen = append(seen, p.Time); return false })
		p := &probe{info: info("a", time.Second)}
		began := c.wall
		c.pass(800 * time.Millisecond)
		c.wall, c.doubtful = today, false
		c.pass(200 * time.Millisecond)
		s.emit(p, telemetry.Point{Metric: "power", Time: began, Value: 1})
		s.emit(p, telemetry.Point{Metric: "power", Time: c.wall, Value: 2})
		live, _ := taken(s)
		if len(live) != 2 || live[0].Time != today-800 || live[1].Time != today+200 {
			t.Errorf("%s: %v, want %d and %d", name, live, today-800, today+200)
		}
		if !slices.Equal(seen, []int64{start, start + 1000}) {
			t.Errorf("%s: the rules saw %v", name, seen)
		}
	}
}

// A driver's own idea of time, before there was this program, is not passed on.
func TestImpossibleTime(t *testing.T) {
	var log strings.Builder
	c := &wallClock{wall: today}
	s := c.sampler(c.keeper(0, &log), nil)
	c.pass(time.Hour)
	s.emit(&probe{info: info("a", time.Second)}, telemetry.Point{Metric: "power", Time: 1000, Value: 1})
	if live, _ := taken(s); len(live) != 1 || live[0].Time != c.wall {
		t.Errorf("%v, want %d", live, c.wall)
	}
}

// What has waited goes first when the clock is set, alarms as soon as any; and when the
// gateway stops just then, nothing of it is left behind.
func TestWhatWaitedGoesFirst(t *testing.T) {
	var log strings.Builder
	c := &wallClock{wall: 5000}
	s := c.sampler(c.keeper(time.Minute, &log), func(_ *probe, p telemetry.Point) bool { return p.Value > 9 })
	p := &probe{info: info("a", time.Second)}
	for _, v := range []float64{1, 10, 2} {
		s.emit(p, telemetry.Point{Metric: "power", Time: c.wall, Value: v})
		c.pass(time.Second)
	}
	c.wall = today
	for _, b := range s.takeAlarms() {
		if len(b.Points) != 1 || b.Points[0].Value != 10 {
			t.Errorf("alarms %v", b.Points)
		}
		p = nil
	}
	if p != nil {
		t.Error("the alarm waits on")
	}
	p = &probe{info: info("a", time.Second)}
	s.emit(p, telemetry.Point{Metric: "power", Time: c.wall, Value: 3})
	var values []float64
	for _, b := range s.takeLive() {
		for _, pt := range b.Points {
			values = append(values, pt.Value)
		}
	}
	if !slices.Equal(values, []float64{1, 2, 3}) {
		t.Errorf("live in the order %v", values)
	}
}

// Where too much waits, what is urgent is given up last.
func TestWaitingAlarmsAreKept(t *testing.T) {
	var log strings.Builder
	c := &wallClock{wall: 5000}
	k := c.keeper(time.Minute, &log)
	k.hold(held{urgent: true, point: telemetry.Point{Value: 7}})
	for range maxHeld {
		k.hold(held{})
	}
	if len(k.held) > maxHeld || k.lost != maxHeld/10 || !k.held[0].urgent {
		t.Errorf("%d wait, %d lost, first %+v", len(k.held), k.lost, k.held[0])
	}
	for range 2 * maxHeld {
		k.hold(held{urgent: true})
	}
	if len(k.held) > maxHeld {
		t.Errorf("%d wait", len(k.held))
	}
}

// A clock that is set to what cannot be right, by a clock module without its battery,
// say, is waited for like one that never was.
func TestClockThatIsLost(t *testing.T) {
	var log strings.Builder
	c := &wallClock{wall: today}
	s := c.sampler(c.keeper(0, &log), nil)
	p := &probe{info: info("a", time.Second)}
	c.pass(time.Minute)
	c.wall = 5000
	s.emit(p, telemetry.Point{Metric: "power", Time: c.wall, Value: 1})
	if live, _ := taken(s); live != nil {
		t.Errorf("left with %v", live)
	}
	c.pass(2 * time.Minute)
	c.wall = today
	if live, _ := taken(s); len(live) != 1 || live[0].Time != today-120_000 {
		t.Errorf("left with %v, want %d", live, today-120_000)
	}
}
