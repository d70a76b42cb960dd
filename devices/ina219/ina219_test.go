package ina219

import (
	"testing"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

func device(b *bus.Buses) devices.Device {
	dev, err := (&Own{}).Device(devices.Info{ID: "supply"}, b)
	if err != nil {
		panic(err)
	}
	return dev
}

func read(reg, hi, lo byte) bustest.IO {
	return bustest.IO{Addr: 0x40, W: []byte{reg}, R: []byte{hi, lo}}
}

// The data sheet's example of programming: a bus of 11.98 V, register 0x5d98,
// and 20 mV across the shunt, 0x07d0. With 0.1 Ω these are 0.2 A and 2.396 W. CNVR is set.
func TestConversation(t *testing.T) {
	bustest.Check(t, bustest.Case{
		Ops: []bustest.IO{
			{Addr: 0x40, W: []byte{0, 0x3e, 0xeb}},
			read(0, 0x3e, 0xeb),
			read(2, 0x5d, 0x9a), read(2, 0x5d, 0x9a),
			read(1, 0x07, 0xd0), read(1, 0x07, 0xd0),
		},
		Device: device,
		Want: []telemetry.Point{
			{Metric: "voltage", Value: 11.98}, {Metric: "current", Value: 0.2}, {Metric: "power", Value: 2.396},
		},
	})
}

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		b, s uint16
		want [3]telemetry.Quality
	}{
		{0x5d9a, 32_000, [3]telemetry.Quality{0, telemetry.Saturated, telemetry.Saturated}},
		{0x5d9a, 0x8300, [3]telemetry.Quality{0, telemetry.Saturated, telemetry.Saturated}},
		{0x5d9b, 100, [3]telemetry.Quality{0, telemetry.Saturated, telemetry.Saturated}},
		{0xfa02, 100, [3]telemetry.Quality{telemetry.Saturated, 0, telemetry.Saturated}},
		{0x5d9a, 0xf830, [3]telemetry.Quality{}}, // −20 mV
	} {
		for i, p := range decode(c.b, c.s, 0.1) {
			if p.Quality != c.want[i] || p.Value < 0 {
				t.Errorf("%#x %#x: got %v, want %v", c.b, c.s, p, c.want[i])
			}
		}
	}
}

func TestConfiguration(t *testing.T) {
	for text, ok := range map[string]bool{"address: 0x4f\nshunt: 0.01\n": true, "address: 0x50\n": false, "shunt: 0\n": false} {
		var own Own
		if err := conf.Decode("x.yaml", []byte(text), &own); err != nil {
			t.Fatal(err)
		}
		if _, err := own.Device(devices.Info{ID: "x"}, bus.New(bus.Openers{})); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	f.Add(uint16(0x5d9a), uint16(0x07d0))
	f.Fuzz(func(t *testing.T, b, s uint16) {
		for _, p := range decode(b, s, 0.1) {
			m, _ := cat.Lookup(p.Metric)
			if !p.Quality.Fault() && m.Check(p.Value) != telemetry.BadNone {
				t.Errorf("%#x %#x: got %v", b, s, p)
			}
		}
	})
}
