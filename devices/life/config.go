package life

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own are the keys by which any device's mapping says how it lives. What is not given
// is the model's, where it is in Models.
//
//	life: {installed: 2026-03-01, calibrated: 2026-03-02}
//	stuck: {voltage: {after: 10m, noise: 0.1 V}}
//	drift: {gas.ch4: {limit: 3 %LEL, over: 24h}}
type Own struct {
	Life  *Dates              `yaml:"life"`
	Stuck map[string]OwnStuck `yaml:"stuck"`
	Drift map[string]OwnDrift `yaml:"drift"`
}

// Dates is the mapping "life".
type Dates struct {
	Pos            conf.Pos               `yaml:"-"`
	Installed      time.Time              `yaml:"installed"`
	ServiceLife    conf.At[conf.Duration] `yaml:"service_life"`
	EndOfLife      time.Time              `yaml:"end_of_life"` // as printed on the part; goes before the two above
	Calibrated     time.Time              `yaml:"calibrated"`
	CalibrateEvery conf.At[conf.Duration] `yaml:"calibrate_every"`
	WarmUp         conf.At[conf.Duration] `yaml:"warm_up"`
}

// OwnStuck is one metric's entry of "stuck".
type OwnStuck struct {
	Pos   conf.Pos               `yaml:"-"`
	After conf.At[conf.Duration] `yaml:"after"` // 0s: never
	Noise conf.At[string]        `yaml:"noise"` // with its unit; default none
}

// OwnDrift is one metric's entry of "drift".
type OwnDrift struct {
	Pos   conf.Pos               `yaml:"-"`
	Limit conf.At[string]        `yaml:"limit"` // with its unit
	Over  conf.At[conf.Duration] `yaml:"over"`  // default 24h
}

// defaults are metrics whose value is not the same for so long, unless it is zero,
// even where a part measures in steps of 1. Not here: contacts and states, and what a
// quiet circuit shows without end.
var defaults = map[string]StuckLimit{
	"gas.ch4": {After: 3 * day}, "gas.lpg": {After: 3 * day}, "co": {After: 3 * day}, "smoke": {After: 3 * day}, "pm2_5": {After: 3 * day},
	"temperature": {After: 3 * day}, "humidity": {After: 3 * day},
	"voltage": {After: 6 * time.Hour, Idle: mains},
}

// mains is the least that a voltage of the mains has, in V. A regulated supply of 12 V,
// or a battery on float, stands still for as long as it is well.
const mains = 60

const (
	leastStuck = 10 * time.Second
	leastDrift = time.Hour
)

// Settings are those of a device with a model and metrics, in a catalogue.
func (o *Own) Settings(model string, metrics []string, catalogue *telemetry.Catalogue, errs *conf.Errors) Settings {
	m, _ := Of(model)
	s := Settings{WarmUp: m.WarmUp, Stuck: map[string]StuckLimit{}, Drift: map[string]DriftLimit{}}
	for _, name := range metrics {
		if l, ok := defaults[name]; ok {
			s.Stuck[name] = l
		}
	}
	o.dates(m, &s, errs)
	for name, e := range o.Stuck {
		if !Measures(name, metrics, e.Pos, errs) {
			continue
		}
		l := StuckLimit{After: time.Duration(e.After.V), Idle: -1}
		switch {
		case e.After.Pos.Line == 0:
			errs.Add(e.Pos, "after is missing: for how long may %s stay as it is?", name)
		case l.After == 0:
			delete(s.Stuck, name)
			continue
		case l.After < leastStuck:
			errs.Add(e.After.Pos, "after %v is less than %v", l.After, leastStuck)
		}
		if e.Noise.V != "" {
			l.Noise = Difference(e.Noise, name, catalogue, errs)
		}
		s.Stuck[name] = l
	}
	for name, e := range o.Drift {
		if !Measures(name, metrics, e.Pos, errs) {
			continue
		}
		l := DriftLimit{Over: day}
		if e.Over.Pos.Line != 0 {
			if l.Over = time.Duration(e.Over.V); l.Over < leastDrift {
				errs.Add(e.Over.Pos, "over %v is less than %v", l.Over, leastDrift)
			}
		}
		if e.Limit.V == "" {
			errs.Add(e.Pos, "limit is missing: how low does %s come in clean air? write limit: 3 %%LEL or the like", name)
		} else {
			l.Limit = Value(e.Limit, name, catalogue, errs)
		}
		s.Drift[name] = l
	}
	return s
}

