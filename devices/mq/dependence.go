package mq

import (
	"slices"
	"time"

	"weishao.dev/weishao/devices/climate"
	"weishao.dev/weishao/internal/conf"
)

// Dependence is how the resistance of an element depends on the air: Factor[i][j] is Rs
// at Humidity[i] and Temperature[j], in any one gas, as a part of what it is in some air
// of reference. Only the ratio of two factors is used.
type Dependence struct {
	Temperature []float64 // °C, rising
	Humidity    []float64 // %RH, rising
	Factor      [][]float64
	Source      string
}

// Factor of the air of a Room is between these, so that no mistake of a table makes much
// of nothing.
const (
	leastFactor = 0.1
	mostFactor  = 10
)

// standard is the air of the data sheets' curves (table "standard test condition").
var standard = climate.Air{Temperature: 20, Humidity: 65}

// At is the factor in some air, straight between the table's values. Beyond the table it
// is that of its edge: nothing is known there.
func (d *Dependence) At(a climate.Air) float64 {
	i, v := between(d.Humidity, a.Humidity)
	j, u := between(d.Temperature, a.Temperature)
	row := func(i int) float64 { return mix(d.Factor[i][j], d.Factor[i][j+1], u) }
	return mix(row(i), row(i+1), v)
}

func mix(a, b, part float64) float64 { return float64(a*(1-part)) + float64(b*part) }

// between is the step of axis that x lies in, and how far along it.
func between(axis []float64, x float64) (i int, part float64) {
	last := len(axis) - 1
	x = min(max(x, axis[0]), axis[last])
	for i < last-1 && x > axis[i+1] {
		i++
	}
	return i, (x - axis[i]) / (axis[i+1] - axis[i])
}

// Compensation is the mapping "compensation": a Dependence of one's own.
type Compensation struct {
	Pos         conf.Pos    `yaml:"-"`
	Temperature []float64   `yaml:"temperature"` // °C, at least two, rising
	Humidity    []float64   `yaml:"humidity"`    // %RH, at least two, rising
	Factor      [][]float64 `yaml:"factor"`      // a row for each humidity, a column for each temperature
	Source      string      `yaml:"source"`      // where the numbers are from
}

// dependence checks the table.
func (c *Compensation) dependence(errs *conf.Errors) *Dependence {
	n := len(*errs)
	for _, axis := range [][]float64{c.Temperature, c.Humidity} {
		if len(axis) < 2 || !slices.IsSorted(axis) || len(slices.Compact(slices.Clone(axis))) < len(axis) {
			errs.Add(c.Pos, "temperature and humidity are lists of at least two numbers each, rising")
			break
		}
	}
	wide := func(row []float64) bool { return len(row) != len(c.Temperature) }
	if len(c.Factor) != len(c.Humidity) || slices.ContainsFunc(c.Factor, wide) {
		errs.Add(c.Pos, "factor has %d rows: one for each of %d humidities, with a number for each of %d temperatures", len(c.Factor), len(c.Humidity), len(c.Temperature))
	}
	for _, f := range slices.Concat(c.Factor...) {
		if f < leastFactor || f > mostFactor {
			errs.Add(c.Pos, "factor %g is not between %g and %g", f, leastFactor, float64(mostFactor))
		}
	}
	if c.Source == "" {
		errs.Add(c.Pos, "source is missing: a table of which nobody knows where it is from is no table")
	}
	if len(*errs) > n {
		return nil
	}
	return &Dependence{c.Temperature, c.Humidity, c.Factor, c.Source}
}

// surroundings are what a sensor knows of the air around it. Nil knows nothing, and
// compensates nothing.
type surroundings struct {
	room       *climate.Room
	dependence *Dependence
	calibrated float64 // the factor in the air that R0 was found in
}

// surroundings are those of a configuration.
func (o *Own) surroundings(m Model, parts Parts, errs *conf.Errors) *surroundings {
	if o.Climate.V == "" {
		if o.Compensation != nil {
			errs.Add(o.Compensation.Pos, "climate is missing: which device of this gateway measures the air here?")
		}
		return nil
	}
	d := m.Dependence
	if o.Compensation != nil {
		d = o.Compensation.dependence(errs)
	} else if d == nil {
		errs.Add(o.Climate.Pos, "no table of a %s is known: give one as compensation, with its source", m.Name)
	}
	if d == nil || parts.Rooms == nil {
		return nil
	}
	s := &surroundings{room: parts.Rooms.Room(o.Climate.V, o.Climate.Pos), dependence: d}
	s.calibrated = d.At(o.Calibration.air(errs))
	return s
}

// air is that of the calibration; what its record does not say is as for the curves.
func (c *Calibration) air(errs *conf.Errors) climate.Air {
	if c == nil {
		return standard
	}
	return climate.Air{
		Temperature: conf.Given(errs, "temperature", c.Temperature, standard.Temperature, -20, 60),
		Humidity:    conf.Given(errs, "humidity", c.Humidity, standard.Humidity, 0, 100),
	}
}

// factor is by how much the air raises Rs at a moment. It is never below 1: what another
// device says of the air may make an alarm come sooner, and not later. known is false if
// there is nothing to go by.
func (s *surroundings) factor(now time.Time) (f float64, known bool) {
	if s == nil {
		return 1, true
	}
	air, ok := s.room.Now(now)
	if !ok {
		return 1, false
	}
	return max(1, s.dependence.At(air)/s.calibrated), true
}
