package mcp3x08

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/telemetry"
)

func meter(m Model, n int) func(*bus.Buses) devices.Device {
	return func(b *bus.Buses) devices.Device {
		in := New(b, "/dev/spidev0.0", m, 3.3).Input(n)
		info := devices.Info{ID: "v", Interval: time.Second, Metrics: []string{"voltage"}}
		return devices.Poll(info, func(ctx context.Context, _ time.Time) ([]telemetry.Point, error) {
			v, err := in.Volts(ctx)
			if err != nil {
				return nil, err
			}
			return []telemetry.Point{{Metric: "voltage", Value: v}}, nil
		})
	}
}

// heldLow is what the part cannot tell from 0 V.
func heldLow(_ int, way bustest.Way) string {
	if way.Kind == bustest.AllZero {
		return "a bus held low reads as 0 V"
	}
	return ""
}

// 0x9c1 = 1001 1100 0001, and once more from its second lowest bit:
// 0000 0111 001 0 0000.
func TestMCP3208(t *testing.T) {
	bustest.Check(t, bustest.Case{
		Ops:    []bustest.IO{{W: []byte{0x07, 0x40, 0, 0, 0}, R: []byte{0xff, 0xe9, 0xc1, 0x07, 0x20}}},
		Device: meter(MCP3208, 5),
		Want:   []telemetry.Point{{Metric: "voltage", Value: 0x9c1 * 3.3 / 4096}},
		Unseen: func(step int, way bustest.Way) string {
			if way.Kind == bustest.WrongByte && way.Byte == 0 {
				return ""
			}
			return heldLow(step, way)
		},
	})
}

// 0x2c1 = 10 1100 0001, and once more: 0000 0110 1 000 0000.
func TestMCP3008(t *testing.T) {
	bustest.Check(t, bustest.Case{
		Ops:    []bustest.IO{{W: []byte{0x01, 0xd0, 0, 0, 0}, R: []byte{0xff, 0xfa, 0xc1, 0x06, 0x80}}},
		Device: meter(MCP3008, 5),
		Want:   []telemetry.Point{{Metric: "voltage", Value: 0x2c1 * 3.3 / 1024}},
		Unseen: heldLow,
	})
}

func TestTopIsNoVoltage(t *testing.T) {
	in := New(bustest.Play(bustest.IO{W: []byte{0x06, 0, 0, 0, 0}, R: []byte{0, 0x0f, 0xff, 0xff, 0xe0}}).Buses(), "x", MCP3208, 3.3).Input(0)
	if v, err := in.Volts(t.Context()); !errors.Is(err, adc.ErrEnd) {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := bustest.IO{W: []byte{0x06, 0, 0, 0, 0}, R: []byte{0, 0x08, 0, 0, 0x20}}
		in := New(bustest.Play(op).Buses(), "x", MCP3208, 3.3).Input(0)
		s, err := in.Burst(t.Context(), 20*time.Millisecond)
		if err != nil || len(s) != 81 || s[80].At != 20*time.Millisecond || s[80].Volts != 1.65 {
			t.Errorf("got %d, %v", len(s), err)
		}
	})
}

// What is taken for a result says it twice.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xff, 0xe9, 0xc1, 0x07, 0x20}, true)
	f.Add([]byte{0xff, 0xfa, 0xc1, 0x06, 0x80}, false)
	f.Fuzz(func(t *testing.T, r []byte, large bool) {
		if len(r) != 5 {
			return
		}
		m := MCP3008
		if large {
			m = MCP3208
		}
		v, err := m.decode(r)
		if err != nil {
			return
		}
		r[2] ^= 0x40 // one bit of the result
		if w, err := m.decode(r); err == nil {
			t.Errorf("%x is taken for %d and, with a bit flipped, for %d", r, v, w)
		}
	})
}
