package max30105

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

const text = "per_db_m: 10000\ncalibration: {clean: 2000, date: 2026-10-01, by: officer}\n"

func build(text string, b *bus.Buses) (devices.Device, error) {
	var own Own
	if err := conf.Decode("x.yaml", []byte(text), &own); err != nil {
		return nil, err
	}
	return own.Device(devices.Info{ID: "stairs"}, b)
}

func device(b *bus.Buses) devices.Device {
	dev, err := build(text, b)
	if err != nil {
		panic(err)
	}
	return dev
}

func write(b ...byte) bustest.IO { return bustest.IO{Addr: 0x57, W: b} }

func read(reg byte, r ...byte) bustest.IO { return bustest.IO{Addr: 0x57, W: []byte{reg}, R: r} }

var setUp = []bustest.IO{
	write(0x09, 0x40),
	read(0xff, 0x15),
	write(0x0c, 0x1f, 0x1f),
	write(0x04, 0, 0, 0),
	write(0x08, 0x90, 0x03, 0x27),
}

// fifo is a sample: settings, pointers, n times the same counts of red and infra-red.
func fifo(from, n byte, ir int) []bustest.IO {
	one := []byte{0, 0x10, 0, byte(ir >> 16), byte(ir >> 8), byte(ir)}
	return []bustest.IO{
		read(0x08, 0x90, 0x03, 0x27, 0x00, 0x1f, 0x1f),
		read(0x04, (from+n)%32, 0, from),
		read(0x07, bytes.Repeat(one, int(n))...),
	}
}

// 4500 counts are 0.25 dB/m. During warm-up the reading says so; the reserved register
// may hold anything.
func TestConversation(t *testing.T) {
	ops := append(append([]bustest.IO(nil), setUp...), fifo(30, 5, 4500)...)
	bustest.Check(t, bustest.Case{Ops: ops, Device: device,
		Want: []telemetry.Point{{Metric: "smoke", Value: 0.25, Quality: telemetry.Warmup}}})
}

func TestReadings(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []bustest.IO
		want float64
		q    telemetry.Quality
	}{
		{"clean", fifo(0, 12, 1950), 0, telemetry.Warmup},
		{"smoke", fifo(0, 12, 12_000), 1, telemetry.Warmup},
		{"saturated", fifo(0, 12, top), 0, telemetry.Saturated},
		{"a diode is dead", fifo(0, 12, 40), 0, telemetry.Open},
		{"no new samples", fifo(7, 0, 0)[:2], 0, telemetry.Stuck},
		{"too few", fifo(7, 2, 2000), 0, telemetry.BadFrame},
	} {
		synctest.Test(t, func(t *testing.T) {
			dev := device(bustest.Play(append(append([]bustest.IO(nil), setUp...), c.ops...)...).Buses())
			points, err := bustest.Round(t, dev, 1)
			if err != nil || points[0].Quality != c.q || math.Abs(points[0].Value-c.want) > 1e-9 {
				t.Errorf("%s: got %v, %v, want %g %v", c.name, points, err, c.want, c.q)
			}
		})
	}
}

func TestWarmUpEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := append([]bustest.IO(nil), setUp...)
		for i := range 62 {
			ops = append(ops, fifo(byte(12*i%32), 12, 2000)...)
		}
		points, err := bustest.Round(t, device(bustest.Play(ops...).Buses()), 62)
		if err != nil || points[59].Quality != telemetry.Warmup || points[60].Quality != telemetry.Good {
			t.Errorf("got %v", err)
		}
	})
}

// Counts are noisy in a part that works. The same ones for ten minutes are a part that is
// stuck, and one that moves again is not; air at the end of the range is no such thing.
func TestStuck(t *testing.T) {
	for _, c := range []struct {
		ir, last int
		want     telemetry.Quality
	}{{2000, 2000, telemetry.Stuck}, {2000, 2001, telemetry.Good}, {top, top, telemetry.Saturated}} {
		synctest.Test(t, func(t *testing.T) {
			ops := append([]bustest.IO(nil), setUp...)
			const n = 10*60/2 + 2
			for i := range n - 1 {
				ops = append(ops, fifo(byte(12*i%32), 12, c.ir)...)
			}
			ops = append(ops, fifo(0, 12, c.last)...)
			points, err := bustest.Round(t, device(bustest.Play(ops...).Buses()), n)
			if err != nil || len(points) != n || points[n-1].Quality != c.want {
				t.Errorf("%d: got %v, %v, want %v", c.last, points[len(points)-1], err, c.want)
			}
		})
	}
}

// In clean air, with its diodes warm, it is calibrated; a part that gives nothing, or is
// at its end, is not.
func TestCalibration(t *testing.T) {
	calibrate := func(t *testing.T, ops []bustest.IO) (devices.Result, error) {
		var own Own
		c, err := own.Calibrator(devices.Info{ID: "stairs"}, bustest.Play(ops...).Buses())
		if err != nil {
			t.Fatal(err)
		}
		return devices.Calibrate(t.Context(), telemetry.Clock{}, c, func(int, float64) {})
	}
	ops := append(append([]bustest.IO(nil), setUp...), fifo(0, 3, 2500)...) // the diodes are cold
	for i := range 60 {
		ops = append(ops, fifo(byte(12*i%32), 12, 2000+i%3)...)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		got, err := calibrate(t, ops)
		if err != nil || got.N != 60 || math.Abs(got.Value-2001) > 1e-9 || time.Since(began) < 2*time.Minute {
			t.Errorf("got %+v after %v, %v", got, time.Since(began), err)
		}
	})
	for name, c := range map[string]struct {
		then []bustest.IO
		want telemetry.Quality
	}{"nothing new": {fifo(7, 0, 0)[:2], telemetry.Stuck}, "smoke": {fifo(0, 12, top), telemetry.Saturated}, "too few": {fifo(7, 2, 2000), telemetry.BadFrame}} {
		synctest.Test(t, func(t *testing.T) {
			if got, err := calibrate(t, append(append(setUp[:len(setUp):len(setUp)], fifo(0, 3, 2500)...), c.then...)); devices.QualityOf(err) != c.want || err == nil || got.N != 0 {
				t.Errorf("%s: got %+v, %v", name, got, err)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		text:                                     "",
		"per_db_m: 1\n":                          "x.yaml:1:1: calibration is missing",
		"calibration: {clean: 1}\n":              "x.yaml:1:1: per_db_m is missing",
		"per_db_m: 0\ncalibration: {clean: 1}\n": "x.yaml:1:11: per_db_m 0 is not between 1 and",
		"per_db_m: 1\ncalibration: {date: 2026-10-01}\n": "x.yaml:2:14: clean is missing or no count",
		text + "address: 0x58\n":                         "x.yaml:3:10: this part cannot have the address 0x58",
	} {
		if _, err := build(text, bus.New(bus.Openers{})); (err != nil) != (want != "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	var own Own
	if _, err := own.Device(devices.Info{ID: "x", Interval: time.Minute}, bus.New(bus.Openers{})); err == nil || !strings.Contains(err.Error(), "1s to 5s") {
		t.Errorf("an interval longer than the memory: got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(fifo(0, 12, 2000)[2].R, []byte{1, 0, 2})
	f.Fuzz(func(t *testing.T, data, p []byte) {
		if v, err := decode(data); err == nil && (v < 0 || v > top) {
			t.Errorf("%x: got %g", data, v)
		}
		if len(p) == 3 {
			if n, err := waiting(p); err == nil && (n < 0 || n > depth) {
				t.Errorf("%x: got %d", p, n)
			}
		}
	})
}
