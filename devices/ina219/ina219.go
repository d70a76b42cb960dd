// Package ina219 drives the direct-current meter INA219 of Texas Instruments, on I²C:
// voltage, current and power of a supply or a battery.
//
// Data sheet: INA219, SBOS448G (https://www.ti.com/lit/ds/symlink/ina219.pdf).
//
//   - Range: 0 to 26 V on the bus (the register goes to 32 V), ±320 mV across the shunt:
//     ±3.2 A with the 0.1 Ω of the usual module.
//   - Accuracy: 0.5 % of shunt and bus voltage at most (INA219B), offset of the shunt
//     100 µV (INA219A) or 50 µV: 1 mA at 0.1 Ω; and the shunt's own, mostly 1 %.
//   - Warm-up: 40 µs from power-down.
//   - Addresses: 0x40 to 0x4f by A0 and A1 (table 1).
//
// Registers (table 2): 0 configuration (reset 0x399f), 1 shunt voltage, 10 µV, 2 bus
// voltage: 4 mV in bits 15 to 3, CNVR 1, OVF 0. Configuration (figure 19): RST 15, BRNG
// 13, PG 12:11, BADC 10:7, SADC 6:3, MODE 2:0. The driver triggers one conversion of both with
// 32 samples each (17.02 ms, table 5), and computes current and power itself: the
// part's calibration register (0.04096 / (LSB · R)) only rounds the same division.
//
// I²C carries no checksum: the configuration is read back and both results are read
// twice.
//
// The catalogue knows no negative current. What flows backwards (a battery that is
// being charged) is shown by its magnitude.
package ina219

import (
	"context"
	"errors"
	"math"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind ina219 has beside what all devices have.
type Own struct {
	Pos       conf.Pos `yaml:"-"`
	bus.OnI2C `yaml:",inline"`
	Shunt     conf.At[float64] `yaml:"shunt"` // Ω, default 0.1
}

const (
	regConfig = 0
	regShunt  = 1
	regBus    = 2

	reset    = 0x399f
	config   = 1<<13 | 3<<11 | 0xd<<7 | 0xd<<3 | 3 // 32 V, ±320 mV, 32 samples, both once
	converts = 38 * time.Millisecond               // 2 · 17.02 ms, and 10 %
	ready    = 1 << 1
	overflow = 1
	shuntEnd = 32_000 // of ±320 mV in 10 µV
	busEnd   = 8_000  // of 32 V in 4 mV
)

// Addresses that the part can have, by what A0 and A1 are wired to.
var Addresses = []bus.Address{0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f}

// Is reports whether an INA219 answers that has just been powered. It has no identity, and
// is known by its configuration then.
func Is(ctx context.Context, c bus.Conn) bool {
	return bus.Answers(ctx, c, regConfig, reset>>8, reset&0xff)
}

var metrics = []string{"voltage", "current", "power"}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, b *bus.Buses) (devices.Device, error) {
	var errs conf.Errors
	m := &meter{conn: o.Conn(b, &errs, o.Pos, info.ID, Addresses...), shunt: conf.Given(&errs, "shunt", o.Shunt, 0.1, 0.0001, 100)}
	if info.Model == "" {
		info.Model = "INA219"
	}
	if info.Interval <= 0 {
		info.Interval = 5 * time.Second
	}
	info.Metrics = metrics
	return devices.PollPatiently(info, m.sample), errs.Err()
}

type meter struct {
	conn  bus.Conn
	shunt float64
}

var (
	errConfig   = errors.New("its configuration is not what was written to it")
	errNotReady = errors.New("a conversion does not end")
)

func (m *meter) sample(ctx context.Context, _ time.Time) ([]telemetry.Point, error) {
	if err := bus.Write16(ctx, m.conn, regConfig, config); err != nil {
		return nil, err
	}
	if err := bus.Wait(ctx, m.conn, converts); err != nil {
		return nil, err
	}
	switch got, err := bus.Read16(ctx, m.conn, regConfig); {
	case err != nil:
		return nil, err
	case got != config:
		return nil, bus.BadFrame(m.conn, errConfig)
	}
	b, err := bus.Read16Twice(ctx, m.conn, regBus)
	if err != nil {
		return nil, err
	}
	if b&ready == 0 {
		return nil, bus.BadFrame(m.conn, errNotReady)
	}
	s, err := bus.Read16Twice(ctx, m.conn, regShunt)
	if err != nil {
		return nil, err
	}
	return decode(b, s, m.shunt), nil
}

// decode gives the points of bus and shunt registers.
func decode(b, s uint16, ohms float64) []telemetry.Point {
	raw := int16(s)
	volts, drop := float64(b>>3)*0.004, float64(raw)*10e-6
	amps := math.Abs(drop) / ohms
	points := []telemetry.Point{{Metric: "voltage", Value: volts}, {Metric: "current", Value: amps}, {Metric: "power", Value: float64(volts * amps)}}
	if b>>3 >= busEnd {
		points[0].Quality, points[2].Quality = telemetry.Saturated, telemetry.Saturated
	}
	if raw >= shuntEnd || raw <= -shuntEnd || b&overflow != 0 {
		points[1].Quality, points[2].Quality = telemetry.Saturated, telemetry.Saturated
	}
	return points
}
