package mq

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc/adctest"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

var catalogue = telemetry.NewCatalogue(telemetry.LEL{})

// build reads a configuration and makes its device.
func build(t *testing.T, kind, text string, in *adctest.Input, pin *bustest.Pin) (devices.Device, error) {
	t.Helper()
	var own Own
	if err := conf.Decode("x.yaml", []byte(text), &own); err != nil {
		return nil, err
	}
	return own.Device(Models[kind], devices.Info{ID: "k"}, Parts{Buses: pin.Buses(), ADC: in.Open, Catalogue: catalogue})
}

func sensor(t *testing.T, kind, metric string, r0 float64) *Sensor {
	t.Helper()
	own := Own{Metric: conf.At[string]{V: metric}}
	var errs conf.Errors
	s, _ := own.Sensor(Models[kind], "k", Parts{ADC: (&adctest.Input{}).Open, Catalogue: catalogue}, &errs)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	s.R0 = r0
	return &s
}

// volts over the load for a ratio Rs/R0.
func (s *Sensor) volts(ratio float64) float64 { return s.Supply * s.Load / (s.Load + ratio*s.R0) }

// What a ratio means, by the fits: 1012.7·0.44^−2.786 = 9,970 ppm of methane, which is
// 19.9 %LEL at 5 % vol.
func TestCurves(t *testing.T) {
	for _, c := range []struct {
		kind, metric string
		ratio, want  float64
		q            telemetry.Quality
	}{
		{"mq4", "gas.ch4", 1, 1012.7 / 500, telemetry.Good},
		{"mq4", "gas.ch4", 4.4, 1012.7 * 0.016118 / 500, telemetry.Good},
		{"mq4", "gas.ch4", 0.4, 1012.7 * 12.839 / 500, telemetry.Suspect},
		{"mq4", "gas.ch4", 0.2, 0, telemetry.Saturated},
		{"mq2", "gas.lpg", 1, 574.25 / 210, telemetry.Good},
		{"mq5", "gas.ch4", 1, 177.65 / 500, telemetry.Good},
		{"mq5", "gas.lpg", 1, 80.897 / 210, telemetry.Good},
		{"mq6", "gas.lpg", 1, 1009.2 / 210, telemetry.Good},
		{"mq7", "co", 1, 99.042, telemetry.Good},
		{"mq9", "co", 1, 599.65, telemetry.Good},
		{"mq9", "gas.ch4", 1, 4269.6 / 500, telemetry.Good},
	} {
		s := sensor(t, c.kind, c.metric, 10_000)
		got, q := s.Judge(s.volts(c.ratio), 1)
		if q != c.q || math.Abs(got-c.want) > 0.001*c.want {
			t.Errorf("%s %s at %g: got %g %v, want %g %v", c.kind, c.metric, c.ratio, got, q, c.want, c.q)
		}
	}
}

// More gas never reads as less, and clean air is far below any alarm.
func TestCurvesAreSane(t *testing.T) {
	for kind, m := range Models {
		for _, g := range m.Gases {
			s := sensor(t, kind, g.Metric, 5_000)
			clean, q := s.Judge(s.volts(m.CleanAir), 1)
			if limit := map[string]float64{"co": 10}[g.Metric]; q != telemetry.Good || limit > 0 && clean > limit || limit == 0 && clean > 1 {
				t.Errorf("%s %s: clean air reads %g %v", kind, g.Metric, clean, q)
			}
			last := -1.0
			for ratio := m.CleanAir; ratio > 0.05; ratio *= 0.97 {
				v, q := s.Judge(s.volts(ratio), 1)
				if q.Fault() {
					break
				}
				if v < last {
					t.Errorf("%s %s: %g at ratio %g, less than %g before", kind, g.Metric, v, ratio, last)
				}
				last = v
			}
			if g.Curve.Source == "" || m.WarmUp == 0 {
				t.Errorf("%s says not where it is from", kind)
			}
		}
	}
}

func TestElementsThatAreNone(t *testing.T) {
	s := sensor(t, "mq4", "gas.ch4", 10_000)
	for _, c := range []struct {
		volts float64
		want  telemetry.Quality
	}{{0, telemetry.Open}, {-0.001, telemetry.Open}, {0.0001, telemetry.Open}, {s.volts(45), telemetry.Open}, {s.volts(43), telemetry.Good}, {4.96, telemetry.Short}, {5.2, telemetry.Short}, {4.9, telemetry.Saturated}} {
		if v, q := s.Judge(c.volts, 1); q != c.want || q.Fault() && v != 0 {
			t.Errorf("%g V: got %g %v, want %v", c.volts, v, q, c.want)
		}
	}
}

