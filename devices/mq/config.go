package mq

import (
	"slices"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/climate"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind mq2, mq4, mq5, mq6, mq7 or mq9 has beside what all
// devices have.
type Own struct {
	Pos         conf.Pos               `yaml:"-"`
	ADC         adc.Config             `yaml:"adc"`
	Metric      conf.At[string]        `yaml:"metric"`      // which gas; default the model's first
	Supply      conf.At[float64]       `yaml:"supply"`      // Vc in V, default 5
	Load        conf.At[float64]       `yaml:"load"`        // RL in Ω, default 10000
	Divider     conf.At[float64]       `yaml:"divider"`     // V over the load for each V at the converter, default 1
	WarmUp      conf.At[conf.Duration] `yaml:"warm_up"`     // default the model's
	Calibration *Calibration           `yaml:"calibration"` // see `weishao-gateway calibrate`
	Heater      *Heater                `yaml:"heater"`      // where a heater cycle is needed

	Climate      conf.At[string] `yaml:"climate"`      // the device of this gateway that measures the air here
	Compensation *Compensation   `yaml:"compensation"` // how the air moves the element; default the model's
}

// Calibration is the record of a calibration in clean air.
type Calibration struct {
	Pos    conf.Pos         `yaml:"-"`
	R0     conf.At[float64] `yaml:"r0"` // Ω
	Date   time.Time        `yaml:"date"`
	By     string           `yaml:"by"`
	Spread float64          `yaml:"spread"` // standard deviation in % of r0

	Temperature conf.At[float64] `yaml:"temperature"` // of the air, in °C; default 20
	Humidity    conf.At[float64] `yaml:"humidity"`    // in %RH; default 65
}

// Heater is the GPIO line that switches the heater's voltage.
type Heater struct {
	Pos        conf.Pos `yaml:"-"`
	bus.OnGPIO `yaml:",inline"`
	FullAt     conf.At[string] `yaml:"full_at"` // level for 5 V: high (default) or low
}

// Parts are what a device needs of the program.
type Parts struct {
	Buses     *bus.Buses
	ADC       adc.Open
	Catalogue *telemetry.Catalogue
	Rooms     *climate.Rooms // nil: nobody measures the air
}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(m Model, info devices.Info, parts Parts) (devices.Device, error) {
	var errs conf.Errors
	s, input := o.Sensor(m, info.ID, parts, &errs)
	switch {
	case o.Calibration == nil:
		errs.Add(o.Pos, "calibration is missing: let the sensor heat for a day, run `weishao-gateway calibrate` in clean air: it writes the record")
	case o.Calibration.R0.V <= 0:
		errs.Add(o.Calibration.Pos, "r0 is missing or not positive: the element's resistance in Ω, from its calibration")
	default:
		s.R0 = o.Calibration.R0.V
	}
	if info.Model == "" {
		info.Model = m.Name
	}
	info.Metrics = []string{s.Gas.Metric}
	r := reader{Sensor: s, input: input, warmUp: conf.Span(&errs, "warm_up", o.WarmUp, m.WarmUp, 0, 24*time.Hour), air: o.surroundings(m, parts, &errs)}
	var dev devices.Device
	if s.Gas.Cycled {
		dev = o.cycled(r, info, parts, &errs)
	} else {
		if o.Heater != nil {
			errs.Add(o.Heater.Pos, "%s is measured with the heater on all the time: take out heater", s.Gas.Metric)
		}
		if info.Interval <= 0 {
			info.Interval = time.Second
		}
		dev = r.device(info)
	}
	return dev, errs.Err()
}

// Sensor is the configured element and its input, before calibration.
func (o *Own) Sensor(m Model, id string, parts Parts, errs *conf.Errors) (Sensor, adc.Input) {
	s := Sensor{Model: m, Gas: o.gas(m, errs), cat: parts.Catalogue,
		Supply:  conf.Given(errs, "supply", o.Supply, 5, 1, 12),
		Load:    conf.Given(errs, "load", o.Load, 10_000, 100, 1_000_000),
		Divider: conf.Given(errs, "divider", o.Divider, 1, 1, 20)}
	metric, ok := parts.Catalogue.Lookup(s.Gas.Metric)
	if !ok {
		errs.Add(o.Pos, "%s is not in the catalogue", s.Gas.Metric)
	}
	s.unit, s.max = metric.Unit, metric.Max
	if _, err := parts.Catalogue.Convert(1, "ppm", s.unit, s.Gas.Metric); ok && err != nil {
		errs.Add(o.Pos, "%s: %v", s.Gas.Metric, err)
	}
	return s, parts.ADC(&o.ADC, o.Pos, id, errs)
}

func (o *Own) gas(m Model, errs *conf.Errors) Gas {
	var names []string
	for _, g := range m.Gases {
		if g.Metric == o.Metric.V {
			return g
		}
		names = append(names, g.Metric)
	}
	if o.Metric.V != "" {
		errs.Add(o.Metric.Pos, "a %s does not measure %s (one of %v)%s", m.Name, o.Metric.V, names, telemetry.Suggest(o.Metric.V, names))
	}
	return m.Gases[0]
}

func (o *Own) cycled(r reader, info devices.Info, parts Parts, errs *conf.Errors) devices.Device {
	if info.Interval > 0 && info.Interval != heatHigh+heatLow {
		errs.Add(o.Pos, "the heater's cycle is the interval of a %s: take interval out, or write %v", r.Model.Name, heatHigh+heatLow)
	}
	info.Interval = heatHigh + heatLow
	if o.Heater == nil {
		errs.Add(o.Pos, "heater is missing: a %s measures %s only if a GPIO line switches its heater between 5 V and 1.4 V", r.Model.Name, r.Gas.Metric)
		return nil
	}
	if at := o.Heater.FullAt; !slices.Contains([]string{"", "high", "low"}, at.V) {
		errs.Add(at.Pos, "full_at is high or low, not %q", at.V)
	}
	pin := o.Heater.Pin(parts.Buses, errs, o.Heater.Pos, info.ID)
	return &cycled{reader: r, info: info, heater: pin, high: o.Heater.FullAt.V != "low"}
}
