package sht3x

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/telemetry"
)

func device(b *bus.Buses) devices.Device {
	dev, err := (&Own{}).Device(devices.Info{ID: "room", Interval: time.Second}, b)
	if err != nil {
		panic(err)
	}
	return dev
}

// 0xbeef has the checksum 0x92: the data sheet's example, section 4.12.
func TestCRC(t *testing.T) {
	if got := crc([]byte{0xbe, 0xef}); got != 0x92 {
		t.Errorf("got %#x", got)
	}
}

var talk = []bustest.IO{
	{Addr: 0x44, W: []byte{0x30, 0xa2}},
	{Addr: 0x44, W: []byte{0x24, 0x00}},
	{Addr: 0x44, R: []byte{0x66, 0x66, crc([]byte{0x66, 0x66}), 0x80, 0x00, crc([]byte{0x80, 0x00})}},
}

// 0x6666 = 26214: −45 + 175·0.4 = 25 °C; 0x8000: 50.0008 %RH.
func TestConversation(t *testing.T) {
	bustest.Check(t, bustest.Case{Ops: talk, Device: device, Want: []telemetry.Point{
		{Metric: "temperature", Value: 25}, {Metric: "humidity", Value: 100 * 32768.0 / 65535},
	}})
}

func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := append([]bustest.IO(nil), talk[0])
		for range 601 {
			ops = append(ops, talk[1:]...)
		}
		ops = append(ops, append([]bustest.IO{talk[1], talk[2], talk[0]}, talk[1:]...)...)
		dev := device(bustest.Play(ops...).Buses())
		ctx, cancel := context.WithTimeout(t.Context(), 601500*time.Millisecond)
		defer cancel()
		var last telemetry.Point
		good := 0
		err := dev.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) {
			last = p
			if p.Quality == telemetry.Good {
				good++
			}
		})
		if err != nil || last.Quality != telemetry.Stuck || good != 2*601 {
			t.Errorf("got %v after %d good ones, %v", last, good, err)
		}
	})
}

// Checksums are right, but the part cannot measure what is in the frame.
func TestBeyondTheRange(t *testing.T) {
	for _, c := range []struct {
		raw  [2]byte
		want telemetry.Quality
	}{
		{[2]byte{0xff, 0xff}, telemetry.Saturated}, // 130 °C
		{[2]byte{0xf8, 0xaf}, telemetry.Saturated}, // 125.001 °C
		{[2]byte{0xf8, 0xae}, telemetry.Good},      // 124.998 °C
		{[2]byte{0x07, 0x51}, telemetry.Good},      // −39.998 °C
		{[2]byte{0x07, 0x50}, telemetry.Open},      // −40.001 °C
		{[2]byte{0x00, 0x00}, telemetry.Open},      // −45 °C
	} {
		synctest.Test(t, func(t *testing.T) {
			ops := append([]bustest.IO(nil), talk...)
			ops[2].R = []byte{c.raw[0], c.raw[1], crc(c.raw[:]), 0x80, 0x00, crc([]byte{0x80, 0x00})}
			points, err := bustest.Round(t, device(bustest.Play(ops...).Buses()), 2)
			if err != nil || points[0].Quality != c.want || points[1].Quality != c.want {
				t.Errorf("%x: got %v, %v, want %v", c.raw, points, err, c.want)
			}
		})
	}
}

// What is decoded is within the part's range, and a flipped bit is found.
func FuzzDecode(f *testing.F) {
	f.Add(talk[2].R)
	f.Fuzz(func(t *testing.T, b []byte) {
		temp, rh, err := decode(b)
		if err != nil {
			return
		}
		if temp < -45 || temp > 130 || rh < 0 || rh > 100 {
			t.Errorf("%x: got %g, %g", b, temp, rh)
		}
		for i := range b {
			for bit := range 8 {
				c := append([]byte(nil), b...)
				c[i] ^= 1 << bit
				if _, _, err := decode(c); err == nil {
					t.Errorf("%x and %x are both taken", b, c)
				}
			}
		}
	})
}
