package life

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

var catalogue = telemetry.NewCatalogue(telemetry.LEL{})

// script is a device that plays points, one a step.
type script struct {
	info   devices.Info
	points []telemetry.Point
	step   func(i int) time.Duration // before point i
}

func (s *script) Info() devices.Info { return s.info }

func (s *script) Run(_ context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
	for i, p := range s.points {
		time.Sleep(s.step(i))
		emit(p)
	}
	return nil
}

func every(d time.Duration) func(int) time.Duration {
	return func(i int) time.Duration {
		if i == 0 {
			return 0
		}
		return d
	}
}

// emitted is a point and when it came, since the start.
type emitted struct {
	at time.Duration
	telemetry.Point
}

func play(t *testing.T, s Settings, metric string, step func(int) time.Duration, points ...telemetry.Point) (out []emitted) {
	t.Helper()
	for i := range points {
		points[i].Metric = metric
	}
	synctest.Test(t, func(*testing.T) { out = playIn(s, metric, step, points) })
	return out
}

func playIn(s Settings, metric string, step func(int) time.Duration, points []telemetry.Point) (out []emitted) {
	dev := &script{devices.Info{ID: "x", Interval: time.Second, Metrics: []string{metric}}, points, step}
	began := time.Now()
	_ = Watched(dev, s, catalogue).Run(context.Background(), telemetry.Clock{}, func(p telemetry.Point) {
		out = append(out, emitted{time.Since(began), p})
	})
	return out
}

func repeat(n int, p telemetry.Point) []telemetry.Point {
	out := make([]telemetry.Point, n)
	for i := range out {
		out[i] = p
	}
	return out
}

func qualities(list []emitted) map[telemetry.Quality]int {
	n := map[telemetry.Quality]int{}
	for _, e := range list {
		n[e.Quality]++
	}
	return n
}

func TestNothingToWatchIsTheDeviceItself(t *testing.T) {
	dev := &script{info: devices.Info{ID: "x", Metrics: []string{"contact"}}}
	if Watched(dev, Settings{}, catalogue) != devices.Device(dev) {
		t.Error("a device without settings is wrapped")
	}
}

func TestWarmUp(t *testing.T) {
	s := Settings{WarmUp: 3 * time.Minute}
	got := play(t, s, "co", every(time.Second), repeat(300, telemetry.Point{Value: 3})...)
	for _, e := range got {
		if want := map[bool]telemetry.Quality{true: telemetry.Warmup, false: telemetry.Good}[e.at < 3*time.Minute]; e.Quality != want || e.Value != 3 {
			t.Fatalf("at %v: %v %g, want %v", e.at, e.Quality, e.Value, want)
		}
	}
}

// A part that was away for a minute may have been without supply; one that lost a
// frame was not.
func TestWarmUpBeginsAgain(t *testing.T) {
	s := Settings{WarmUp: 10 * time.Second}
	for gap, want := range map[time.Duration]telemetry.Quality{5 * time.Second: telemetry.Good, 59 * time.Second: telemetry.Good, 61 * time.Second: telemetry.Warmup} {
		points := append(repeat(20, telemetry.Point{Value: 3}), telemetry.Point{Value: 3})
		got := play(t, s, "co", func(i int) time.Duration {
			if i == 20 {
				return gap
			}
			return time.Second
		}, points...)
		if last := got[len(got)-1]; last.Quality != want {
			t.Errorf("after %v: %v, want %v", gap, last.Quality, want)
		}
	}
	// Faults are no readings: they do not keep a part warm.
	points := append(repeat(20, telemetry.Point{Value: 3}), repeat(70, telemetry.Point{Quality: telemetry.NoResponse})...)
	got := play(t, s, "co", every(time.Second), append(points, telemetry.Point{Value: 3})...)
	if q := qualities(got); q[telemetry.NoResponse] != 70 || got[90].Quality != telemetry.Warmup {
		t.Errorf("%v, then %v", q, got[90])
	}
}

