package residual

import (
	"errors"
	"math"
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

// 300 mA at 2000 mA per volt are 0.15 V; a ring that is torn off reads 0 V.
func TestReadings(t *testing.T) {
	for volts, want := range map[float64]telemetry.Point{
		1.65: {Metric: "residual_current", Value: 300},
		0:    {Metric: "residual_current", Quality: telemetry.Open},
		3.2:  {Metric: "residual_current", Quality: telemetry.Short},
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

// More than the ring's burden is made for, a converter that is away or garbles: faults,
// and a number again when it is back.
func TestFails(t *testing.T) {
	for _, c := range []struct {
		amplitude float64 // V
		err       error
		want      telemetry.Quality
	}{
		{2.5, nil, telemetry.Saturated},
		{0.2, adc.ErrEnd, telemetry.Saturated},
		{0.2, devices.Fault(telemetry.BadFrame, errors.New("garbled")), telemetry.BadFrame},
		{0.2, errors.New("away"), telemetry.NoResponse},
	} {
		synctest.Test(t, func(t *testing.T) {
			amplitude := c.amplitude
			in := &adctest.Input{Wave: func(at time.Duration) float64 {
				return min(max(1.65+amplitude*math.Sin(2*math.Pi*50*at.Seconds()), 0), 3.3)
			}}
			own := Own{}
			if err := conf.Decode("x.yaml", []byte("adc: {kind: ads1115}\nmilliamps_per_volt: 2000\n"), &own); err != nil {
				t.Fatal(err)
			}
			dev, err := own.Device(devices.Info{ID: "feeder"}, in.Open)
			if err != nil {
				t.Fatal(err)
			}
			if c.err != nil {
				in.Fail(c.err)
			}
			if points, err := bustest.Round(t, dev, 1); err != nil || points[0].Quality != c.want {
				t.Errorf("%+v: got %v, %v", c, points, err)
			}
			in.Set(0)
			amplitude = 0.2
			if points, err := bustest.Round(t, dev, 1); err != nil || points[0].Quality != telemetry.Good {
				t.Errorf("%+v: when it is well again: %v, %v", c, points, err)
			}
		})
	}
}
