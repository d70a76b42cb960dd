package serialline

import (
	"context"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// Listener is a part that speaks by itself.
type Listener struct {
	Frames *Frames
	Within time.Duration // in which the next frame has to come
	Hello  []byte        // sent at the beginning, to a part that may have to be told to speak; may be nil

	// Points are what a frame says, or why it says nothing. It is called for each frame.
	Points func(now time.Time, frame []byte) ([]telemetry.Point, error)
}

// Device is the part as a device that emits the newest frame's points each
// info.Interval, and faults as devices.Patience has them.
func (l Listener) Device(info devices.Info) devices.Device {
	return l.Frames.line.Holding(&listening{Listener: l, info: info})
}

type listening struct {
	Listener
	info     devices.Info
	patience devices.Patience
}

func (l *listening) Info() devices.Info { return l.info }

func (l *listening) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	if err := l.hello(ctx); err != nil {
		return ended(ctx, err)
	}
	var due time.Time
	for {
		points, fault, err := l.next(ctx, clock)
		if err != nil {
			return ended(ctx, err)
		}
		now := clock.Now()
		if !fault && now.Before(due) {
			continue
		}
		// Frames come each second, give or take: a little early is in time.
		due = now.Add(l.info.Interval * 3 / 4)
		for _, p := range points {
			p.Time = now.UnixMilli()
			emit(p)
		}
	}
}

// next is what the next frame says, or the faults in its stead.
func (l *listening) next(ctx context.Context, clock telemetry.Clock) (points []telemetry.Point, fault bool, err error) {
	frame, err := l.Frames.Next(ctx, l.Within)
	if err == nil {
		points, err = l.Points(clock.Now(), frame)
	}
	if err == nil {
		l.patience.Worked()
		return points, false, nil
	}
	if ctx.Err() != nil {
		return nil, false, ctx.Err()
	}
	points, err = l.patience.Failed(err, l.info.Metrics)
	return points, true, err
}

func (l *listening) hello(ctx context.Context) error {
	if l.Hello == nil {
		return nil
	}
	return l.Frames.Tell(ctx, l.Hello, l.Within)
}

// ended is nil for a device that was stopped.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