// A sensor that is at its end from the start is reported within a minute.
func TestSaturatedFromTheStart(t *testing.T) {
	for name, p := range map[string]telemetry.Point{"fault": {Quality: telemetry.Saturated}, "number": {Value: 9999}, "short": {Quality: telemetry.Short}} {
		for _, warm := range []time.Duration{20 * time.Second, 10 * time.Minute} {
			limit := min(time.Minute, warm/2)
			for _, e := range play(t, Settings{WarmUp: warm}, "co", every(time.Second), repeat(120, p)...) {
				switch {
				case e.at < limit && (e.Quality != telemetry.Warmup || e.Value != 5000):
					t.Fatalf("%s, %v: at %v %v %g", name, warm, e.at, e.Quality, e.Value)
				case e.at >= limit && e.Point != telemetry.Point{Metric: "co", Value: p.Value, Quality: p.Quality}:
					t.Fatalf("%s, %v: at %v %v %g", name, warm, e.at, e.Quality, e.Value)
				}
			}
		}
	}
}

func TestStuck(t *testing.T) {
	s := Settings{Stuck: map[string]StuckLimit{"temperature": {After: time.Minute, Noise: 0.2}}}
	points := append(repeat(50, telemetry.Point{Value: 20}), repeat(30, telemetry.Point{Value: 20.1})...) // no change
	points = append(points, repeat(80, telemetry.Point{Value: 21})...)
	got := play(t, s, "temperature", every(time.Second), points...)
	for i, e := range got {
		stuck := i > 60 && i < 80 || i > 80+60
		if (e.Quality == telemetry.Stuck) != stuck || stuck && e.Value != 0 {
			t.Errorf("point %d: %v %g, stuck %v", i, e.Quality, e.Value, stuck)
		}
	}
	zero := play(t, Settings{Stuck: map[string]StuckLimit{"power": {After: time.Minute}}}, "power", every(time.Second), repeat(100, telemetry.Point{})...)
	if q := qualities(zero); q[telemetry.Stuck] != 0 {
		t.Errorf("nothing is drawn, and that is stuck: %v", q)
	}
	zero = play(t, Settings{Stuck: map[string]StuckLimit{"power": {After: time.Minute, Idle: -1}}}, "power", every(time.Second), repeat(100, telemetry.Point{})...)
	if q := qualities(zero); q[telemetry.Stuck] != 39 {
		t.Errorf("a zero that is asked about: %v", q)
	}
}

// Mains that stand still for hours are a meter that is stuck; a regulated supply is not.
func TestVoltage(t *testing.T) {
	var errs conf.Errors
	s := (&Own{}).Settings("", []string{"voltage"}, catalogue, &errs)
	for volts, want := range map[float64]int{229.8: 59, 12.004: 0, 54.6: 0} {
		got := play(t, s, "voltage", every(time.Minute), repeat(7*60, telemetry.Point{Value: volts})...)
		if q := qualities(got); q[telemetry.Stuck] != want {
			t.Errorf("%g V: %v, want %d stuck", volts, q, want)
		}
	}
}

func TestDrift(t *testing.T) {
	s := Settings{Drift: map[string]DriftLimit{"gas.ch4": {Limit: 3, Over: time.Hour}}}
	points := append(repeat(60, telemetry.Point{Value: 1}), repeat(90, telemetry.Point{Value: 5})...)
	points = append(points, telemetry.Point{Value: 2})
	got := play(t, s, "gas.ch4", every(time.Minute), points...)
	var drift []emitted
	suspect := 0
	for _, e := range got {
		switch {
		case e.Metric == Drifted:
			drift = append(drift, e)
		case e.Quality == telemetry.Suspect:
			if suspect++; e.Value != 5 {
				t.Errorf("%g is suspect", e.Value)
			}
		}
	}
	if suspect != 30 { // of the 90 minutes above the limit, those after the first hour
		t.Errorf("%d readings are suspect, want 30", suspect)
	}
	if last := drift[len(drift)-1]; last.Value != 0 || last.at != 150*time.Minute {
		t.Errorf("the drift ends with %+v", last)
	}
	for i := 1; i < len(drift)-1; i++ {
		if before := drift[i-1]; before.Value == 0 && drift[i].Value == 1 && drift[i].at != 120*time.Minute {
			t.Errorf("the drift begins at %v", drift[i].at)
		}
	}
}

