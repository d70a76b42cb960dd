package bme280

import (
	"math"
	"testing"
	"testing/synctest"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/telemetry"
)

func device(b *bus.Buses) devices.Device {
	dev, err := (&Own{}).Device(devices.Info{ID: "room"}, b)
	if err != nil {
		panic(err)
	}
	return dev
}

// Words: t1 27504, t2 26435, t3 −1000 are the example of the BMP280's data sheet
// (BST-BMP280-DS001, section 3.12), with which 519888 is 25.08 °C; for humidity those of a
// real part: h1 75, h2 355, h3 0, h4 340, h5 0, h6 30.
var (
	low  = append([]byte{0x70, 0x6b, 0x43, 0x67, 0x18, 0xfc}, append(make([]byte, 19), 75)...)
	high = []byte{0x63, 0x01, 0, 0x15, 0x04, 0, 30}
	// 519888 = 0x7eed0; humidity 0x6e00.
	results = []byte{0x80, 0, 0, 0x7e, 0xed, 0x00, 0x6e, 0x00}
)

func TestExampleOfTheDataSheet(t *testing.T) {
	tr, err := newTrim(low, high)
	if err != nil {
		t.Fatal(err)
	}
	if tr.h4 != 340 || tr.h5 != 0 || tr.h2 != 355 || tr.h6 != 30 {
		t.Errorf("got %+v", tr)
	}
	temp, rh, err := tr.decode(results)
	if err != nil || math.Abs(temp-25.08) > 0.005 || rh < 20 || rh > 60 {
		t.Errorf("got %g °C, %g %%RH, %v", temp, rh, err)
	}
	// h4 and h5 share a byte, and both are signed.
	neg, err := newTrim(low, []byte{0x63, 0x01, 0, 0xff, 0x2e, 0xfe, 30})
	if err != nil || neg.h4 != -2 || neg.h5 != -30 {
		t.Errorf("got %+v, %v", neg, err)
	}
}

// An element that is broken or shorted is no dry and no damp air.
func TestHumidityThatIsNone(t *testing.T) {
	for _, c := range []struct {
		raw  [2]byte
		want telemetry.Quality
	}{{[2]byte{0, 0}, telemetry.Open}, {[2]byte{0x50, 0}, telemetry.Good}, {[2]byte{0xff, 0xff}, telemetry.Saturated}} {
		synctest.Test(t, func(t *testing.T) {
			ops := talk(0x60)
			r := read(0xf7, 0x80, 0, 0, 0x7e, 0xed, 0x00, c.raw[0], c.raw[1])
			ops[8], ops[9] = r, r
			points, err := bustest.Round(t, device(bustest.Play(ops...).Buses()), 2)
			if err != nil || points[0].Quality != telemetry.Good || points[1].Quality != c.want || points[1].Value < 0 || points[1].Value > 100 {
				t.Errorf("%x: got %v, %v, want %v", c.raw, points, err, c.want)
			}
		})
	}
}

// By integers, as section 4.2.3 has it, in its units of 1/1024 %RH.
func byIntegers(rawH int32, fine int32, h1, h2, h3, h4, h5, h6 int32) float64 {
	v := fine - 76800
	v = (((rawH << 14) - (h4 << 20) - (h5 * v)) + 16384) >> 15 * (((((((v*h6)>>10)*(((v*h3)>>11)+32768))>>10)+2097152)*h2 + 8192) >> 14)
	v -= ((((v >> 15) * (v >> 15)) >> 7) * h1) >> 4
	v = min(419430400, max(0, v))
	return float64(v>>12) / 1024
}

func TestFloatsAgreeWithIntegers(t *testing.T) {
	tr, err := newTrim(low, high)
	if err != nil {
		t.Fatal(err)
	}
	for raw := 0x5000; raw < 0x9000; raw += 0x10 {
		if raw == 0x8000 {
			continue
		}
		r := append([]byte(nil), results...)
		r[6], r[7] = byte(raw>>8), byte(raw)
		temp, rh, err := tr.decode(r)
		want := byIntegers(int32(raw), int32(math.Round(temp*5120)), 75, 355, 0, 340, 0, 30)
		if p := humidity(rh); err != nil || p.Quality == telemetry.Good && math.Abs(p.Value-want) > 0.1 {
			t.Fatalf("%#x: got %g, want %g, %v", raw, rh, want, err)
		}
	}
}

func read(reg byte, r ...byte) bustest.IO {
	return bustest.IO{Addr: 0x76, W: []byte{reg}, R: r}
}

func talk(id byte) []bustest.IO {
	return []bustest.IO{
		{Addr: 0x76, W: []byte{0xe0, 0xb6}},
		read(0xd0, id),
		read(0x88, low...), read(0x88, low...),
		read(0xe1, high...), read(0xe1, high...),
		{Addr: 0x76, W: []byte{0xf2, 1, 0xf4, 0x21}},
		read(0xf2, 1, 0, 0x20),
		read(0xf7, results...), read(0xf7, results...),
	}
}

func TestConversation(t *testing.T) {
	tr, _ := newTrim(low, high)
	temp, rh, _ := tr.decode(results)
	bustest.Check(t, bustest.Case{Ops: talk(0x60), Device: device, Want: []telemetry.Point{
		{Metric: "temperature", Value: temp}, {Metric: "humidity", Value: rh},
	}})
}

// A BMP280 is not taken for a BME280.
func TestAnotherPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		points, err := bustest.Round(t, device(bustest.Play(talk(0x58)[:2]...).Buses()), 6)
		if len(points) != 4 || points[0].Quality != telemetry.BadFrame || devices.QualityOf(err) != telemetry.BadFrame {
			t.Errorf("got %v, %v", points, err)
		}
	})
}

// A room that is hotter than the part can tell is a saturated sensor, not a bad frame.
func TestTooHot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := talk(0x60)
		hot := read(0xf7, 0x80, 0, 0, 0xbf, 0, 0, 0x6e, 0)
		ops[8], ops[9] = hot, hot
		points, err := bustest.Round(t, device(bustest.Play(ops...).Buses()), 2)
		if err != nil || points[0].Quality != telemetry.Saturated || points[1].Quality != telemetry.Saturated {
			t.Errorf("got %v, %v", points, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(low, high, results)
	f.Fuzz(func(t *testing.T, l, h, r []byte) {
		if len(l) != 26 || len(h) != 7 || len(r) != 8 {
			return
		}
		tr, err := newTrim(l, h)
		if err != nil {
			return
		}
		temp, rh, err := tr.decode(r)
		if p := humidity(rh); err == nil && !(temp >= -40 && temp <= 200 && p.Value >= 0 && p.Value <= 100) {
			t.Errorf("got %g, %v", temp, p)
		}
	})
}
