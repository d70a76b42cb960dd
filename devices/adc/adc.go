// Package adc is what an analogue sensor sees of a converter: an Input that gives
// volts. Packages ads1x15 and mcp3x08 are the converters.
package adc

import (
	"context"
	"errors"
	"slices"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Input is one input of a converter, shared by whoever reads the converter: several
// callers take turns. Errors are devices.FaultErrors:
//   - no_response: the converter or its bus does not answer;
//   - bad_frame: it answers with what it cannot have measured;
//   - saturated: ErrEnd.
type Input interface {
	// Volts converts once.
	Volts(ctx context.Context) (float64, error)
	// Burst converts as fast as the converter can, for a length of time. It is not
	// interrupted by other callers.
	Burst(ctx context.Context, length time.Duration) ([]Sample, error)
	// Resets is how often the converter has been found freshly powered: what it
	// shares a supply with has been off too. Converters that cannot tell give 0.
	Resets() int
	String() string
}

// Sample is one conversion of a burst.
type Sample struct {
	At    time.Duration // since the burst's first
	Volts float64
}

// ErrEnd says that the voltage is at an end of the converter's range.
var ErrEnd = devices.Fault(telemetry.Saturated, errors.New("the voltage is at the end of the converter's range"))

// Config is the mapping "adc" of a device: which input it is wired to.
//
//	adc: {kind: ads1115, bus: /dev/i2c-1, address: 0x48, channel: 0, range: 4.096}
//	adc: {kind: mcp3208, bus: /dev/spidev0.0, channel: 3, reference: 3.3}
type Config struct {
	Pos       conf.Pos             `yaml:"-"`
	Kind      conf.At[string]      `yaml:"kind"`
	Bus       conf.At[string]      `yaml:"bus"`
	Address   conf.At[bus.Address] `yaml:"address"`   // on I²C
	Channel   conf.At[int]         `yaml:"channel"`   // from 0
	Range     conf.At[float64]     `yaml:"range"`     // ads1115, ads1015: full scale in V
	Reference conf.At[float64]     `yaml:"reference"` // mcp3008, mcp3208: VREF in V
}

// Open finds the input that a configuration names, for a device. Mistakes go to errs;
// the result is then nil. at stands for the device's mapping.
type Open func(c *Config, at conf.Pos, device string, errs *conf.Errors) Input

// Check notes keys that are given but are not the kind's.
func (c *Config) Check(errs *conf.Errors, keys ...string) {
	for key, at := range map[string]conf.Pos{"address": c.Address.Pos, "range": c.Range.Pos, "reference": c.Reference.Pos} {
		if at.Line != 0 && !slices.Contains(keys, key) {
			errs.Add(at, "a %s has no %s", c.Kind.V, key)
		}
	}
}

// Sleep waits for d, or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Pace is when the next sample of a burst is due: at the first multiple of every after
// now. What a late timer has missed is left out: a conversion that is read twice says
// nothing new.
func Pace(now, every time.Duration) time.Duration { return (now/every + 1) * every }
