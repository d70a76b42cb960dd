// Package sht3x drives the temperature and humidity sensors SHT30, SHT31 and SHT35 of
// Sensirion, on I²C.
//
// Data sheet: SHT3x-DIS, version 7
// (https://sensirion.com/media/documents/213E6A3B/63A5A569/Datasheet_SHT3x_DIS.pdf).
//
//   - Range: −40 to 125 °C, 0 to 100 %RH.
//   - Accuracy, typical: SHT30 and SHT31 ±0.2 °C (0 to 90 °C) and ±2 %RH, SHT35
//     ±0.1 °C and ±1.5 %RH (tables 1 and 2). In a housing with a board that is warm,
//     the air of the board is what it measures.
//   - Response: 8 s to 63 % for humidity, 2 s and more for temperature.
//   - Warm-up: none; 1 ms from power-up. After long exposure to vapours or to more than
//     80 %RH the reading is off for hours, up to 3 %RH (section 1.3).
//   - Address: 0x44, or 0x45 with ADDR high (table 8).
//
// A measurement (sections 4.3 and 4.4): command 0x2400, single shot of high
// repeatability without clock stretching; at most 15 ms; then six bytes, temperature
// and humidity, each with a CRC-8 of polynomial 0x31 and initial value 0xff (section
// 4.12). T = −45 + 175·x/65535, RH = 100·x/65535 (section 4.13). The driver begins
// with a soft reset, 0x30a2, 1.5 ms.
//
// The frame can say more than the part can measure: −45 °C for all zeros, 130 °C for all
// ones. Above 125 °C both quantities are saturated: a room that hot is taken for a fire.
// Below −40 °C nothing was measured (open).
//
// The last digits of a sensor that works are noise. The same six bytes for ten minutes
// are a part that is stuck.
package sht3x

import (
	"context"
	"errors"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind sht3x has beside what all devices have.
type Own struct {
	Pos       conf.Pos `yaml:"-"`
	bus.OnI2C `yaml:",inline"`
}

const (
	resetTime   = 2 * time.Millisecond  // 1.5 at most, section 2
	measureTime = 16 * time.Millisecond // 15 at most, section 2
	stuckAfter  = 10 * time.Minute

	coldest = -40 // °C
	hottest = 125
)

// Addresses that the part can have.
var Addresses = []bus.Address{0x44, 0x45}

// Is reports whether an SHT3x answers. It has no identity, and is asked for its status:
// two bytes and their checksum (section 4.11).
func Is(ctx context.Context, c bus.Conn) bool {
	r := make([]byte, 3)
	return c.Tx(ctx, []byte{0xf3, 0x2d}, r) == nil && crc(r[:2]) == r[2]
}

var metrics = []string{"temperature", "humidity"}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, b *bus.Buses) (devices.Device, error) {
	var errs conf.Errors
	s := &sensor{conn: o.Conn(b, &errs, o.Pos, info.ID, Addresses...)}
	if info.Model == "" {
		info.Model = "SHT3x"
	}
	if info.Interval <= 0 {
		info.Interval = 10 * time.Second
	}
	s.same.After = max(stuckAfter, 20*info.Interval)
	info.Metrics = metrics
	return devices.PollPatiently(info, s.sample), errs.Err()
}

type sensor struct {
	conn  bus.Conn
	ready bool // has been reset
	same  devices.Stuck
}

func (s *sensor) sample(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
	frame, err := s.measure(ctx)
	if err != nil {
		s.ready = false
		return nil, err
	}
	t, rh, err := decode(frame)
	if err != nil {
		s.ready = false
		return nil, bus.BadFrame(s.conn, err)
	}
	if s.same.Is(now, frame) {
		s.ready = false // a reset may help
		return devices.Faults(telemetry.Stuck, metrics), nil
	}
	switch {
	case t > hottest:
		return devices.Faults(telemetry.Saturated, metrics), nil
	case t < coldest:
		return devices.Faults(telemetry.Open, metrics), nil
	}
	return []telemetry.Point{{Metric: "temperature", Value: t}, {Metric: "humidity", Value: rh}}, nil
}

func (s *sensor) measure(ctx context.Context) ([]byte, error) {
	if !s.ready {
		if err := s.conn.Tx(ctx, []byte{0x30, 0xa2}, nil); err != nil {
			return nil, err
		}
		if err := bus.Wait(ctx, s.conn, resetTime); err != nil {
			return nil, err
		}
		s.ready = true
	}
	if err := s.conn.Tx(ctx, []byte{0x24, 0x00}, nil); err != nil {
		return nil, err
	}
	if err := bus.Wait(ctx, s.conn, measureTime); err != nil {
		return nil, err
	}
	frame := make([]byte, 6)
	return frame, s.conn.Tx(ctx, nil, frame)
}

var errCRC = errors.New("a checksum is wrong")

// decode gives °C and %RH.
func decode(b []byte) (t, rh float64, err error) {
	if len(b) != 6 || crc(b[:2]) != b[2] || crc(b[3:5]) != b[5] {
		return 0, 0, errCRC
	}
	x, y := float64(int(b[0])<<8|int(b[1])), float64(int(b[3])<<8|int(b[4]))
	return -45 + float64(175*x)/65535, float64(100*y) / 65535, nil
}

// crc is the CRC-8 of section 4.12.
func crc(b []byte) byte {
	c := byte(0xff)
	for _, x := range b {
		c ^= x
		for range 8 {
			carry := c&0x80 != 0
			c <<= 1
			if carry {
				c ^= 0x31
			}
		}
	}
	return c
}
