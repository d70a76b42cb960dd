package contact

import (
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
)

// Own is what a device of kind contact has beside what all devices have: either line
// or adc.
type Own struct {
	Pos        conf.Pos `yaml:"-"`
	bus.OnGPIO `yaml:",inline"`
	Pull       conf.At[string]        `yaml:"pull"`     // up (default), or none if the board has a resistor of its own
	Normally   conf.At[string]        `yaml:"normally"` // open or closed: the contact while all is quiet
	Debounce   conf.At[conf.Duration] `yaml:"debounce"` // default 100ms

	ADC       *adc.Config      `yaml:"adc"`
	Supply    conf.At[float64] `yaml:"supply"`         // V, default 3.3
	PullUp    conf.At[float64] `yaml:"pull_up"`        // Ω, default 10000
	EndOfLine conf.At[float64] `yaml:"end_of_line"`    // Ω
	AlarmR    conf.At[float64] `yaml:"alarm_resistor"` // Ω
}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, b *bus.Buses, open adc.Open) (devices.Device, error) {
	var errs conf.Errors
	debounce := conf.Span(&errs, "debounce", o.Debounce, 100*time.Millisecond, 0, 10*time.Second)
	closedIsAlarm := o.Normally.V == "open"
	switch o.Normally.V {
	case "open", "closed":
	case "":
		errs.Add(o.Pos, "normally is missing: open or closed, as the contact is while all is quiet")
	default:
		errs.Add(o.Normally.Pos, "normally is open or closed, not %q", o.Normally.V)
	}
	if info.Interval <= 0 {
		info.Interval = DefaultInterval
	}
	var dev devices.Device
	if o.ADC != nil {
		dev = Watch(info, o.loop(closedIsAlarm, info.ID, open, &errs), lookInput, debounce)
	} else {
		dev = Watch(info, o.pin(closedIsAlarm, info.ID, b, &errs), LookPin, debounce)
	}
	return dev, errs.Err()
}

func (o *Own) pin(closedIsAlarm bool, id string, b *bus.Buses, errs *conf.Errors) Look {
	pull := bus.PullUp
	switch o.Pull.V {
	case "", "up":
	case "none":
		pull = bus.PullNone
	default:
		errs.Add(o.Pull.Pos, "pull is up or none, not %q: the contact leads to ground", o.Pull.V)
	}
	for key, at := range map[string]conf.Pos{"supply": o.Supply.Pos, "pull_up": o.PullUp.Pos, "end_of_line": o.EndOfLine.Pos, "alarm_resistor": o.AlarmR.Pos} {
		if at.Line != 0 {
			errs.Add(at, "%s needs a converter: a GPIO line tells no resistance; give adc instead of line", key)
		}
	}
	return atPin(o.OnGPIO.Pin(b, errs, o.Pos, id), pull, closedIsAlarm)
}

func (o *Own) loop(closedIsAlarm bool, id string, open adc.Open, errs *conf.Errors) Look {
	for key, at := range map[string]conf.Pos{"line": o.Line.Pos, "chip": o.Chip.Pos, "pull": o.Pull.Pos} {
		if at.Line != 0 {
			errs.Add(at, "%s is given, and adc: a contact is wired to one of them", key)
		}
	}
	l := &loop{supply: conf.Given(errs, "supply", o.Supply, 3.3, 1, 30), pullUp: conf.Given(errs, "pull_up", o.PullUp, 10_000, 100, 1e6)}
	eol, alarm := conf.Given(errs, "end_of_line", o.EndOfLine, 0, 100, 1e6), conf.Given(errs, "alarm_resistor", o.AlarmR, 0, 100, 1e6)
	if eol == 0 || alarm == 0 {
		errs.Add(o.ADC.Pos, "end_of_line and alarm_resistor are needed in Ω: without both a cut cable cannot be told from the contact")
		return nil
	}
	l.rest = eol
	l.alarm = eol + alarm
	if closedIsAlarm {
		l.alarm = eol * alarm / (eol + alarm)
	}
	if hi, lo := max(l.rest, l.alarm), min(l.rest, l.alarm); hi*(1-near) < lo*(1+near) {
		errs.Add(o.AlarmR.Pos, "at rest the loop has %.0f Ω and in alarm %.0f: too near to each other", l.rest, l.alarm)
	}
	return l.at(open(o.ADC, o.Pos, id, errs))
}