// Age is told with the first reading, once an hour, and after whatever made the
// gateway speak in the device's stead; never on a clock that was not set.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Settings{EndOfLife: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Due: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)}
		hours := 3
		if got := playIn(s, "co", every(time.Second), repeat(10, telemetry.Point{Metric: "co", Value: 1})); len(got) != 10 {
			t.Errorf("%d points on a clock of %d, want the 10 measured", len(got), time.Now().Year())
		}
		time.Sleep(time.Until(time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)))
		var life, due []emitted
		for _, e := range playIn(s, "co", every(time.Second), repeat(hours*3600, telemetry.Point{Metric: "co", Value: 1})) {
			switch e.Metric {
			case LifeLeft:
				life = append(life, e)
			case CalibrationLeft:
				due = append(due, e)
			}
		}
		if len(life) != hours || life[0].at != 0 || life[0].Value != 27 || len(due) != hours || due[0].Value != -2 {
			t.Errorf("life left %v, days to calibration %v", life, due)
		}
		got := playIn(s, "co", func(i int) time.Duration { return map[bool]time.Duration{true: 5 * time.Second}[i == 1] }, repeat(2, telemetry.Point{Metric: "co", Value: 1}))
		if len(got) != 6 {
			t.Errorf("after a silence of five intervals: %v", got)
		}
	})
}

// Whatever a driver gives: no fault becomes a number, a good reading stays its number
// or becomes a fault without one, and nothing is lost or made up.
func TestWhateverADriverGives(t *testing.T) {
	all := []telemetry.Quality{telemetry.Good, telemetry.Warmup, telemetry.Suspect, telemetry.Open, telemetry.Short, telemetry.Saturated, telemetry.NoResponse, telemetry.BadFrame}
	rapid.Check(t, func(rt *rapid.T) {
		s := Settings{
			WarmUp: time.Duration(rapid.IntRange(0, 100).Draw(rt, "warm")) * time.Second,
			Stuck:  map[string]StuckLimit{"co": {After: time.Duration(rapid.IntRange(1, 60).Draw(rt, "stuck")) * time.Second, Noise: rapid.Float64Range(0, 3).Draw(rt, "noise")}},
			Drift:  map[string]DriftLimit{"co": {Limit: rapid.Float64Range(0, 50).Draw(rt, "limit"), Over: time.Minute}},
		}
		w := Watched(&script{info: devices.Info{ID: "x", Interval: time.Second, Metrics: []string{"co"}}}, s, catalogue).(*watched)
		now := time.Unix(1_790_000_000, 0)
		for range rapid.IntRange(1, 200).Draw(rt, "n") {
			now = now.Add(time.Duration(rapid.IntRange(-2, 90).Draw(rt, "step")) * time.Second)
			p := telemetry.Point{Metric: "co", Value: rapid.Float64Range(-20, 6000).Draw(rt, "v"), Quality: rapid.SampledFrom(all).Draw(rt, "q")}
			got := w.judge(p, now)
			over := p.Quality == telemetry.Saturated || p.Quality == telemetry.Short || !p.Quality.Fault() && p.Value > 5000
			switch {
			case got == p:
			case !p.Quality.Fault() && p.Value < -10: // misread
				if got != (telemetry.Point{Metric: "co", Quality: telemetry.BadFrame}) {
					rt.Fatalf("%+v became %+v", p, got)
				}
			case p.Quality.Fault() && !over:
				rt.Fatalf("%+v became %+v", p, got)
			case over && (got.Quality != telemetry.Warmup || s.WarmUp == 0):
				rt.Fatalf("%+v became %+v", p, got)
			case !over && got.Quality.Fault() && (got.Quality != telemetry.Stuck || got.Value != 0):
				rt.Fatalf("%+v became %+v", p, got)
			case !over && !got.Quality.Fault() && got.Value != max(0, p.Value):
				rt.Fatalf("%+v became %+v", p, got)
			}
		}
	})
}
