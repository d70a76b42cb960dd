package devices

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"weishao.dev/weishao/telemetry"
)

// Calibrator is what a driver offers whose part is calibrated in clean air.
type Calibrator interface {
	// Reference measures once what the record of a calibration holds. It may take as
	// long as Every. An error is a fault of the part.
	Reference(ctx context.Context, clock telemetry.Clock) (float64, error)
	Record() Record
}

// Record says what a calibration of a part is like.
type Record struct {
	Key     string        // of the value in the mapping "calibration": "r0"
	Unit    string        // "Ω"
	Preheat time.Duration // before it
	Every   time.Duration // from one measurement to the next
	Times   int           // how many are taken
	Air     bool          // the record says how warm and damp the air was
}

// Result is the outcome of a calibration.
type Result struct {
	Value  float64 // mean
	Spread float64 // standard deviation, as a part of the mean
	Trend  float64 // of the last third from the first, as a part of the mean
	N      int
}

// Limits beyond which a calibration is refused.
const (
	maxSpread = 0.05
	maxTrend  = 0.03
)

// Calibrate takes a calibration's measurements; told hears of each. Its error says
// what to do, and Result is then what was found so far.
func Calibrate(ctx context.Context, clock telemetry.Clock, c Calibrator, told func(n int, value float64)) (Result, error) {
	r := c.Record()
	var values []float64
	next := clock.Now()
	for len(values) < r.Times {
		t := time.NewTimer(max(0, clock.Wall(next.Sub(clock.Now()))))
		select {
		case <-ctx.Done():
			t.Stop()
			return Summary(values), ctx.Err()
		case <-t.C:
		}
		v, err := c.Reference(ctx, clock)
		if err != nil {
			return Summary(values), fmt.Errorf("the part cannot be calibrated: %w", err)
		}
		if !(v > 0) || math.IsInf(v, 0) {
			return Summary(values), fmt.Errorf("the part cannot be calibrated: %g %s is no value", v, r.Unit)
		}
		values = append(values, v)
		told(len(values), v)
		next = next.Add(r.Every)
	}
	s := Summary(values)
	return s, s.check()
}

// Summary is what measurements amount to.
func Summary(values []float64) Result {
	n := len(values)
	if n == 0 {
		return Result{}
	}
	mean := average(values)
	var squares float64
	for _, v := range values {
		squares += float64((v - mean) * (v - mean))
	}
	s := Result{Value: mean, N: n}
	if n > 1 {
		s.Spread = math.Sqrt(squares/float64(n-1)) / mean
	}
	if third := n / 3; third > 0 {
		s.Trend = (average(values[n-third:]) - average(values[:third])) / mean
	}
	return s
}

func average(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func (s Result) check() error {
	switch {
	case math.Abs(s.Trend) > maxTrend:
		return fmt.Errorf("the values move by %+.1f %% while they are taken: the element is not warm yet, or the air is not clean; wait, and try again", 100*s.Trend)
	case s.Spread > maxSpread:
		return errors.New("the values scatter too much: look at the wiring and the supply, keep draughts away, and try again")
	}
	return nil
}
