package residual

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc/adctest"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// 300 mA at 2000 mA per volt are 0.15 V; a ring that is torn off reads 0 V.
func TestReadings(t *testing.T) {
	for volts, want := range map[float64]telemetry.Point{
		1.65: {Metric: "residual_current", Value: 300},
		0:    {Metric: "residual_current", Quality: telemetry.Open},
	} {
		synctest.Test(t, func(t *testing.T) {
			var own Own
			if err := conf.Decode("x.yaml", []byte("adc: {kind: ads1115}\nmilliamps_per_volt: 2000\n"), &own); err != nil {
				t.Fatal(err)
			}
			in := &adctest.Input{Smooth: true, Wave: func(at time.Duration) float64 {
				return volts + 0.15*math.Sqrt2*math.Sin(2*math.Pi*50*at.Seconds())
			}}
			dev, err := own.Device(devices.Info{ID: "feeder"}, in.Open)
			if err != nil {
				t.Fatal(err)
			}
			points, err := bustest.Round(t, dev, 1)
			if err != nil || points[0].Quality != want.Quality || !want.Quality.Fault() && math.Abs(points[0].Value-want.Value) > 3 {
				t.Errorf("got %v, %v, want %v", points, err, want)
			}
		})
	}
	var own Own
	if _, err := own.Device(devices.Info{ID: "feeder"}, (&adctest.Input{}).Open); err == nil {
		t.Error("no scale is no mistake")
	}
}
