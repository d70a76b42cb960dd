package max30105

import (
	"context"
	"errors"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Calibrator is the device of a configuration before it is calibrated. Errors are of
// type conf.Errors.
func (o *Own) Calibrator(info devices.Info, b *bus.Buses) (devices.Calibrator, error) {
	var errs conf.Errors
	c := &calibrator{sensor: o.sensor(info, b, &errs)}
	return c, errs.Err()
}

// calibrator measures what comes back from clean air.
type calibrator struct {
	*sensor
	warm bool // the diodes are
}

// Record implements devices.Calibrator.
func (*calibrator) Record() devices.Record {
	return devices.Record{Key: "clean", Unit: "counts", Preheat: warmUp, Every: 2 * time.Second, Times: 60}
}

var (
	errNone = devices.Fault(telemetry.Stuck, errors.New("no new samples"))
	errFull = devices.Fault(telemetry.Saturated, errors.New("the light is at the end of the range: smoke, dust, or something lies on the glass"))
)

// Reference implements devices.Calibrator. The diodes have been off while the gateway
// was stopped, so that the first one waits for them.
func (c *calibrator) Reference(ctx context.Context, clock telemetry.Clock) (float64, error) {
	data, err := c.counts(ctx, clock.Now())
	if err == nil && !c.warm {
		if err = bus.Wait(ctx, c.conn, clock.Wall(warmUp)); err == nil {
			c.warm = true
			data, err = c.counts(ctx, clock.Now())
		}
	}
	if err != nil {
		return 0, err
	}
	if len(data) == 0 {
		return 0, errNone
	}
	ir, err := decode(data)
	switch {
	case err != nil:
		return 0, bus.BadFrame(c.conn, err)
	case ir >= top:
		return 0, errFull
	}
	return ir, nil
}
