// Package ina226 drives the direct-current meter INA226 of Texas Instruments, on I²C:
// voltage, current and power of a supply or a battery.
//
// Data sheet: INA226, SBOS547B (https://www.ti.com/lit/ds/symlink/ina226.pdf).
//
//   - Range: 0 to 36 V on the bus, ±81.92 mV across the shunt: ±0.8 A with 0.1 Ω, ±8 A
//     with 0.01 Ω.
//   - Accuracy: gain 0.1 % at most, offset 10 µV at the shunt, 7.5 mV on the bus; and
//     the shunt's own.
//   - Warm-up: 40 µs from power-down.
//   - Addresses: 0x40 to 0x4f by A0 and A1.
//
// Registers ("Register set summary"): 0 configuration (reset 0x4127), 1 shunt voltage, 2.5 µV, 2 bus
// voltage, 1.25 mV, 6 mask (CVRF 3, OVF 2), 0xfe maker (0x5449), 0xff die (0x2260).
// Configuration: RST 15, AVG 11:9, VBUSCT 8:6, VSHCT 5:3, MODE 2:0. The driver triggers
// one conversion of both, 1.1 ms each, averaged over 16, and computes current and
// power itself: the part's calibration register (0.00512 / (LSB · R)) only rounds the same
// division.
//
// I²C carries no checksum: who answers is looked up first, the configuration is read
// back and both results are read twice.
//
// The catalogue knows no negative current. What flows backwards (a battery that is
// being charged) is shown by its magnitude.
package ina226

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

// Own is what a device of kind ina226 has beside what all devices have.
type Own struct {
	Pos       conf.Pos `yaml:"-"`
	bus.OnI2C `yaml:",inline"`
	Shunt     conf.At[float64] `yaml:"shunt"` // Ω, default 0.1
}

const (
	regConfig = 0
	regShunt  = 1
	regBus    = 2
	regMask   = 6
	regMaker  = 0xfe
	regDie    = 0xff

	maker    = 0x5449
	die      = 0x2260
	config   = 4<<12 | 2<<9 | 4<<6 | 4<<3 | 3 // 16 averages of 1.1 ms, both once
	converts = 42 * time.Millisecond          // 16 · 2 · 1.21 ms at most, and some
	ready    = 1 << 3
	overflow = 1 << 2
	busEnd   = 28_800 // of 36 V in 1.25 mV
)

// Addresses that the part can have, by what A0 and A1 are wired to.
var Addresses = []bus.Address{0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f}

// Is reports whether an INA226 answers.
func Is(ctx context.Context, c bus.Conn) bool {
	return bus.Answers(ctx, c, regMaker, maker>>8, maker&0xff) && bus.Answers(ctx, c, regDie, die>>8, die&0xff)
}

var metrics = []string{"voltage", "current", "power"}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, b *bus.Buses) (devices.Device, error) {
	var errs conf.Errors
	m := &meter{conn: o.Conn(b, &errs, o.Pos, info.ID, Addresses...), shunt: conf.Given(&errs, "shunt", o.Shunt, 0.1, 0.0001, 100)}
	if info.Model == "" {
		info.Model = "INA226"
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
	known bool // it is an INA226
}

var (
	errWho      = errors.New("who answers is no INA226")
	errConfig   = errors.New("its configuration is not what was written to it")
	errNotReady = errors.New("a conversion does not end")
)

func (m *meter) sample(ctx context.Context, _ time.Time) ([]telemetry.Point, error) {
	points, err := m.read(ctx)
	if err != nil {
		m.known = false
	}
	return points, err
}

func (m *meter) read(ctx context.Context) ([]telemetry.Point, error) {
	if !m.known {
		if err := m.expect(ctx, regMaker, maker, errWho); err != nil {
			return nil, err
		}
		if err := m.expect(ctx, regDie, die, errWho); err != nil {
			return nil, err
		}
		m.known = true
	}
	if err := bus.Write16(ctx, m.conn, regConfig, config); err != nil {
		return nil, err
	}
	if err := bus.Wait(ctx, m.conn, converts); err != nil {
		return nil, err
	}
	if err := m.expect(ctx, regConfig, config, errConfig); err != nil {
		return nil, err
	}
	mask, err := bus.Read16(ctx, m.conn, regMask)
	if err != nil {
		return nil, err
	}
	if mask&ready == 0 || mask&^(ready|overflow) != 0 {
		return nil, bus.BadFrame(m.conn, errNotReady)
	}
	b, err := bus.Read16Twice(ctx, m.conn, regBus)
	if err != nil {
		return nil, err
	}
	s, err := bus.Read16Twice(ctx, m.conn, regShunt)
	if err != nil {
		return nil, err
	}
	return decode(b, s, m.shunt), nil
}

func (m *meter) expect(ctx context.Context, reg byte, want uint16, otherwise error) error {
	got, err := bus.Read16(ctx, m.conn, reg)
	if err == nil && got != want {
		err = bus.BadFrame(m.conn, otherwise)
	}
	return err
}

// decode gives the points of bus and shunt registers.
func decode(b, s uint16, ohms float64) []telemetry.Point {
	raw := int16(s)
	volts, drop := float64(b)*0.00125, float64(raw)*2.5e-6
	amps := math.Abs(drop) / ohms
	points := []telemetry.Point{{Metric: "voltage", Value: volts}, {Metric: "current", Value: amps}, {Metric: "power", Value: float64(volts * amps)}}
	if b >= busEnd {
		points[0].Quality, points[2].Quality = telemetry.Saturated, telemetry.Saturated
	}
	if raw == math.MaxInt16 || raw == math.MinInt16 {
		points[1].Quality, points[2].Quality = telemetry.Saturated, telemetry.Saturated
	}
	return points
}
