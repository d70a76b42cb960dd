package mq

import (
	"context"
	"errors"
	"math"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/telemetry"
)

// Sensor is an element with its load behind a converter. It holds no state of the
// measurement: Judge says what a voltage means.
type Sensor struct {
	Model   Model
	Gas     Gas
	Supply  float64 // Vc in V
	Load    float64 // RL in Ω
	Divider float64 // V over the load for each V at the converter
	R0      float64 // Ω; 0 before calibration

	unit telemetry.Unit
	max  float64 // of the metric
	cat  *telemetry.Catalogue
}

const (
	topAt    = 0.99 // of Vc, beyond which a resistance cannot be told
	pure     = 1e6  // ppm: more gas than that there is not
	openAt   = 10   // times the clean-air resistance
	burnOff  = time.Minute
	cold     = 5 * time.Second // open for longer, it may have been without supply
	coldOpen = 1e-4            // of Vc: no current at all
)

// Resistance is Rs for a voltage at the converter, in Ω.
func (s *Sensor) Resistance(volts float64) float64 {
	v := float64(volts * s.Divider)
	return float64(s.Load*(s.Supply-v)) / v
}

// Judge is what a voltage at the converter means: the value in the catalogue's unit,
// or why it is none. air is by how much the air raises Rs; it bears on the value alone.
func (s *Sensor) Judge(volts, air float64) (float64, telemetry.Quality) {
	v := volts * s.Divider
	if v <= coldOpen*s.Supply { // the converter's offset may make it negative
		return 0, telemetry.Open
	}
	atTop := v >= topAt*s.Supply
	if atTop {
		volts = topAt * s.Supply / s.Divider
	}
	ratio := s.Resistance(volts) / s.R0
	if ratio > openAt*s.Model.CleanAir {
		return 0, telemetry.Open
	}
	switch {
	case atTop && s.Gas.Curve.ppm(ratio) > pure:
		return 0, telemetry.Short
	case atTop:
		return 0, telemetry.Saturated
	}
	ppm := s.Gas.Curve.ppm(ratio / air)
	value, err := s.cat.Convert(ppm, "ppm", s.unit, s.Gas.Metric)
	switch {
	case err != nil || math.IsNaN(value):
		return 0, telemetry.BadFrame // New has tried the conversion
	case value > s.max:
		return 0, telemetry.Saturated
	case ppm > s.Gas.Curve.Most:
		return value, telemetry.Suspect
	}
	return value, telemetry.Good
}

// reader reads a Sensor and knows how long it has been warm.
type reader struct {
	Sensor
	input  adc.Input
	warmUp time.Duration
	air    *surroundings

	powered time.Time // when it is taken to have been powered
	open    time.Time // since when it is open; zero: it is not
	resets  int
	beyond  time.Time // since when it is beyond its range; zero: it is not
}

// read takes one reading.
func (r *reader) read(ctx context.Context, now time.Time) (telemetry.Point, error) {
	volts, err := r.input.Volts(ctx)
	p := telemetry.Point{Metric: r.Gas.Metric, Time: now.UnixMilli()}
	switch {
	case errors.Is(err, adc.ErrEnd):
		p.Quality = telemetry.Saturated
	case err != nil:
		return p, err
	default:
		factor, known := r.air.factor(now)
		if p.Value, p.Quality = r.Judge(volts, factor); !known && p.Quality == telemetry.Good {
			p.Quality = telemetry.Suspect
		}
	}
	back := r.isBack(p.Quality, now)
	if n := r.input.Resets(); r.powered.IsZero() || n != r.resets || back {
		r.powered, r.resets = now, n
	}
	return r.warm(p, now), nil
}

// isBack reports whether the element is seen again after it was open for long enough to
// be cold.
func (r *reader) isBack(q telemetry.Quality, now time.Time) bool {
	if q == telemetry.Open {
		if r.open.IsZero() {
			r.open = now
		}
		return false
	}
	back := !r.open.IsZero() && now.Sub(r.open) > cold
	r.open = time.Time{}
	return back
}

// warm makes a warm-up reading of what is measured too early.
func (r *reader) warm(p telemetry.Point, now time.Time) telemetry.Point {
	beyond := p.Quality == telemetry.Saturated || p.Quality == telemetry.Short
	switch {
	case !beyond:
		r.beyond = time.Time{}
	case r.beyond.IsZero():
		r.beyond = now
	}
	switch {
	case now.Sub(r.powered) >= r.warmUp || p.Quality.Fault() && !beyond:
	case !beyond:
		p.Quality = telemetry.Warmup
	case now.Sub(r.beyond) < burnOff:
		p.Value, p.Quality = r.max, telemetry.Warmup // at least that; power-up drives it there
	}
	return p
}

func (r *reader) device(info devices.Info) devices.Device {
	return devices.PollPatiently(info, func(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
		p, err := r.read(ctx, now)
		if err != nil {
			return nil, err
		}
		return []telemetry.Point{p}, nil
	})
}
