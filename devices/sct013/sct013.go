// Package sct013 drives the split-core current transformers SCT-013 of YHDC and their
// like, behind any converter of package adc: true RMS over whole mains cycles.
//
// Data sheet: https://en.yhdc.com/product/SCT013-401.html. SCT-013-000: 100 A : 50 mA,
// no burden inside; -030: 30 A : 1 V, burden inside; others by their print.
//
//   - Range: 10 % to 120 % of the nominal current within 1 % (-000) to 3 %; below a few
//     per cent the core's own magnetising current makes it read low.
//   - The converter's rate adds its own error, most for the pulses of chargers: see the
//     table of package mains.
//   - No warm-up. It cannot be worn out, but it can be opened: the jaw must snap shut,
//     dirt in the gap lowers the reading.
//
// # Wiring
//
// One end of the transformer lies at a bias of half the supply (two equal resistors
// and a capacitor), the other at the converter's input. A -000 gets a burden, such as
// 22 Ω, between its ends; never leave it open on a live conductor without one. A
// resistor of 1 MΩ from the input to ground makes a plug that fell out read as 0 V,
// which is found: without it the input floats, and may float anywhere.
//
// # Qualities
//
//   - open: the mean is far below the bias: the plug, the transformer or the bias
//     divider is broken.
//   - short: the mean is far above it.
//   - saturated: the wave touches an end of the converter's range, or ground, or twice
//     the bias: the current is more than the burden is made for.
//
// A transformer that is shorted, or that lies around both conductors, reads 0 A. That
// cannot be told from no load.
package sct013

import (
	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/adc/mains"
	"weishao.dev/weishao/internal/conf"
)

// Own is what a device of kind sct013 has beside what all devices have.
type Own struct {
	mains.Meter `yaml:",inline"`
	Scale       conf.At[float64] `yaml:"amps_per_volt"` // A in the conductor for each V at the input
}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, open adc.Open) (devices.Device, error) {
	var errs conf.Errors
	if o.Scale.Pos.Line == 0 {
		errs.Add(o.Pos, "amps_per_volt is missing: 30 for an SCT-013-030; for an SCT-013-000 2000 divided by its burden in Ω")
	} else if o.Scale.V < 0.1 || o.Scale.V > 1000 {
		errs.Add(o.Scale.Pos, "amps_per_volt %g is not between 0.1 and 1000", o.Scale.V)
	}
	if info.Model == "" {
		info.Model = "SCT-013"
	}
	dev := o.Meter.Device(info, "current", o.Scale.V, open, &errs)
	return dev, errs.Err()
}
