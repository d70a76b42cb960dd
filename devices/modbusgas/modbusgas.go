// Package modbusgas drives fixed gas detectors with a Modbus RTU output by a map of
// their registers (see regmap), with what a detector has that a meter has not: a status
// register, a full scale and a time to warm up.
//
// The status register counts before the value. A detector that says that its cell is
// gone mostly goes on giving a plausible concentration. Each bit, or each value of the
// register, stands for a quality; where several hold, a fault goes before warmup, and
// in the order of the configuration otherwise.
//
// Warm-up: detectors that tell it in their status are taken at their word. For others,
// warmup is how long after its first answer a detector is not believed: since the
// gateway started or since it was last silent, because nobody knows when it was
// powered. A value at full scale is saturated also then: a room that is full of gas
// when the power returns is reported.
//
// Two detectors as their makers describe them, both in docs/devices.md and neither
// tried on a real one: Greystone CMD5B4 (CO, function 3) and Copeland's C series
// (function 4). The maps are provisional: a manual's first register may be 0 or 1 on
// the wire.
package modbusgas

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/modbus/regmap"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind "modbus_gas" has in a gateway's configuration beside
// what all devices have, modbus.Own, and regmap.Map:
//
//   - id: boiler-1
//     kind: modbus_gas
//     placement: boiler_room
//     port: /dev/serial/by-id/usb-1a86_USB_Serial-if00-port0
//     slave: 3
//     warmup: 3m
//     full_scale: 100     # of the first register, in its metric's catalogue unit
//     stuck_after: 24h    # the same value other than 0 for longer; the default is never
//     function: 4
//     registers: [{metric: gas.ch4, address: 101, scale: 0.1}]
//     status:
//     address: 102
//     bits: {0: open, 1: no_response, 4: saturated, 5: suspect}
//     values: {}          # or by the value of the register as a whole
type Own struct {
	Pos        conf.Pos `yaml:"-"`
	modbus.Own `yaml:",inline"`
	regmap.Map `yaml:",inline"`
	Status     *Status                `yaml:"status"`
	Warmup     conf.At[conf.Duration] `yaml:"warmup"`
	FullScale  conf.At[float64]       `yaml:"full_scale"`
	StuckAfter conf.At[conf.Duration] `yaml:"stuck_after"`
}

// Status is a detector's status register.
type Status struct {
	Pos     conf.Pos                   `yaml:"-"`
	Address conf.At[int]               `yaml:"address"`
	Bits    map[string]conf.At[string] `yaml:"bits"`   // bit number 0 to 15: quality
	Values  map[string]conf.At[string] `yaml:"values"` // register value: quality
}

// sign is one state of the status register.
type sign struct {
	mask, value uint16
	quality     telemetry.Quality
}

// Device makes the device of a configuration. The error is of type conf.Errors.
func (o *Own) Device(info devices.Info, at conf.Pos, buses *modbus.Buses, catalogue *telemetry.Catalogue) (devices.Device, error) {
	var errs conf.Errors
	def := modbus.Defaults{Line: serialline.At9600, Timeout: 500 * time.Millisecond, Interval: 2 * time.Second}
	d := &Detector{
		Slave:     o.Slave(buses, &info, at, def, &errs),
		Warmup:    conf.Span(&errs, "warmup", o.Warmup, 0, 0, 24*time.Hour),
		FullScale: o.FullScale.V,
		stuck:     devices.StuckAfter(o.StuckAfter, 0, &errs),
	}
	var extra []uint16
	if o.Status != nil {
		d.status, d.signs = o.Status.signs(&errs)
		extra = append(extra, d.status)
	}
	d.plan = o.Plan(catalogue, at, &errs, extra...)
	if d.Slave != nil && d.plan != nil {
		function, registers := d.plan.Registers()
		o.Alone(buses, d.Slave, info.ID, at, function, registers, &errs)
	}
	if o.FullScale.Pos.Line != 0 && o.FullScale.V <= 0 {
		errs.Add(o.FullScale.Pos, "full_scale %g is not positive", o.FullScale.V)
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	info.Metrics = d.plan.Metrics
	return d.Slave.Holding(devices.PollPatiently(info, d.sample)), nil
}

func (s *Status) signs(errs *conf.Errors) (uint16, []sign) {
	if s.Address.Pos.Line == 0 || s.Address.V < 0 || s.Address.V > 1<<16-1 {
		errs.Add(s.Pos, "status has no address between 0 and 65535")
	}
	if len(s.Bits)+len(s.Values) == 0 {
		errs.Add(s.Pos, "status has neither bits nor values: say what they mean, such as bits: {0: open}")
	}
	var list []sign
	for key, q := range s.Bits {
		if n, err := strconv.ParseUint(key, 10, 16); err != nil || n > 15 {
			errs.Add(q.Pos, "bit %q is not 0 to 15", key)
		} else {
			list = append(list, sign{1 << n, 1 << n, quality(q, errs)})
		}
	}
	for key, q := range s.Values {
		if n, err := strconv.ParseUint(key, 10, 16); err != nil {
			errs.Add(q.Pos, "value %q is not 0 to 65535", key)
		} else {
			list = append(list, sign{0xFFFF, uint16(n), quality(q, errs)})
		}
	}
	// The worst first: faults have the higher numbers, and nothing depends on the order of a map.
	slices.SortFunc(list, func(a, b sign) int { return int(b.quality) - int(a.quality) })
	return uint16(s.Address.V), list
}

func quality(at conf.At[string], errs *conf.Errors) telemetry.Quality {
	q, err := telemetry.ParseQuality(at.V)
	if err != nil {
		errs.Add(at.Pos, "%v", err)
	}
	return q
}

// Detector is a gas detector.
type Detector struct {
	Slave     *modbus.Slave
	Warmup    time.Duration
	FullScale float64 // 0: not known

	plan   *regmap.Plan
	status uint16
	signs  []sign
	stuck  devices.Stuck
	heard  time.Time // first answer since it was silent
}

var errStuck = devices.Fault(telemetry.Stuck, errors.New("the detector goes on giving the same concentration"))

func (d *Detector) sample(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
	words, err := d.plan.Read(ctx, d.Slave)
	if err != nil {
		if devices.QualityOf(err) == telemetry.NoResponse {
			d.heard = time.Time{} // it may have lost its power
		}
		return nil, err
	}
	if d.heard.IsZero() || now.Before(d.heard) {
		d.heard = now
	}
	q := telemetry.Good
	for _, s := range d.signs {
		if d.plan.Word(words, d.status)&s.mask == s.value {
			q = s.quality
			break
		}
	}
	points := d.plan.Points(words)
	if d.isStuck(now, points) {
		return nil, errStuck
	}
	if q == telemetry.Good && d.Warmup > 0 && now.Sub(d.heard) < d.Warmup {
		q = telemetry.Warmup
	}
	for i := range points {
		points[i].Quality = worse(points[i].Quality, q)
	}
	if p := &points[0]; d.FullScale > 0 && !p.Quality.Fault() && p.Value >= d.FullScale {
		p.Quality = telemetry.Saturated
	}
	return points, nil
}

func worse(a, b telemetry.Quality) telemetry.Quality { return max(a, b) }

// isStuck looks at the concentration alone. Clean air gives 0 for months.
func (d *Detector) isStuck(now time.Time, points []telemetry.Point) bool {
	v := points[0].Value
	stuck := d.stuck.Is(now, strconv.AppendFloat(nil, v, 'g', -1, 64))
	return stuck && v != 0
}
