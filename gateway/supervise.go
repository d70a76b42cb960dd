package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

const (
	minRestart      = time.Second // back-off of a driver that failed, doubling
	maxRestart      = time.Minute
	defaultInterval = 10 * time.Second // between faults of a device that names no interval
	leastSilence    = 2 * time.Second  // wall time below which silence means nothing
	driverStop      = 2 * time.Second  // how long a driver may take to end
)

// supervisor runs one device.
type supervisor struct {
	p     *probe
	s     *sampler
	clock telemetry.Clock
	log   *slog.Logger

	faulted time.Time // when faults were last emitted in the driver's stead
}

// run runs the device until ctx ends or it has nothing more to give. It returns at
// most driverStop after ctx ended, even if the driver does not.
func (v *supervisor) run(ctx context.Context) {
	restart := minRestart
	for {
		began := v.clock.Now()
		err, ended := v.watch(ctx)
		switch {
		case !ended:
			v.log.Warn("a driver did not stop in time and is left behind", "device", v.p.info.ID)
			return
		case ctx.Err() != nil:
			return
		case err == nil:
			v.p.set(func(s *DeviceStatus) { s.Ended = true })
			return
		}
		if v.p.silentSince().Sub(began) > maxRestart {
			restart = minRestart
		}
		v.failed(err)
		if !v.rest(ctx, restart, devices.QualityOf(err)) {
			return
		}
		restart = min(2*restart, maxRestart)
	}
}

// failed tells of a failure once, until the driver works again.
func (v *supervisor) failed(err error) {
	news := false
	v.p.set(func(s *DeviceStatus) {
		news = s.Problem != err.Error()
		s.Problem = err.Error()
		s.Restarts++
	})
	if news {
		v.log.Error("a device failed; it is tried again", "device", v.p.info.ID, "error", err)
	}
}

// watch runs the driver once and, while it is silent, speaks in its stead. ended is
// false if it was left running.
func (v *supervisor) watch(ctx context.Context) (err error, ended bool) {
	began, done := v.clock.Now(), make(chan error, 1)
	go func() { done <- v.drive(ctx) }()
	quiet := v.silence()
	look := defaultInterval
	if quiet > 0 {
		look = min(quiet/2, look)
	}
	tick := time.NewTicker(max(v.clock.Wall(look), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err, true
		case <-ctx.Done():
			select {
			case err := <-done:
				return err, true
			case <-time.After(driverStop):
				return nil, false
			}
		case <-tick.C:
			v.listen(began, quiet)
		}
	}
}

// listen emits faults if the driver has been silent for longer than quiet (0: silence
// means nothing), and notes that it works if it has been heard.
func (v *supervisor) listen(began time.Time, quiet time.Duration) {
	now, last := v.clock.Now(), v.p.silentSince()
	if last.Before(began) {
		last = began
	}
	if quiet == 0 || now.Sub(last) <= quiet {
		v.recovered(began)
		return
	}
	if v.fault(telemetry.NoResponse) {
		v.p.set(func(s *DeviceStatus) { s.Problem = "silent since " + last.UTC().Format(time.RFC3339) })
	}
}

func (v *supervisor) recovered(began time.Time) {
	was := ""
	v.p.set(func(s *DeviceStatus) {
		if !s.Last.Before(began) {
			was, s.Problem = s.Problem, ""
		}
	})
	if was != "" {
		v.log.Info("a device works again", "device", v.p.info.ID, "problem_was", was)
	}
}

// silence is for how long a driver may say nothing: twice its interval; 0 if it is
// not known.
func (v *supervisor) silence() time.Duration {
	if v.p.info.Interval <= 0 {
		return 0
	}
	least := time.Duration(float64(leastSilence) * v.clock.Speed())
	return max(2*v.p.info.Interval, least)
}

// drive is the driver's own goroutine.
func (v *supervisor) drive(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			v.log.Error("a driver panicked", "device", v.p.info.ID, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return v.p.dev.Run(ctx, v.clock, func(pt telemetry.Point) { v.s.emit(v.p, pt) })
}

// rest waits before the next try and emits faults meanwhile. false: ctx ended.
func (v *supervisor) rest(ctx context.Context, pause time.Duration, q telemetry.Quality) bool {
	until := v.clock.Now().Add(pause)
	for {
		v.fault(q)
		now := v.clock.Now()
		if !now.Before(until) {
			return true
		}
		wake := until
		if next := v.faulted.Add(v.interval()); next.Before(wake) {
			wake = next
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(max(v.clock.Wall(wake.Sub(now)), time.Millisecond)):
		}
	}
}

func (v *supervisor) interval() time.Duration {
	if v.p.info.Interval > 0 {
		return v.p.info.Interval
	}
	return defaultInterval
}

// fault emits a fault for each metric, unless it has done so within the interval.
func (v *supervisor) fault(q telemetry.Quality) bool {
	now := v.clock.Now()
	if now.Sub(v.faulted) < v.interval() {
		return false
	}
	v.faulted = now
	for _, m := range v.p.info.Metrics {
		v.s.put(v.p, telemetry.Point{Metric: m, Time: now.UnixMilli(), Quality: q})
	}
	v.p.set(func(s *DeviceStatus) { s.Faults += uint64(len(v.p.info.Metrics)) })
	return true
}
