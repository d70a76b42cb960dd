package bustest

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/telemetry"
)

// Case is a driver with a conversation.
type Case struct {
	Ops    []IO                                 // of the first sample, or of the first until all of Want has come
	Device func(*bus.Buses) devices.Device      // makes the driver
	Want   []telemetry.Point                    // what it makes of them; times are not compared
	Unseen func(step int, way Way) (why string) // failures that cannot be told from a measurement; may be nil
}

// Check plays the case, then with each step failing in each way.
func Check(t *testing.T, c Case) {
	t.Helper()
	t.Run("well", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := Play(c.Ops...)
			buses := b.Buses()
			points, err := Round(t, c.Device(buses), len(c.Want))
			if err := compare(points, err, c.Want); err != nil {
				t.Error(err)
			}
			if err := b.Done(); err != nil {
				t.Error(err)
			}
		})
	})
	for step, op := range c.Ops {
		for _, way := range ways(op) {
			t.Run(fmt.Sprintf("step %d: %v", step, way), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { c.fail(t, step, way) })
			})
		}
	}
}

func (c *Case) fail(t *testing.T, step int, way Way) {
	b := Play(c.Ops...)
	dev := c.Device(b.Buses())
	b.Fail(step, way)
	points, err := Round(t, dev, len(c.Want))
	why := ""
	if c.Unseen != nil {
		why = c.Unseen(step, way)
	}
	wrong := honest(points, err, c.Want)
	if wrong != nil && why == "" {
		t.Error(wrong)
	}
	if wrong == nil && why != "" {
		t.Errorf("said to go unseen (%s), but is seen: %v %v", why, points, err)
	}
	b.Mend()
	synctest.Wait()
	if err := c.recovers(t, dev); err != nil {
		t.Errorf("after the part came back: %v", err)
	}
}

// recovers is an error unless the driver reads well again. One that saw no fault has no
// reason to set the part up again before it finds out that it must.
func (c *Case) recovers(t *testing.T, dev devices.Device) error {
	points, err := Round(t, dev, len(c.Want))
	if compare(points, err, c.Want) == nil {
		return nil
	}
	if wrong := honest(points, err, c.Want); wrong != nil {
		return wrong
	}
	points, err = Round(t, dev, len(c.Want))
	return compare(points, err, c.Want)
}

// Round runs a driver until it has emitted n points or fails, and stops it.
func Round(t *testing.T, dev devices.Device, n int) (points []telemetry.Point, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = dev.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) {
		if ctx.Err() != nil {
			return
		}
		if points = append(points, p); len(points) == n {
			cancel()
		}
	})
	return points, err
}

// compare is an error unless exactly want came.
func compare(points []telemetry.Point, err error, want []telemetry.Point) error {
	if err != nil {
		return fmt.Errorf("got the error %w, want %v", err, want)
	}
	if len(points) != len(want) {
		return fmt.Errorf("got %v, want %v", points, want)
	}
	for i, p := range points {
		if !same(p, want[i]) {
			return fmt.Errorf("got %v, want %v", p, want[i])
		}
	}
	return nil
}

func same(a, b telemetry.Point) bool {
	return a.Metric == b.Metric && a.Quality == b.Quality && (a.Quality.Fault() || math.Abs(a.Value-b.Value) <= 1e-6*math.Max(1, math.Abs(b.Value)))
}

// honest is an error if a point says what was not measured.
func honest(points []telemetry.Point, err error, want []telemetry.Point) error {
	right := 0
points:
	for _, p := range points {
		if p.Quality.Fault() {
			continue
		}
		for _, w := range want {
			if same(p, w) {
				right++
				continue points
			}
		}
		return fmt.Errorf("got %v: a number that was not measured", p)
	}
	if err != nil && !devices.QualityOf(err).Fault() {
		return fmt.Errorf("%w is no fault", err)
	}
	if err == nil && len(points) == 0 {
		return fmt.Errorf("neither a reading nor a fault")
	}
	return nil
}
