package mqttsensor

import (
	"context"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// device is one sensor behind a broker.
type device struct {
	info    devices.Info
	broker  *Broker
	speaker Speaker
	rules   rules // of a device that has heard nothing
}

func (d *device) Info() devices.Info { return d.info }

// Run implements devices.Device. It returns when ctx ends and never fails: that the
// broker is away is a fault of each metric, and the session's to mend.
func (d *device) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	r := d.rules
	r.speaker, r.topics = d.speaker, d.speaker.Topics()
	in := d.broker.join(clock, append(r.topics.Data[:len(r.topics.Data):len(r.topics.Data)], r.topics.Presence...))
	defer d.broker.leave(in)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		messages, up, since := in.take()
		r.connection(up, since)
		for _, m := range messages {
			d.emit(r.message(m), emit)
		}
		now, was := clock.Now(), r.absence
		points, next := r.tick(now)
		d.emit(points, emit)
		d.tell(was, r.absence)
		timer.Reset(max(clock.Wall(next.Sub(clock.Now())), time.Millisecond))
		select {
		case <-ctx.Done():
			return nil
		case <-in.signal:
		case <-timer.C:
		}
	}
}

func (d *device) emit(points []telemetry.Point, emit func(telemetry.Point)) {
	for _, p := range points {
		emit(p)
	}
}

// tell logs that a device went offline, or that it is so no more. That the broker is
// away is the session's to tell, once for all its devices.
func (d *device) tell(was, is string) {
	switch {
	case was == is || is == noBroker || is == "" && was == noBroker:
	case is != "":
		d.broker.log.Warn("a sensor cannot be heard", "device", d.info.ID, "reason", is)
	default:
		d.broker.log.Info("a sensor can be heard again", "device", d.info.ID)
	}
}
