package mq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Calibrator is the device of a configuration before it is calibrated. Errors are of
// type conf.Errors.
func (o *Own) Calibrator(m Model, id string, parts Parts) (devices.Calibrator, error) {
	var errs conf.Errors
	s, input := o.Sensor(m, id, parts, &errs)
	c := &calibrator{Sensor: s, input: input, air: o.Climate.V != ""}
	if s.Gas.Cycled {
		if o.Heater == nil {
			errs.Add(o.Pos, "heater is missing: %s is measured, and calibrated, at the end of the heater's low phase", s.Gas.Metric)
			return nil, errs.Err()
		}
		c.heater, c.high = o.Heater.Pin(parts.Buses, &errs, o.Heater.Pos, id), o.Heater.FullAt.V != "low"
	}
	return c, errs.Err()
}

// calibrator measures R0: Rs in clean air, divided by the model's ratio there.
type calibrator struct {
	Sensor
	input  adc.Input
	heater bus.Pin // nil without a cycle
	high   bool
	air    bool // bears on what R0 means
}

// Record implements devices.Calibrator. The preheat is the data sheets'.
func (c *calibrator) Record() devices.Record {
	if c.heater != nil {
		return devices.Record{Key: "r0", Unit: "Ω", Preheat: 48 * time.Hour, Every: heatHigh + heatLow, Times: 6, Air: c.air}
	}
	return devices.Record{Key: "r0", Unit: "Ω", Preheat: 24 * time.Hour, Every: time.Second, Times: 60, Air: c.air}
}

// Reference implements devices.Calibrator.
func (c *calibrator) Reference(ctx context.Context, clock telemetry.Clock) (float64, error) {
	if c.heater != nil {
		if err := c.cycle(ctx, clock); err != nil {
			return 0, err
		}
	}
	volts, err := c.input.Volts(ctx)
	if c.heater != nil {
		err = errors.Join(err, c.heater.Write(ctx, c.high))
	}
	if err != nil {
		return 0, err
	}
	switch v := volts * c.Divider; {
	case v <= coldOpen*c.Supply:
		return 0, devices.Fault(telemetry.Open, fmt.Errorf("no current through the element (%.4f V): it or its wire is broken, or its heater is cold", v))
	case v >= topAt*c.Supply:
		return 0, devices.Fault(telemetry.Short, fmt.Errorf("all of the supply is at the load (%.3f V): the element is shorted, or the air is full of gas", v))
	}
	return c.Resistance(volts) / c.Model.CleanAir, nil
}

// cycle heats and lets cool; it leaves the heater on if it is ended.
func (c *calibrator) cycle(ctx context.Context, clock telemetry.Clock) error {
	for _, phase := range []struct {
		level bool
		long  time.Duration
	}{{c.high, heatHigh}, {!c.high, heatLow}} {
		if err := c.heater.Write(ctx, phase.level); err != nil {
			return err
		}
		if err := adc.Sleep(ctx, clock.Wall(phase.long)); err != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), bus.Limit)
			defer cancel()
			_ = c.heater.Write(last, c.high) // the error that is told is ctx's
			return err
		}
	}
	return nil
}
