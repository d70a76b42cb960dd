package sct013

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/adc/adctest"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

func build(text string, in *adctest.Input) (devices.Device, error) {
	var own Own
	if err := conf.Decode("x.yaml", []byte(text), &own); err != nil {
		return nil, err
	}
	return own.Device(devices.Info{ID: "socket"}, in.Open)
}

const text = "adc: {kind: ads1115}\namps_per_volt: 30\n"

// 2 A through 30 A : 1 V are 66.7 mV, on 1.65 V.
func wave(amps, bias float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		return bias + amps/30*math.Sqrt2*math.Sin(2*math.Pi*50*at.Seconds())
	}
}

func TestReadings(t *testing.T) {
	for _, c := range []struct {
		name string
		in   *adctest.Input
		want float64
		q    telemetry.Quality
	}{
		{"2 A", &adctest.Input{Smooth: true, Wave: wave(2, 1.65)}, 2, telemetry.Good},
		{"nothing", &adctest.Input{Wave: wave(0, 1.6)}, 0, telemetry.Good},
		{"plug out", &adctest.Input{Wave: wave(0, 0)}, 0, telemetry.Open},
		{"bias lost to the supply", &adctest.Input{Wave: wave(0, 3.2)}, 0, telemetry.Short},
		{"more than the burden is made for", &adctest.Input{Wave: wave(36, 1.65)}, 0, telemetry.Saturated},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dev, err := build(text, c.in)
				if err != nil {
					t.Fatal(err)
				}
				points, err := bustest.Round(t, dev, 1)
				if err != nil || points[0].Quality != c.q || !c.q.Fault() && math.Abs(points[0].Value-c.want) > 0.01*c.want+1e-9 {
					t.Errorf("got %v, %v, want %g %v", points, err, c.want, c.q)
				}
			})
		})
	}
}

func TestConverterFails(t *testing.T) {
	for _, c := range []struct {
		err  error
		want telemetry.Quality
	}{{adc.ErrEnd, telemetry.Saturated}, {devices.Fault(telemetry.BadFrame, errors.New("garbled")), telemetry.BadFrame}, {errors.New("away"), telemetry.NoResponse}} {
		synctest.Test(t, func(t *testing.T) {
			in := &adctest.Input{Wave: wave(2, 1.65)}
			dev, err := build(text, in)
			if err != nil {
				t.Fatal(err)
			}
			in.Fail(c.err)
			if points, err := bustest.Round(t, dev, 1); err != nil || points[0].Quality != c.want {
				t.Errorf("got %v, %v, want %v", points, err, c.want)
			}
			in.Set(0)
			if points, err := bustest.Round(t, dev, 1); err != nil || points[0].Quality != telemetry.Good {
				t.Errorf("when it came back: got %v, %v", points, err)
			}
		})
	}
}

// A converter too slow for the mains is a fault, not a current.
func TestTooFewSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dev, err := build(text, &adctest.Input{Rate: 128, Wave: wave(2, 1.65)})
		if err != nil {
			t.Fatal(err)
		}
		if points, _ := bustest.Round(t, dev, 1); !points[0].Quality.Fault() {
			t.Errorf("got %v", points)
		}
	})
}

func TestConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		text + "cycles: 5\nfrequency: 60\nbias: 2.5\n": "",
		"adc: {kind: ads1115}\n":                       "x.yaml:1:1: amps_per_volt is missing",
		text + "bias: 12\n":                            "x.yaml:3:7: bias 12 is not between 0.1 and 5",
		text + "cycles: 60\n":                          "x.yaml:1:1: an interval of 1s is too short to measure 60 cycles",
		text + "burden: 22\n":                          `x.yaml:3:1: unknown key "burden"`,
	} {
		if _, err := build(text, &adctest.Input{}); (err != nil) != (want != "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
