// Package modbusmeter drives electricity meters on Modbus by a map of their registers.
//
// Maps of these meters are shipped, in maps/, with where they are from:
//
//	sdm120   Eastron SDM120 Modbus   one phase, 45 A, 2400 8N1
//	sdm230   Eastron SDM230 Modbus   one phase, 100 A, 9600 8N1
//	adl200   Acrel ADL200            one phase, 80 A, 9600 8N1
//
// For any other, write its registers into the configuration (see regmap).
//
// These meters are wired in: they feed on the line that they measure, so with that
// line dead they do not answer, which is no_response. A negative power is below the
// catalogue's range and becomes a bad_frame: swap the meter's in and out, or give a scale
// of -1. All digits the same for longer than stuck_after is the fault stuck; live mains
// never keep still for ten minutes. Where a map has neither voltage nor frequency nothing
// is stuck by default: an idle circuit shows the same for days.
package modbusmeter

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/modbus/regmap"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

//go:embed maps/*.yaml
var files embed.FS

// Own is what a device of kind "modbus_meter" has in a gateway's configuration beside
// what all devices have, modbus.Own, and regmap.Map:
//
//   - id: feeder-302
//     kind: modbus_meter
//     placement: dwelling_feeder
//     port: /dev/serial/by-id/usb-1a86_USB_Serial-if00-port0
//     slave: 2
//     map: sdm120         # or registers: of its own
//     stuck_after: 10m    # the default, with voltage or frequency; 0s: never
type Own struct {
	Pos        conf.Pos `yaml:"-"`
	modbus.Own `yaml:",inline"`
	regmap.Map `yaml:",inline"`
	Name       conf.At[string]        `yaml:"map"`
	StuckAfter conf.At[conf.Duration] `yaml:"stuck_after"`
}

// shipped is a file of maps.
type shipped struct {
	Pos        conf.Pos `yaml:"-"`
	regmap.Map `yaml:",inline"`
	Model      string `yaml:"model"`
	Baud       int    `yaml:"baud"`
}

// Maps are the names of the shipped maps, sorted.
func Maps() []string {
	entries, err := files.ReadDir("maps")
	if err != nil {
		panic(err) // they are in the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

func load(name string) (*shipped, error) {
	file := path.Join("maps", name+".yaml")
	data, err := files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var s shipped
	return &s, conf.Decode(file, data, &s)
}

// Device makes the device of a configuration. The error is of type conf.Errors.
func (o *Own) Device(info devices.Info, at conf.Pos, buses *modbus.Buses, catalogue *telemetry.Catalogue) (devices.Device, error) {
	var errs conf.Errors
	def := modbus.Defaults{Line: serialline.At9600, Timeout: 500 * time.Millisecond, Interval: 5 * time.Second}
	m := &o.Map
	if o.Name.V != "" {
		switch s, err := load(o.Name.V); {
		case len(o.Registers) > 0:
			errs.Add(o.Name.Pos, "map and registers are both given: take one of them out")
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, err // a shipped file has a mistake
		case err != nil:
			errs.Add(o.Name.Pos, "unknown map %q (one of %s)%s", o.Name.V, strings.Join(Maps(), ", "), telemetry.Suggest(o.Name.V, Maps()))
			m = nil
		default:
			m, def.Line.Baud, info.Model = &s.Map, s.Baud, cmp.Or(info.Model, s.Model)
		}
	} else if len(o.Registers) == 0 {
		errs.Add(at, "map is missing: name one of %s, or list registers", strings.Join(Maps(), ", "))
		m = nil
	}
	slave := o.Slave(buses, &info, at, def, &errs)
	var plan *regmap.Plan
	if m != nil {
		plan = m.Plan(catalogue, at, &errs)
	}
	stuck := devices.StuckAfter(o.StuckAfter, stuckAfter(plan), &errs)
	if slave != nil && plan != nil {
		function, registers := plan.Registers()
		o.Alone(buses, slave, info.ID, at, function, registers, &errs)
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return New(info, slave, plan, stuck), nil
}

var errStuck = devices.Fault(telemetry.Stuck, errors.New("the meter goes on giving the same answer to all its digits"))

// stuckAfter is the default: never for a map without what only live mains move. A
// circuit that is idle is at 0 W and 0 A without end.
func stuckAfter(plan *regmap.Plan) time.Duration {
	if plan != nil && (slices.Contains(plan.Metrics, "voltage") || slices.Contains(plan.Metrics, "frequency")) {
		return 10 * time.Minute
	}
	return 0
}

// New is the meter at slave with the registers of plan.
func New(info devices.Info, slave *modbus.Slave, plan *regmap.Plan, stuck devices.Stuck) devices.Device {
	info.Metrics = plan.Metrics
	return slave.Holding(devices.PollPatiently(info, func(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
		words, err := plan.Read(ctx, slave)
		if err != nil {
			return nil, err
		}
		if stuck.Is(now, regmap.Bytes(words)) {
			return nil, errStuck
		}
		return plan.Points(words), nil
	}))
}
