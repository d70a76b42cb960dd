package mq

import (
	"context"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/telemetry"
)

// cycled is a sensor whose heater is switched.
type cycled struct {
	reader
	info   devices.Info
	heater bus.Pin
	high   bool // the line's level for 5 V
}

func (c *cycled) Info() devices.Info { return c.info }

// Run heats, lets cool, reads, and begins again. It ends with full heat: a gateway that
// is off leaves an element that is clean.
func (c *cycled) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), bus.Limit)
		defer cancel()
		_ = c.heater.Write(last, c.high) // what can be done about it is done by the next run
	}()
	for {
		for _, phase := range []struct {
			level bool
			long  time.Duration
		}{{c.high, heatHigh}, {!c.high, heatLow}} {
			if err := c.heater.Write(ctx, phase.level); err != nil {
				c.powered = time.Time{} // the element may be cold
				return ended(ctx, err)
			}
			if adc.Sleep(ctx, clock.Wall(phase.long)) != nil {
				return nil
			}
		}
		p, err := c.persist(ctx, clock)
		if err != nil {
			return ended(ctx, err)
		}
		emit(p)
	}
}

// persist reads, and once or twice again if that fails: the next chance is a cycle away.
func (c *cycled) persist(ctx context.Context, clock telemetry.Clock) (p telemetry.Point, err error) {
	for range 3 {
		if p, err = c.read(ctx, clock.Now()); err == nil || adc.Sleep(ctx, clock.Wall(time.Second)) != nil {
			break
		}
	}
	return p, err
}

// ended is err, unless the device was stopped.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
