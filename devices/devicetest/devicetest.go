// Package devicetest runs a device in a test as the gateway does: a Run that failed is
// begun again after a rest, the faults in its stead are emitted, and a failure is told
// once until the device works again.
package devicetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

const rest = 10 * time.Millisecond

// Running is a device that runs until the test ends.
type Running struct {
	t    testing.TB
	dev  devices.Device
	stop func()

	mu     sync.Mutex
	points []telemetry.Point
	events []string // failures as the gateway's log tells them
	told   string
	news   chan struct{}
}

// Run runs dev until the test ends.
func Run(t testing.TB, dev devices.Device) *Running {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r := &Running{t: t, dev: dev, news: make(chan struct{}, 1), stop: sync.OnceFunc(func() { cancel(); <-done })}
	t.Cleanup(r.stop)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := dev.Run(ctx, telemetry.Clock{}, r.emit)
			if ctx.Err() != nil || err == nil {
				return
			}
			r.failed(err)
			select {
			case <-ctx.Done():
			case <-time.After(rest):
			}
		}
	}()
	return r
}

// Stop ends the device; it must end soon.
func (r *Running) Stop() {
	r.t.Helper()
	began := time.Now()
	r.stop()
	if d := time.Since(began); d > 2*time.Second {
		r.t.Errorf("the device took %v to stop", d)
	}
}

func (r *Running) emit(p telemetry.Point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.points = append(r.points, p)
	if !p.Quality.Fault() {
		r.told = ""
	}
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *Running) failed(err error) {
	for _, p := range devices.Faults(devices.QualityOf(err), r.dev.Info().Metrics) {
		p.Time = time.Now().UnixMilli()
		r.emit(p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told != err.Error() {
		r.told = err.Error()
		r.events = append(r.events, r.told)
	}
}

// Events are the failures told so far.
func (r *Running) Events() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

// Survives breaks a part that works and mends it. The fault q has to be said as soon as
// it is broken and for as long, and told; then the device works again by itself, and
// what it measures is returned. How often it was told is for the caller to look at.
func (r *Running) Survives(q telemetry.Quality, breakIt, mend func()) map[string]telemetry.Point {
	r.t.Helper()
	r.Works()
	breakIt()
	r.Faulty(q)
	for len(r.Events()) == 0 {
		r.Next()
	}
	r.Next()
	r.Faulty(q)
	mend()
	return r.Works()
}

// Next waits for one point of each metric that comes from now on.
func (r *Running) Next() map[string]telemetry.Point {
	r.t.Helper()
	return r.Until("a point of each metric", func(map[string]telemetry.Point) bool { return true })
}

// Faulty waits until every metric has the fault q.
func (r *Running) Faulty(q telemetry.Quality) {
	r.t.Helper()
	r.Until("the fault "+q.String(), func(m map[string]telemetry.Point) bool {
		for _, p := range m {
			if p.Quality != q {
				return false
			}
		}
		return true
	})
}

// Works waits until every metric has a number.
func (r *Running) Works() map[string]telemetry.Point {
	r.t.Helper()
	return r.Until("numbers", func(m map[string]telemetry.Point) bool {
		for _, p := range m {
			if p.Quality.Fault() {
				return false
			}
		}
		return true
	})
}

// Until waits until the newest points of all metrics that come from now on are as they
// should. It fails the test after ten seconds.
func (r *Running) Until(what string, ok func(map[string]telemetry.Point) bool) map[string]telemetry.Point {
	r.t.Helper()
	r.mu.Lock()
	r.points = nil
	r.mu.Unlock()
	end := time.After(10 * time.Second)
	newest := map[string]telemetry.Point{}
	for {
		r.mu.Lock()
		for _, p := range r.points {
			newest[p.Metric] = p
		}
		events := r.events
		r.mu.Unlock()
		if len(newest) == len(r.dev.Info().Metrics) && ok(newest) {
			return newest
		}
		select {
		case <-r.news:
		case <-end:
			r.t.Fatalf("no %s within 10s; the newest are %v, told %q", what, newest, events)
		}
	}
}
