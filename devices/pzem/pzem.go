// Package pzem drives Peacefair's PZEM-004T v3 and PZEM-014/016 energy meters: one
// phase of mains by Modbus RTU at 9600 8N1, over TTL (004T, isolated by optocouplers)
// or RS-485 (014, 016).
//
// One transaction, function 4, reads registers 0 to 9; 32-bit values have their low
// word first:
//
//	0     voltage       0.1 V     80–260 V
//	1–2   current       0.001 A   to 10 A (shunt) or 100 A (transformer)
//	3–4   active power  0.1 W     to 2.3 or 23 kW
//	5–6   energy        1 Wh
//	7     frequency     0.1 Hz    45–65 Hz
//	8     power factor  0.01      0–1
//	9     alarm         0xFFFF above the power threshold
//
// Accuracy 0.5 % for voltage, current, power and energy, 1 % for the power factor,
// which is a magnitude: it does not tell leading from lagging. The meter updates about
// once a second and starts to count at 0.02 A or 0.4 W (its "starting" values).
//
// The measuring side feeds on the mains that it measures: with no mains there is no
// answer, which is no_response and not 0 V. Some firmwares answer with zeros instead;
// that is the fault open. All meters answer to 248 (0xF8) whatever their number, so
// one alone on a line needs no number to be set, and two on a line do.
//
// Source: Peacefair's "PZEM-004T V3.0 User Manual", §2.2 to 2.4, and six frames of real
// meters that users of Tasmota published; the tests hold them.
package pzem

import (
	"context"
	"errors"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/modbus/regmap"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Measurement is what the meter says.
type Measurement struct {
	Voltage     float64 // V
	Current     float64 // A
	Power       float64 // W
	Energy      uint32  // Wh, since it was last reset
	Frequency   float64 // Hz
	PowerFactor float64
	Alarm       bool // the power is above the meter's own threshold
}

// Words is how many registers hold a measurement, from 0 on.
const Words = 10

// Decode takes a measurement from registers 0 to 9.
func Decode(r [Words]uint16) Measurement {
	long := func(low, high uint16) uint32 { return uint32(high)<<16 | uint32(low) }
	return Measurement{
		Voltage:     float64(r[0]) / 10,
		Current:     float64(long(r[1], r[2])) / 1000,
		Power:       float64(long(r[3], r[4])) / 10,
		Energy:      long(r[5], r[6]),
		Frequency:   float64(r[7]) / 10,
		PowerFactor: float64(r[8]) / 100,
		Alarm:       r[9] != 0,
	}
}

var (
	errNoMains = devices.Fault(telemetry.Open, errors.New("the meter answers but sees no mains: look at its L and N"))
	errForeign = devices.Fault(telemetry.BadFrame, errors.New("the values are none of a mains meter: another part has this slave's number"))
	errStuck   = devices.Fault(telemetry.Stuck, errors.New("the meter goes on giving the same answer to all its digits"))
)

// Check refuses what no meter on mains can measure, though its checksum is right.
func (m Measurement) Check() error {
	switch {
	case m.Voltage == 0 && m.Frequency == 0:
		return errNoMains
	case m.Voltage < 60 || m.Voltage > 300, m.Frequency < 40 || m.Frequency > 70, m.PowerFactor > 1, m.Current > 110, m.Power > 33000:
		return errForeign
	}
	return nil
}

// Own is what a device of kind "pzem" has in a gateway's configuration beside what all
// devices have and modbus.Own:
//
//   - id: feeder-301
//     kind: pzem
//     placement: dwelling_feeder
//     interval: 2s
//     port: /dev/serial/by-id/usb-1a86_USB_Serial-if00-port0
//     slave: 1            # 248: whichever is alone on the line
//     stuck_after: 10m    # the same answer for longer is the fault stuck; 0s: never
type Own struct {
	Pos        conf.Pos `yaml:"-"`
	modbus.Own `yaml:",inline"`
	StuckAfter conf.At[conf.Duration] `yaml:"stuck_after"`
}

var defaults = modbus.Defaults{Line: serialline.At9600, Timeout: 300 * time.Millisecond, MaxSlave: 248, Interval: 2 * time.Second}

// Device makes the device of a configuration. The error is of type conf.Errors.
func (o *Own) Device(info devices.Info, at conf.Pos, buses *modbus.Buses) (devices.Device, error) {
	var errs conf.Errors
	slave := o.Slave(buses, &info, at, defaults, &errs)
	stuck := devices.StuckAfter(o.StuckAfter, 10*time.Minute, &errs)
	if slave != nil {
		o.Alone(buses, slave, info.ID, at, modbus.ReadInput, []uint16{0}, &errs)
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return New(info, slave, stuck), nil
}

// New is the meter at slave.
func New(info devices.Info, slave *modbus.Slave, stuck devices.Stuck) devices.Device {
	info.Metrics = []string{"voltage", "current", "power", "power_factor", "frequency"}
	m := &meter{slave: slave, stuck: stuck}
	return slave.Holding(devices.PollPatiently(info, m.sample))
}

type meter struct {
	slave *modbus.Slave
	stuck devices.Stuck
}

func (m *meter) sample(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
	regs, err := m.slave.Registers(ctx, modbus.ReadInput, 0, Words)
	if err != nil {
		return nil, err
	}
	v := Decode([Words]uint16(regs))
	if err := v.Check(); err != nil {
		return nil, err
	}
	if m.stuck.Is(now, regmap.Bytes(regs)) {
		return nil, errStuck
	}
	return []telemetry.Point{
		{Metric: "voltage", Value: v.Voltage},
		{Metric: "current", Value: v.Current},
		{Metric: "power", Value: v.Power},
		{Metric: "power_factor", Value: v.PowerFactor},
		{Metric: "frequency", Value: v.Frequency},
	}, nil
}
