// Package residual drives residual-current transformers behind any converter of
// package adc: what flows in on the conductors and does not flow back on them.
//
// Such a ring lies around all live conductors and the neutral, never around the
// protective one. Its data sheet gives a ratio (2000:1 is usual) and a largest burden,
// and from these mA per volt = ratio · 1000 / burden in Ω. There is no one part: this
// is the page for any ring, whose own data sheet rules.
//
//   - Range: 20 to 1000 mA is what GB 14287.2 asks of a detector; the catalogue takes
//     0 to 5000. A 2000:1 ring with 1 kΩ gives 0.5 mV per mA: 2000 mA per volt.
//   - Accuracy: that of the ring, 1 to 5 %, and of package mains' table. Every 100 m of
//     cable and every filter in an appliance leaks a little; 10 to 30 mA are ordinary
//     on a stairwell's feeder.
//   - It measures alternating current of the mains' frequency and its harmonics. A
//     smooth direct current, as from a broken rectifier, saturates the core and reads
//     low: its all-clear proves nothing there.
//
// Wiring, bias and qualities are those of package sct013.
package residual

import (
	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/adc/mains"
	"weishao.dev/weishao/internal/conf"
)

// Own is what a device of kind residual has beside what all devices have.
type Own struct {
	mains.Meter `yaml:",inline"`
	Scale       conf.At[float64] `yaml:"milliamps_per_volt"`
}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, open adc.Open) (devices.Device, error) {
	var errs conf.Errors
	if o.Scale.Pos.Line == 0 {
		errs.Add(o.Pos, "milliamps_per_volt is missing: the ring's ratio times 1000 divided by its burden in Ω, such as 2000")
	} else if o.Scale.V < 1 || o.Scale.V > 1_000_000 {
		errs.Add(o.Scale.Pos, "milliamps_per_volt %g is not between 1 and 1000000", o.Scale.V)
	}
	dev := o.Meter.Device(info, "residual_current", o.Scale.V, open, &errs)
	return dev, errs.Err()
}
