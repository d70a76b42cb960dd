package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

var quiet = slog.New(slog.DiscardHandler)

// device is made of a Run function.
type device struct {
	info devices.Info
	run  func(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error
}

func (d *device) Info() devices.Info { return d.info }

func (d *device) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	return d.run(ctx, clock, emit)
}

func info(id string, interval time.Duration) devices.Info {
	return devices.Info{ID: id, Placement: "corridor_socket", Interval: interval, Metrics: []string{"power", "current"}}
}

// watch runs a device under supervision for a while of synctest's time, and gives
// what came of it.
func watch(t *testing.T, d devices.Device, during time.Duration) (points []telemetry.Point, status DeviceStatus) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSampler(telemetry.Clock{}, telemetry.NewCatalogue(telemetry.LEL{}), nil)
		p := &probe{dev: d, info: d.Info()}
		v := &supervisor{p: p, s: s, log: quiet}
		ctx, cancel := context.WithTimeout(t.Context(), during)
		defer cancel()
		v.run(ctx)
		for _, b := range s.takeLive() {
			points = append(points, b.Points...)
		}
		status = p.status
	})
	return points, status
}

func count(points []telemetry.Point, metric string, q telemetry.Quality) (n int) {
	for _, p := range points {
		if p.Metric == metric && p.Quality == q {
			n++
		}
	}
	return n
}

func TestPollSamplesOnTheGrid(t *testing.T) {
	d := devices.Poll(info("a", time.Second), func(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
		time.Sleep(300 * time.Millisecond) // a slow part
		return []telemetry.Point{{Metric: "power", Value: 5}}, nil
	})
	points, status := watch(t, d, 10*time.Second-time.Millisecond)
	if len(points) != 10 || status.Problem != "" {
		t.Fatalf("%d points, want 10; %+v", len(points), status)
	}
	for i, p := range points[1:] {
		if p.Time-points[i].Time != 1000 {
			t.Errorf("point %d comes %d ms after the one before", i+1, p.Time-points[i].Time)
		}
	}
}

// A failing driver gives one fault per metric and interval, whatever the back-off.
func TestFailingDriver(t *testing.T) {
	for name, run := range map[string]func(context.Context, telemetry.Clock, func(telemetry.Point)) error{
		"error": func(context.Context, telemetry.Clock, func(telemetry.Point)) error { return errors.New("no answer") },
		"panic": func(context.Context, telemetry.Clock, func(telemetry.Point)) error { panic("broken") },
	} {
		points, status := watch(t, &device{info("a", 5*time.Second), run}, 61*time.Second)
		if n := count(points, "power", telemetry.NoResponse); n < 12 || n > 13 || count(points, "current", telemetry.NoResponse) != n || len(points) != 2*n {
			t.Errorf("%s: %d faults in 61 s of 5 s intervals: %v", name, n, points)
		}
		if status.Restarts < 4 || status.Problem == "" {
			t.Errorf("%s: %+v", name, status)
		}
	}
}

func TestFaultIsTheDriversOwn(t *testing.T) {
	points, _ := watch(t, &device{info("a", 5*time.Second), func(context.Context, telemetry.Clock, func(telemetry.Point)) error {
		return fmt.Errorf("read: %w", devices.Fault(telemetry.BadFrame, errors.New("CRC")))
	}}, time.Second)
	if count(points, "power", telemetry.BadFrame) != 1 {
		t.Errorf("got %v", points)
	}
}

func TestHangingDriver(t *testing.T) {
	points, status := watch(t, &device{info("a", 5*time.Second), func(ctx context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
		emit(telemetry.Point{Metric: "power", Value: 1})
		<-ctx.Done()
		return nil
	}}, 60*time.Second)
	if n := count(points, "power", telemetry.NoResponse); n < 9 || n > 10 {
		t.Errorf("%d faults in 60 s, silent after the first of 5 s: %v", n, points)
	}
	if !strings.HasPrefix(status.Problem, "silent since") {
		t.Errorf("%+v", status)
	}
}

// A driver whose numbers are none, or beyond their range, has not measured: a map of
// registers that was pushed with a wrong scale is no good one.
func TestNonsenseIsNotMeasured(t *testing.T) {
	for _, v := range []float64{math.NaN(), 1e9} {
		_, status := watch(t, &device{info("a", time.Second), func(ctx context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
			emit(telemetry.Point{Metric: "power", Value: v})
			<-ctx.Done()
			return nil
		}}, time.Second)
		if !status.Last.IsZero() || status.Points != 1 || status.Faults != 1 {
			t.Errorf("%g: %+v", v, status)
		}
	}
}

// A driver that failed and measures again has no problem any more, also where nobody
// knows how often it measures, or where that is seldom.
func TestDriverThatWorksAgain(t *testing.T) {
	for _, interval := range []time.Duration{0, 12 * time.Hour} {
		runs := 0
		_, status := watch(t, &device{info("a", interval), func(ctx context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
			if runs++; runs == 1 {
				return errors.New("no answer")
			}
			emit(telemetry.Point{Metric: "power", Value: 1})
			<-ctx.Done()
			return nil
		}}, time.Minute)
		if status.Problem != "" || status.Restarts != 1 {
			t.Errorf("interval %v: %+v", interval, status)
		}
	}
}

