// Package devices says what a sensor's driver is to the gateway: something
// that, while it runs, emits measured points or faults with a reason.
//
// A driver promises one thing above all: it never emits a plausible number on
// failure. What it could not measure is a point whose Quality is a fault, or an
// error from Run.
//
// The gateway owns the goroutine. It calls Run once per device and restarts it
// with back-off when it returns an error or panics; while the driver is down
// the gateway emits the fault in its stead, at most once per interval and
// metric, so a driver need not. A driver that hangs stalls nobody but itself.
//
// Most drivers poll a part and are made with Poll. Drivers that are pushed to
// (a recorded file, an MQTT sensor) implement Device themselves.
package devices

import (
	"context"
	"errors"
	"time"

	"weishao.dev/weishao/telemetry"
)

// Info is what a birth certificate announces about a device.
type Info struct {
	ID        string        // name within the gateway, a telemetry.ValidName: "kitchen-301"
	Model     string        // maker's name of the part; may be empty
	Serial    string        // may be empty
	Placement string        // what the device watches: "kitchen_gas"; may be empty
	Interval  time.Duration // longest time between two readings, on the gateway's clock; 0 if not known
	Metrics   []string      // catalogue names, in the order that they are announced; at least one
}

// Device is one sensor.
type Device interface {
	// Info is constant for the life of the Device and may be called at any
	// time, also while Run runs.
	Info() Info

	// Run samples until ctx ends, and calls emit for each point. It returns
	//   - nil when ctx ended, or when there is nothing more to come (a
	//     recorded file is over): it is not run again;
	//   - an error when the part failed: it is run again after a back-off, and
	//     the gateway emits QualityOf(err) for each metric meanwhile.
	//
	// Times are the clock's, and waiting for d of them is clock.Wall(d) on a
	// timer. A point whose Time is 0 is stamped on arrival. emit does not
	// block for long, never fails, and may be called from any goroutine
	// until Run returns; points of a metric that Info does not announce are
	// counted and dropped.
	Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error
}

// FaultError is an error that knows which fault it is.
type FaultError struct {
	Quality telemetry.Quality // a fault
	Err     error
}

func (e *FaultError) Error() string { return e.Quality.String() + ": " + e.Err.Error() }
func (e *FaultError) Unwrap() error { return e.Err }

// Fault marks err as the fault q, so that the gateway reports q instead of
// no_response. It panics if q is not a fault: a programming error.
func Fault(q telemetry.Quality, err error) error {
	if !q.Fault() || !q.Valid() {
		panic("devices.Fault: " + q.String() + " is not a fault")
	}
	return &FaultError{Quality: q, Err: err}
}

// QualityOf is the fault that err stands for: that of a FaultError in its
// chain, or telemetry.NoResponse.
func QualityOf(err error) telemetry.Quality {
	if f, ok := errors.AsType[*FaultError](err); ok {
		return f.Quality
	}
	return telemetry.NoResponse
}

// Sample reads a part once, at time now of the clock. ctx ends when the next
// sample is due, or when the device is stopped. Points with Time 0 get now.
type Sample func(ctx context.Context, now time.Time) ([]telemetry.Point, error)

// Poll is a Device that calls sample every info.Interval, the first time at
// once. Moments that were missed because a sample took too long are left out,
// not made up for. An error of sample ends Run, for the gateway to restart.
// It panics if info.Interval is not positive: a programming error, since
// configurations are checked before.
func Poll(info Info, sample Sample) Device {
	if info.Interval <= 0 {
		panic("devices.Poll: " + info.ID + " has no interval")
	}
	return &poller{info: info, sample: sample}
}

type poller struct {
	info   Info
	sample Sample
}

func (p *poller) Info() Info { return p.info }

func (p *poller) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	due := clock.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := p.once(ctx, clock, due, emit); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		due = nextDue(due, clock.Now(), p.info.Interval)
		timer.Reset(clock.Wall(due.Sub(clock.Now())))
	}
}

func (p *poller) once(ctx context.Context, clock telemetry.Clock, due time.Time, emit func(telemetry.Point)) error {
	now := clock.Now()
	if now.Before(due) {
		now = due // a timer of a scaled clock may fire a hair early
	}
	ctx, cancel := context.WithTimeout(ctx, clock.Wall(p.info.Interval))
	defer cancel()
	points, err := p.sample(ctx, now)
	for _, pt := range points {
		if pt.Time == 0 {
			pt.Time = now.UnixMilli()
		}
		emit(pt)
	}
	return err
}

// nextDue is the first moment of the grid due, due+interval, ... after now.
func nextDue(due, now time.Time, interval time.Duration) time.Time {
	next := due.Add(interval)
	if late := now.Sub(next); late >= 0 {
		next = next.Add((late/interval + 1) * interval)
	}
	return next
}