// With a load that is large for the element, gas alone brings the voltage to the
// supply. That is taken for gas, not for a broken wire.
func TestTopOfALargeLoad(t *testing.T) {
	s := sensor(t, "mq4", "gas.ch4", 400)
	if _, q := s.Judge(4.99, 1); q != telemetry.Saturated {
		t.Errorf("got %v", q)
	}
	if _, q := sensor(t, "mq7", "co", 900).Judge(4.99, 1); q != telemetry.Saturated {
		t.Errorf("MQ-7: got %v", q)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(2.5, 10_000.0)
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	f.Fuzz(func(t *testing.T, volts, r0 float64) {
		if !(r0 > 0) || math.IsInf(r0, 0) || math.IsNaN(volts) {
			return
		}
		m := Models["mq4"]
		s := &Sensor{Model: m, Gas: m.Gases[0], Supply: 5, Load: 10_000, Divider: 1, R0: r0, unit: "%LEL", max: 100, cat: cat}
		v, q := s.Judge(volts, 1)
		if !q.Fault() && !(v >= 0 && v <= 100) {
			t.Errorf("%g V at %g Ω: got %g %v", volts, r0, v, q)
		}
	})
}

const mq4 = "adc: {kind: test}\ncalibration: {r0: 10000, date: 2026-10-01, by: officer}\n"

// run collects what a device emits in so long a time.
func run(t *testing.T, dev devices.Device, long time.Duration) (points []telemetry.Point, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	err = dev.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) { points = append(points, p) })
	return points, err
}

func TestOpenIsReportedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &adctest.Input{}
		dev, err := build(t, "mq4", mq4, in, &bustest.Pin{})
		if err != nil {
			t.Fatal(err)
		}
		if points, _ := run(t, dev, time.Second/2); points[0].Quality != telemetry.Open {
			t.Errorf("got %v", points[0])
		}
	})
}

// A converter that is away is a fault, thrice, and then an error for the gateway; when
// it comes back the next run goes on.
func TestConverterAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &adctest.Input{}
		dev, err := build(t, "mq4", mq4+"warm_up: 0s\n", in, &bustest.Pin{})
		if err != nil {
			t.Fatal(err)
		}
		in.Fail(devices.Fault(telemetry.NoResponse, errors.New("away")))
		points, err := run(t, dev, time.Minute)
		if len(points) != 2 || points[0].Quality != telemetry.NoResponse || devices.QualityOf(err) != telemetry.NoResponse {
			t.Errorf("got %v, %v", points, err)
		}
		in.Set(1)
		if points, err = run(t, dev, time.Second/2); err != nil || points[0].Quality != telemetry.Good {
			t.Errorf("got %v, %v", points, err)
		}
	})
}

const mq7 = "adc: {kind: test}\ncalibration: {r0: 1000}\nheater: {line: 17}\n"

func TestHeaterCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, pin := &adctest.Input{}, &bustest.Pin{}
		dev, err := build(t, "mq7", mq7, in, pin)
		if err != nil {
			t.Fatal(err)
		}
		if got := dev.Info().Interval; got != 150*time.Second {
			t.Errorf("interval %v", got)
		}
		in.Set(2)
		points, err := run(t, dev, 460*time.Second)
		if err != nil || len(points) != 3 || points[1].Quality != telemetry.Warmup || points[2].Quality != telemetry.Good {
			t.Fatalf("got %v, %v", points, err)
		}
		if gap := points[2].Time - points[1].Time; gap != 150_000 {
			t.Errorf("%d ms between readings", gap)
		}
		want := []bool{true, false, true, false, true, false, true, true}
		for i, out := range pin.Outs {
			if i >= len(want) || out != want[i] {
				t.Fatalf("the heater's line: got %v, want %v", pin.Outs, want)
			}
		}
	})
}

func TestHeaterLineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, pin := &adctest.Input{}, &bustest.Pin{}
		dev, err := build(t, "mq7", mq7, in, pin)
		if err != nil {
			t.Fatal(err)
		}
		pin.Fail(errors.New("taken"))
		if points, err := run(t, dev, time.Hour); len(points) != 0 || devices.QualityOf(err) != telemetry.NoResponse {
			t.Errorf("got %v, %v", points, err)
		}
		release := pin.Hang()
		defer release()
		if points, err := run(t, dev, time.Hour); len(points) != 0 || devices.QualityOf(err) != telemetry.NoResponse {
			t.Errorf("a line that hangs: got %v, %v", points, err)
		}
	})
}

func TestConfiguration(t *testing.T) {
	for _, c := range []struct{ kind, text, want string }{
		{"mq4", mq4, ""},
		{"mq9", mq4 + "metric: gas.lpg\n", ""},
		{"mq4", "adc: {kind: test}\n", "x.yaml:1:1: calibration is missing"},
		{"mq4", "calibration: {date: 2026-10-01}\n", "x.yaml:1:14: r0 is missing or not positive"},
		{"mq4", mq4 + "metric: co\n", "x.yaml:3:9: a MQ-4 does not measure co (one of [gas.ch4])"},
		{"mq4", mq4 + "supply: 50\n", "x.yaml:3:9: supply 50 is not between 1 and 12"},
		{"mq4", mq4 + "heater: {line: 4}\n", "x.yaml:3:9: gas.ch4 is measured with the heater on all the time"},
		{"mq7", mq4, "x.yaml:1:1: heater is missing"},
		{"mq7", mq4 + "heater: {}\n", "x.yaml:3:9: line is missing"},
		{"mq7", mq4 + "heater: {line: 4, full_at: up}\n", "x.yaml:3:28: full_at is high or low"},
		{"mq4", mq4 + "r0: 4\n", `x.yaml:3:1: unknown key "r0"`},
	} {
		_, err := build(t, c.kind, c.text, &adctest.Input{}, &bustest.Pin{})
		if (err != nil) != (c.want != "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s %q: got %v, want %q", c.kind, c.text, err, c.want)
		}
	}
}