func TestDriverThatDoesNotEndIsLeftBehind(t *testing.T) {
	release := make(chan struct{})
	began := time.Now()
	d := &device{info("a", time.Hour), func(context.Context, telemetry.Clock, func(telemetry.Point)) error { <-release; return nil }}
	p := &probe{dev: d, info: d.Info()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := &supervisor{p: p, s: newSampler(telemetry.Clock{}, telemetry.NewCatalogue(telemetry.LEL{}), nil), log: quiet}
	v.run(ctx)
	close(release)
	if took := time.Since(began); took > 2*driverStop {
		t.Errorf("stopping took %v", took)
	}
}

func TestDriverThatIsThroughIsNotRunAgain(t *testing.T) {
	runs := 0
	_, status := watch(t, &device{info("a", time.Second), func(context.Context, telemetry.Clock, func(telemetry.Point)) error { runs++; return nil }}, time.Hour)
	if runs != 1 || !status.Ended {
		t.Errorf("%d runs, %+v", runs, status)
	}
}

func TestNeverANumberOnFailure(t *testing.T) {
	s := newSampler(telemetry.Clock{}, telemetry.NewCatalogue(telemetry.LEL{}), nil)
	p := &probe{info: info("a", time.Second)}
	for _, c := range []struct {
		value float64
		given telemetry.Quality
		want  telemetry.Quality
	}{
		{5, telemetry.Good, telemetry.Good},
		{5, telemetry.Warmup, telemetry.Warmup},
		{5, telemetry.Stuck, telemetry.Stuck},
		{math.NaN(), telemetry.Good, telemetry.BadFrame},
		{math.Inf(1), telemetry.Good, telemetry.Saturated},
		{math.Inf(-1), telemetry.Good, telemetry.BadFrame},
		{60_000, telemetry.Good, telemetry.Saturated},
		{-230, telemetry.Good, telemetry.BadFrame}, // no room is full of it
		{-1, telemetry.Good, telemetry.Good},       // a zero that wanders
		{5, telemetry.Quality(99), telemetry.BadFrame},
	} {
		s.emit(p, telemetry.Point{Metric: "power", Value: c.value, Quality: c.given})
		got := s.takeLive()[0].Points[0]
		if got.Quality != c.want || got.Value < 0 || got.Quality.Fault() && got.Value != 0 || got.Time == 0 {
			t.Errorf("%g %v became %+v, want %v", c.value, c.given, got, c.want)
		}
	}
	s.emit(p, telemetry.Point{Metric: "gas.ch4", Value: 1})
	s.emit(p, telemetry.Point{Metric: "nonsense", Value: 1})
	if len(s.takeLive()) != 0 || s.refused != 2 {
		t.Errorf("refused %d, want 2", s.refused)
	}
}

// With no broker at all: urgent readings are on disk at once, the others after the
// commit interval, and everything at the stop.
func TestCommits(t *testing.T) {
	dir := t.TempDir()
	cfg := &Config{Group: conf.At[string]{V: "g"}, Node: conf.At[string]{V: "n"}}
	cfg.MQTT.URL.V = "tcp://127.0.0.1:1" // nobody listens
	cfg.Outbox.Dir.V = dir
	cfg.Outbox.CommitInterval.V = conf.Duration(time.Hour)
	asked := make(chan string, 16)
	begin, more := make(chan struct{}), make(chan struct{})
	var urgent atomic.Int32
	d := &device{info("socket-1", time.Hour), func(ctx context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
		<-begin
		for i := range 10 {
			emit(telemetry.Point{Metric: "power", Time: int64(1000 + i), Value: float64(i)})
		}
		close(more)
		<-ctx.Done()
		return nil
	}}
	g, err := New(cfg, Deps{Log: quiet, Devices: []devices.Device{d}, Urgent: func(device, placement string, p telemetry.Point) bool {
		if p.Value == 7 {
			urgent.Add(1)
			asked <- device + " " + placement
			return true
		}
		return false
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	close(begin)
	<-more
	if got := <-asked; got != "g/n/socket-1 corridor_socket" {
		t.Errorf("Urgent was asked for %s", got)
	}
	limit := time.Now().Add(5 * time.Second)
	for g.Status().Outbox.Pending == 0 && time.Now().Before(limit) {
		<-time.After(time.Millisecond)
	}
	if got := stored(t, dir); len(got) != 1 || got[0].Kind != record.Alarm || got[0].Point.Value != 7 {
		t.Errorf("on disk before the stop: %+v", got)
	}
	var metrics strings.Builder
	if err := g.Status().WriteMetrics(&metrics); err != nil || !strings.Contains(metrics.String(), "weishao_gateway_outbox_pending_readings 1\n") {
		t.Errorf("metrics: %v\n%s", err, &metrics)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := stored(t, dir); len(got) != 10 || urgent.Load() != 1 {
		t.Errorf("on disk after the stop: %d readings, %d urgent", len(got), urgent.Load())
	}
}

func stored(t *testing.T, dir string) (list []outbox.Stored) {
	t.Helper()
	for s, err := range outbox.Scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

func TestDevicesRefused(t *testing.T) {
	cfg := &Config{Group: conf.At[string]{V: "g"}, Node: conf.At[string]{V: "n"}}
	cfg.Outbox.Dir.V = t.TempDir()
	nothing := func(context.Context, telemetry.Clock, func(telemetry.Point)) error { return nil }
	for _, i := range []devices.Info{{ID: "a/b", Metrics: []string{"power"}}, {ID: "a"}, {ID: "a", Metrics: []string{"powr"}}, {ID: "a", Metrics: []string{"charging.likelihood"}}} {
		if _, err := New(cfg, Deps{Log: quiet, Devices: []devices.Device{&device{i, nothing}}}); err == nil {
			t.Errorf("%+v was taken", i)
		}
	}
	two := []devices.Device{&device{info("a", 1), nothing}, &device{info("a", 1), nothing}}
	if _, err := New(cfg, Deps{Log: quiet, Devices: two}); err == nil {
		t.Error("two devices of one name were taken")
	}
}
