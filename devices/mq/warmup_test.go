package mq

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/adc/adctest"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/telemetry"
)

func TestWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &adctest.Input{}
		dev, err := build(t, "mq4", mq4, in, &bustest.Pin{})
		if err != nil {
			t.Fatal(err)
		}
		in.Set(1.0)
		points, err := run(t, dev, 4*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range points {
			if want := map[bool]telemetry.Quality{true: telemetry.Warmup, false: telemetry.Good}[i < 180]; p.Quality != want {
				t.Fatalf("after %d s: got %v, want %v", i, p.Quality, want)
			}
		}
		in.Reset()
		if points, _ = run(t, dev, time.Second/2); points[0].Quality != telemetry.Warmup {
			t.Errorf("after a loss of supply: got %v", points[0])
		}
	})
}

// Power-up drives an element beyond its range for tens of seconds. One that stays
// there is reported.
func TestSaturatedFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			set  func(*adctest.Input)
			want telemetry.Quality
		}{
			{func(in *adctest.Input) { in.Set(4.99) }, telemetry.Short},
			{func(in *adctest.Input) { in.Fail(adc.ErrEnd) }, telemetry.Saturated},
		} {
			in := &adctest.Input{}
			dev, err := build(t, "mq4", mq4, in, &bustest.Pin{})
			if err != nil {
				t.Fatal(err)
			}
			c.set(in)
			points, _ := run(t, dev, 2*time.Minute)
			if points[59].Quality != telemetry.Warmup || points[60].Quality != c.want {
				t.Errorf("got %v and %v", points[59], points[60])
			}
		}
	})
}

// A module that loses its own 5 V, while the converter keeps its supply, is open; when it
// comes back it is cold and reads high. A wire that is loose for a moment is not cold.
func TestWarmsUpAfterItWasOpen(t *testing.T) {
	for gap, want := range map[time.Duration]telemetry.Quality{3 * time.Second: telemetry.Good, 20 * time.Second: telemetry.Warmup} {
		synctest.Test(t, func(t *testing.T) {
			in := &adctest.Input{}
			dev, err := build(t, "mq4", mq4, in, &bustest.Pin{})
			if err != nil {
				t.Fatal(err)
			}
			in.Set(1)
			if points, err := run(t, dev, 4*time.Minute); err != nil || points[len(points)-1].Quality != telemetry.Good {
				t.Fatal(points, err)
			}
			in.Set(0)
			if points, _ := run(t, dev, gap); points[0].Quality != telemetry.Open {
				t.Errorf("without supply: %v", points[0])
			}
			in.Set(3)
			points, _ := run(t, dev, 4*time.Minute)
			if points[0].Quality != want || points[len(points)-1].Quality != telemetry.Good {
				t.Errorf("after %v: got %v, want %v", gap, points[0], want)
			}
		})
	}
}

// An element whose heater could not be set has been cold for nobody knows how long: it
// warms up again.
func TestColdAfterTheHeaterFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, pin := &adctest.Input{}, &bustest.Pin{}
		dev, err := build(t, "mq7", mq7, in, pin)
		if err != nil {
			t.Fatal(err)
		}
		in.Set(2)
		if points, err := run(t, dev, 460*time.Second); err != nil || points[2].Quality != telemetry.Good {
			t.Fatalf("got %v, %v", points, err)
		}
		pin.Fail(errors.New("taken"))
		if points, err := run(t, dev, time.Hour); len(points) != 0 || err == nil {
			t.Fatalf("got %v, %v", points, err)
		}
		pin.Set(false)
		if points, err := run(t, dev, 460*time.Second); err != nil || points[0].Quality != telemetry.Warmup || points[2].Quality != telemetry.Good {
			t.Errorf("got %v, %v", points, err)
		}
	})
}
