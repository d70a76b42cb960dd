package mqttsensor

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Contact is the metric of whatever is on or off.
const Contact = "contact"

// FieldConfig says what a field of a device's messages is. Its own default is the
// dialect's; a field that the dialect does not know needs its metric.
type FieldConfig struct {
	Pos    conf.Pos         `yaml:"-"`
	Metric conf.At[string]  `yaml:"metric"` // of the catalogue
	Unit   conf.At[string]  `yaml:"unit"`   // that the device gives; default the dialect's, or the catalogue's
	Scale  conf.At[float64] `yaml:"scale"`  // the device's number times this is in Unit; default 1
	Invert conf.At[bool]    `yaml:"invert"` // of what is on or off
}

// Known is what a dialect knows of a field.
type Known struct {
	Metric string
	Unit   telemetry.Unit // empty: it differs by device, and the configuration has to say
}

// Field is one field of a device's messages that is measured.
type Field struct {
	Name   string
	Metric telemetry.Metric
	Unit   telemetry.Unit // as the device gives it
	Scale  float64
	Invert bool

	cat *telemetry.Catalogue
}

// fields checks the configured ones, in the order of their names.
func fields(list map[string]FieldConfig, known func(name string) (Known, bool), cat *telemetry.Catalogue, errs *conf.Errors) []Field {
	var out []Field
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		c := list[name]
		k, _ := known(name)
		f := Field{Name: name, Scale: 1, Invert: c.Invert.V, cat: cat}
		metric := cmp.Or(c.Metric.V, k.Metric)
		if metric == "" {
			errs.Add(c.Pos, "field %q: name its metric and unit, such as {metric: gas.ch4, unit: \"%%LEL\"}", name)
			continue
		}
		at := c.Pos
		if c.Metric.V != "" {
			at = c.Metric.Pos
		}
		m, ok := cat.Lookup(metric)
		if !ok || m.Derived {
			errs.Add(at, "field %q: %q is not a metric that can be measured%s", name, metric, telemetry.Suggest(metric, cat.Names()))
			continue
		}
		if before := taken[metric]; before != "" {
			errs.Add(at, "fields %q and %q are both %s: make two devices of them", before, name, metric)
			continue
		}
		taken[metric], f.Metric = name, m
		f.unit(c, k, errs)
		if c.Scale.Pos.Line != 0 {
			if f.Scale = c.Scale.V; f.Scale == 0 {
				errs.Add(c.Scale.Pos, "scale 0 makes everything 0")
			}
		}
		if c.Invert.V && metric != Contact {
			errs.Add(c.Invert.Pos, "only a contact can be inverted")
		}
		out = append(out, f)
	}
	return out
}

// unit finds the unit in which the device gives the field.
func (f *Field) unit(c FieldConfig, k Known, errs *conf.Errors) {
	at := c.Pos
	switch {
	case c.Unit.V != "":
		f.Unit, at = telemetry.Unit(c.Unit.V), c.Unit.Pos
	case k.Metric == f.Metric.Name && k.Unit != "":
		f.Unit = k.Unit
	case f.Metric.Unit == "1":
		f.Unit = "1"
	default:
		errs.Add(at, "field %q: say in which unit the device gives it, such as {metric: %s, unit: %q}", f.Name, f.Metric.Name, f.Metric.Unit)
		return
	}
	if _, err := f.cat.Convert(1, f.Unit, f.Metric.Unit, f.Metric.Name); err != nil {
		errs.Add(at, "field %q: %v", f.Name, err)
	}
}

// disconnected is what a DS18B20's driver gives for a probe that does not answer, on
// both Tasmota and ESPHome.
const disconnected = -127

// Read makes a point of the field's value, or a fault that says why it is none.
func (f *Field) Read(v any) telemetry.Point { return f.ReadIn(v, f.Unit) }

// ReadIn is Read for a value of which the message itself says the unit.
func (f *Field) ReadIn(v any, unit telemetry.Unit) telemetry.Point {
	if f.Metric.Name == Contact {
		on, q := Switch(v)
		return f.contact(on != f.Invert, q)
	}
	n, q := Number(v)
	if q.Fault() {
		return f.Fault(q)
	}
	if f.Metric.Name == "temperature" && n == disconnected {
		return f.Fault(telemetry.Open)
	}
	value, err := f.cat.Convert(float64(n*f.Scale), unit, f.Metric.Unit, f.Metric.Name)
	if err != nil {
		return f.Fault(telemetry.BadFrame)
	}
	value, q = f.Metric.Measured(value)
	return telemetry.Point{Metric: f.Metric.Name, Value: value, Quality: q}
}

// Fault is the fault q of the field.
func (f *Field) Fault(q telemetry.Quality) telemetry.Point {
	return telemetry.Point{Metric: f.Metric.Name, Quality: q}
}

func (f *Field) contact(on bool, q telemetry.Quality) telemetry.Point {
	p := telemetry.Point{Metric: f.Metric.Name, Quality: q}
	if on && !q.Fault() {
		p.Value = 1
	}
	return p
}

// LastPart is what follows the last '/' or '.' of a field's name.
func LastPart(name string) string { return name[strings.LastIndexAny(name, "/.")+1:] }
