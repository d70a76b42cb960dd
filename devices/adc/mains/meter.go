package mains

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Meter is a transformer at a converter's input that is held at a bias.
type Meter struct {
	Pos       conf.Pos         `yaml:"-"`
	ADC       adc.Config       `yaml:"adc"`
	Bias      conf.At[float64] `yaml:"bias"`      // V without a signal, default 1.65
	Frequency conf.At[float64] `yaml:"frequency"` // of the mains in Hz, default 50
	Cycles    conf.At[int]     `yaml:"cycles"`    // of a measurement, default 10
}

const (
	biasWithin = 0.2  // part of the bias by which the mean may be off
	atRail     = 0.02 // V from ground, or from twice the bias, at which a wave is cut off
)

// rates are those of converters that average over each conversion.
var rates = map[string]float64{"ads1115": 860, "ads1015": 3300}

// Device makes a device that emits a metric: scale units of it for each V.
func (m *Meter) Device(info devices.Info, metric string, scale float64, open adc.Open, errs *conf.Errors) devices.Device {
	bias := conf.Given(errs, "bias", m.Bias, 1.65, 0.1, 5)
	hz := conf.Given(errs, "frequency", m.Frequency, 50, 40, 70)
	cycles := conf.Given(errs, "cycles", m.Cycles, 10, 1, 100)
	input := open(&m.ADC, m.Pos, info.ID, errs)
	if info.Interval <= 0 {
		info.Interval = time.Second
	}
	if long := Length(hz, cycles); info.Interval < 2*long && len(*errs) == 0 {
		errs.Add(m.Pos, "an interval of %v is too short to measure %d cycles: allow at least %v", info.Interval, cycles, 2*long)
	}
	info.Metrics = []string{metric}
	scale /= Damping(hz, rates[m.ADC.Kind.V])
	return devices.PollPatiently(info, func(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
		samples, err := input.Burst(ctx, Length(hz, cycles))
		p := telemetry.Point{Metric: metric, Time: now.UnixMilli()}
		switch {
		case errors.Is(err, adc.ErrEnd):
			p.Quality = telemetry.Saturated
		case err != nil:
			return nil, err
		default:
			w, err := Measure(samples, hz, cycles)
			if err != nil {
				return nil, devices.Fault(telemetry.NoResponse, fmt.Errorf("%v: %w", input, err))
			}
			p.Value, p.Quality = float64(w.RMS*scale), w.quality(bias)
		}
		return []telemetry.Point{p}, nil
	})
}

// quality says what is wrong with a wave about a bias.
func (w Wave) quality(bias float64) telemetry.Quality {
	switch {
	case w.Mean < bias*(1-biasWithin):
		return telemetry.Open
	case w.Mean > bias*(1+biasWithin):
		return telemetry.Short
	case w.Low < atRail || w.High > 2*bias-atRail:
		return telemetry.Saturated
	case math.IsNaN(w.RMS):
		return telemetry.BadFrame
	}
	return telemetry.Good
}
