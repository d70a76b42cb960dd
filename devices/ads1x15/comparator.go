package ads1x15

import (
	"context"
	"errors"
	"slices"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/contact"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// OwnComparator is what a device of kind ads1115_alert or ads1015_alert has beside
// what all devices have: the part watches one input by itself, and pulls its ALERT pin
// low as soon as the voltage is above high, until it is below low. Metric contact.
//
// The pin is looked at every 20 ms; the part converts at its full rate and needs two
// conversions above high ("Digital comparator"): 2.5 ms. An alarm lasts for a second after
// the pin was last low, so that a flame that flickers is one alarm. Once a second the part's settings
// are read back, and the pin is compared with the voltage: if the two disagree three
// times in a row the wire is broken (open) or shorted to ground (short). The part is
// this device's alone.
type OwnComparator struct {
	Pos        conf.Pos `yaml:"-"`
	bus.OnI2C  `yaml:",inline"`
	bus.OnGPIO `yaml:",inline"` // the line that ALERT is wired to
	Channel    conf.At[int]     `yaml:"channel"`
	Range      conf.At[float64] `yaml:"range"` // V, default 4.096
	High       conf.At[float64] `yaml:"high"`  // V
	Low        conf.At[float64] `yaml:"low"`   // V
}

const (
	checkEvery = time.Second
	twoInARow  = 1 // COMP_QUE: after two conversions; the pin is active low, does not latch
	disagreed  = 3 // times in a row
	flicker    = time.Second
)

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *OwnComparator) Device(m Model, info devices.Info, b *bus.Buses) (devices.Device, error) {
	var errs conf.Errors
	c := &comparator{pin: o.OnGPIO.Pin(b, &errs, o.Pos, info.ID)}
	c.chip = New(o.Conn(b, &errs, o.Pos, info.ID, Addresses...), m)
	scale := 1
	if o.Range.Pos.Line != 0 {
		if scale = slices.Index(Ranges, o.Range.V); scale < 0 {
			errs.Add(o.Range.Pos, "range %g is none of %v", o.Range.V, Ranges)
			scale = 1
		}
	}
	if o.Channel.Pos.Line == 0 {
		errs.Add(o.Pos, "channel is missing: which input is watched, 0 to 3")
	} else if o.Channel.V < 0 || o.Channel.V > 3 {
		errs.Add(o.Channel.Pos, "a %s has inputs 0 to 3, not %d", m.Name, o.Channel.V)
	}
	if full := Ranges[scale]; !(0 < o.Low.V && o.Low.V < o.High.V && o.High.V < full) {
		errs.Add(o.Pos, "high and low are voltages, low below high and both between 0 and the range of %g V", full)
	}
	c.input = &input{c.chip, o.Channel.V, scale}
	c.high, c.low = c.input.code(o.High.V), c.input.code(o.Low.V)
	if info.Model == "" {
		info.Model = m.Name
	}
	if info.Interval <= 0 {
		info.Interval = contact.DefaultInterval
	}
	return contact.Watch(info, c.look, contact.LookPin, 2*contact.LookPin), errs.Err()
}

// code is the result that stands for a voltage.
func (in *input) code(volts float64) uint16 {
	return uint16(int16(volts/Ranges[in.scale]*0x8000)) >> (16 - in.chip.model.bits) << (16 - in.chip.model.bits)
}

type comparator struct {
	chip      *Chip
	input     *input
	pin       bus.Pin
	high, low uint16

	ready   bool
	alarmed time.Time // when the pin was last low
	checked time.Time
	against int               // checks in a row in which pin and voltage disagreed
	wire    telemetry.Quality // what is wrong with the wire; Good: nothing
}

// look is a contact.Look.
func (c *comparator) look(ctx context.Context) (contact.State, error) {
	s, err := c.lookOnce(ctx)
	if err != nil {
		c.ready = false
	}
	return s, err
}

func (c *comparator) lookOnce(ctx context.Context) (contact.State, error) {
	if !c.ready {
		if err := c.setUp(ctx); err != nil {
			return contact.State{}, err
		}
	}
	high, err := c.pin.Read(ctx, bus.PullUp)
	if err != nil {
		return contact.State{}, err
	}
	now := time.Now()
	if !high {
		c.alarmed = now
	}
	if now.Sub(c.checked) >= checkEvery {
		c.checked = now
		if err := c.check(ctx, !high); err != nil {
			return contact.State{}, err
		}
	}
	if c.wire != telemetry.Good {
		return contact.State{Quality: c.wire}, nil
	}
	return contact.State{Alarm: !c.alarmed.IsZero() && now.Sub(c.alarmed) < flicker}, nil
}

func (c *comparator) config() uint16 { return c.input.config(0, 7)&^noCompare | twoInARow }

func (c *comparator) setUp(ctx context.Context) error {
	for _, r := range []struct {
		reg   byte
		value uint16
	}{{regLow, c.low}, {regHigh, c.high}, {regConfig, c.config()}} {
		if err := bus.Write16(ctx, c.chip.conn, r.reg, r.value); err != nil {
			return err
		}
	}
	if err := bus.Wait(ctx, c.chip.conn, 5*time.Millisecond); err != nil { // for conversions to compare
		return err
	}
	c.ready, c.checked = true, time.Time{}
	return nil
}

var errThreshold = errors.New("its thresholds are not what was written to it")

// check compares the part with what it was set to, and the pin with the voltage.
func (c *comparator) check(ctx context.Context, alarm bool) error {
	if err := c.chip.same(ctx, c.config()); err != nil {
		return err
	}
	for reg, want := range []uint16{regLow: c.low, regHigh: c.high} {
		if reg < regLow {
			continue
		}
		got, err := bus.Read16(ctx, c.chip.conn, byte(reg))
		if err != nil {
			return err
		}
		if got != want {
			return bad(errThreshold)
		}
	}
	code, err := bus.Read16(ctx, c.chip.conn, regResult)
	if err != nil {
		return err
	}
	v := int16(code)
	switch above, below := v > int16(c.high), v < int16(c.low); {
	case above && !alarm:
		c.disagree(telemetry.Open)
	case below && alarm:
		c.disagree(telemetry.Short)
	default:
		c.against, c.wire = 0, telemetry.Good
	}
	return nil
}

func (c *comparator) disagree(q telemetry.Quality) {
	if c.against++; c.against >= disagreed {
		c.wire = q
	}
}
