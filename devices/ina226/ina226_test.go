package ina226

import (
	"testing"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

func device(b *bus.Buses) devices.Device {
	own := Own{Shunt: conf.At[float64]{V: 0.002, Pos: conf.Pos{Line: 1}}}
	dev, err := own.Device(devices.Info{ID: "supply"}, b)
	if err != nil {
		panic(err)
	}
	return dev
}

func read(reg, hi, lo byte) bustest.IO {
	return bustest.IO{Addr: 0x40, W: []byte{reg}, R: []byte{hi, lo}}
}

// The data sheet's example of programming: 11.98 V on the bus, register 9584,
// and 20 mV across 2 mΩ, register 8000: 10 A and 119.8 W. The overflow of the part's own
// arithmetic is of no matter.
func TestConversation(t *testing.T) {
	for _, mask := range []byte{0x08, 0x0c} {
		bustest.Check(t, bustest.Case{
			Ops: []bustest.IO{
				read(0xfe, 0x54, 0x49), read(0xff, 0x22, 0x60),
				{Addr: 0x40, W: []byte{0, 0x45, 0x23}},
				read(0, 0x45, 0x23),
				read(6, 0, mask),
				read(2, 0x25, 0x70), read(2, 0x25, 0x70),
				read(1, 0x1f, 0x40), read(1, 0x1f, 0x40),
			},
			Device: device,
			Want: []telemetry.Point{
				{Metric: "voltage", Value: 11.98}, {Metric: "current", Value: 10}, {Metric: "power", Value: 119.8},
			},
		})
	}
}

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		b, s uint16
		want [3]telemetry.Quality
	}{
		{9584, 0x7fff, [3]telemetry.Quality{0, telemetry.Saturated, telemetry.Saturated}},
		{9584, 0x8000, [3]telemetry.Quality{0, telemetry.Saturated, telemetry.Saturated}},
		{28_800, 100, [3]telemetry.Quality{telemetry.Saturated, 0, telemetry.Saturated}},
		{9584, 0xe0c0, [3]telemetry.Quality{}}, // −20 mV
	} {
		for i, p := range decode(c.b, c.s, 0.002) {
			if p.Quality != c.want[i] || p.Value < 0 {
				t.Errorf("%#x %#x: got %v, want %v", c.b, c.s, p, c.want[i])
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	f.Add(uint16(9584), uint16(8000))
	f.Fuzz(func(t *testing.T, b, s uint16) {
		for _, p := range decode(b, s, 0.002) {
			m, _ := cat.Lookup(p.Metric)
			if !p.Quality.Fault() && m.Check(p.Value) != telemetry.BadNone {
				t.Errorf("%#x %#x: got %v", b, s, p)
			}
		}
	})
}