func (o *Own) dates(m Model, s *Settings, errs *conf.Errors) {
	d := o.Life
	if d == nil {
		return
	}
	service, every := m.Service, m.Calibration
	for _, g := range []struct {
		what string
		from conf.At[conf.Duration]
		to   *time.Duration
		min  time.Duration
	}{{"service_life", d.ServiceLife, &service, day}, {"calibrate_every", d.CalibrateEvery, &every, day}, {"warm_up", d.WarmUp, &s.WarmUp, 0}} {
		if g.from.Pos.Line == 0 {
			continue
		}
		if *g.to = time.Duration(g.from.V); *g.to < g.min {
			errs.Add(g.from.Pos, "%s %v is less than %v", g.what, *g.to, g.min)
		}
	}
	switch {
	case !d.EndOfLife.IsZero():
		s.EndOfLife = d.EndOfLife
	case d.Installed.IsZero():
		if d.ServiceLife.Pos.Line != 0 {
			errs.Add(d.ServiceLife.Pos, "service_life counts from the day of installation: write installed: 2026-01-31 beside it")
		}
	case service > 0:
		s.EndOfLife = d.Installed.Add(service)
	}
	switch {
	case d.Calibrated.IsZero():
		if d.CalibrateEvery.Pos.Line != 0 {
			errs.Add(d.CalibrateEvery.Pos, "calibrate_every counts from the last calibration: write calibrated: 2026-01-31 beside it")
		}
	case every > 0:
		s.Due = d.Calibrated.Add(every)
	}
}

func Measures(name string, metrics []string, at conf.Pos, errs *conf.Errors) bool {
	if slices.Contains(metrics, name) {
		return true
	}
	errs.Add(at, "the device does not measure %s (it measures %s)%s", name, strings.Join(metrics, ", "), telemetry.Suggest(name, metrics))
	return false
}

// Value reads "3 %LEL" into the unit that a metric has in the catalogue.
func Value(v conf.At[string], metric string, catalogue *telemetry.Catalogue, errs *conf.Errors) float64 {
	x, err := convert(v.V, metric, catalogue, false)
	if err != nil {
		errs.Add(v.Pos, "%v", err)
	}
	return x
}

// Difference reads "0.5 °C" as a difference, which is not negative.
func Difference(v conf.At[string], metric string, catalogue *telemetry.Catalogue, errs *conf.Errors) float64 {
	x, err := convert(v.V, metric, catalogue, true)
	if err == nil && x < 0 {
		err = fmt.Errorf("%q is negative", v.V)
	}
	if err != nil {
		errs.Add(v.Pos, "%v", err)
	}
	return x
}

func convert(text, metric string, catalogue *telemetry.Catalogue, difference bool) (float64, error) {
	m, ok := catalogue.Lookup(metric)
	if !ok {
		return 0, fmt.Errorf("%s is not in the catalogue", metric)
	}
	n := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789.+-eE", r) })
	if n < 0 {
		n = len(text)
	}
	unit := telemetry.Unit(strings.TrimSpace(text[n:]))
	if unit == "" {
		unit = "1"
	}
	v, err := strconv.ParseFloat(text[:n], 64)
	if err != nil || v-v != 0 {
		return 0, fmt.Errorf("%q is not a number with its unit, such as 5 %s", text, m.Unit)
	}
	if unit == "1" && m.Unit != "1" {
		return 0, fmt.Errorf("%q has no unit: write %s %s", text, text, m.Unit)
	}
	x, err := catalogue.Convert(v, unit, m.Unit, metric)
	if err != nil || !difference {
		return x, err
	}
	zero, err := catalogue.Convert(0, unit, m.Unit, metric)
	return x - zero, err
}
