package mq

import (
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc/adctest"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// An MQ-7 is calibrated at the end of the low phase, and left with its heater on; and
// what is measured with that R0 in clean air is no gas.
func TestCalibratedInCleanAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, pin := &adctest.Input{}, &bustest.Pin{}
		in.Set(0.3)
		var own Own
		if err := conf.Decode("x.yaml", []byte("adc: {kind: mcp3208}\nheater: {line: 17}\n"), &own); err != nil {
			t.Fatal(err)
		}
		c, err := own.Calibrator(Models["mq7"], "k", Parts{Buses: pin.Buses(), ADC: in.Open, Catalogue: catalogue})
		if err != nil {
			t.Fatal(err)
		}
		began, told := time.Now(), 0
		got, err := devices.Calibrate(t.Context(), telemetry.Clock{}, c, func(int, float64) { told++ })
		if err != nil || told != 6 || time.Since(began) != 6*150*time.Second || got.Spread > 1e-9 {
			t.Errorf("%+v after %v, told %d times, %v", got, time.Since(began), told, err)
		}
		if want := slices.Repeat([]bool{true, false, true}, 6); !slices.Equal(pin.Outs, want) {
			t.Errorf("heater %v", pin.Outs)
		}
		s := sensor(t, "mq7", "co", got.Value)
		if ppm, q := s.Judge(0.3, 1); q != telemetry.Good || ppm > 1 {
			t.Errorf("clean air is %g ppm, %v", ppm, q)
		}
		in.Fail(errors.New("no answer"))
		if _, err := devices.Calibrate(t.Context(), telemetry.Clock{}, c, func(int, float64) {}); err == nil {
			t.Error("a part that does not answer was calibrated")
		}
	})
}

func TestSummary(t *testing.T) {
	s := devices.Summary([]float64{9, 10, 11, 9, 10, 11})
	if s.Value != 10 || s.N != 6 || math.Abs(s.Spread-0.0894) > 0.001 || math.Abs(s.Trend-0.1) > 1e-9 {
		t.Errorf("got %+v", s)
	}
}
