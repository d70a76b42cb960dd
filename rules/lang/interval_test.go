package lang

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// edge are the numbers at which floating point goes wrong.
var edge = []float64{0, 1, -1, 5e-324, -5e-324, 1e-300, 1e300, -1e300, math.MaxFloat64, -math.MaxFloat64}

func anyNumber() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.SampledFrom(edge), rapid.Float64Range(-1000, 1000), rapid.Float64())
}

// anyInterval draws what measuring leaves: a number, a range, or one side.
func anyInterval() *rapid.Generator[Interval] {
	return rapid.Custom(func(t *rapid.T) Interval {
		a, b := anyNumber().Draw(t, "a"), anyNumber().Draw(t, "b")
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return Exactly(a)
		case 1:
			return AtLeast(a)
		case 2:
			return AtMost(a)
		case 3:
			return Anything
		}
		return Interval{min(a, b), max(a, b)}
	})
}

// point draws a number of an interval, its ends often.
func point(t *rapid.T, a Interval) float64 {
	lo, hi := max(a.Lo, -math.MaxFloat64), min(a.Hi, math.MaxFloat64)
	list := []float64{lo, hi}
	for _, v := range append(edge, lo/2+hi/2, math.Nextafter(lo, hi)) {
		if v >= lo && v <= hi {
			list = append(list, v)
		}
	}
	return rapid.OneOf(rapid.SampledFrom(list), rapid.Float64Range(lo, hi)).Draw(t, "point")
}

// Whatever numbers the readings turn out to be, what is computed of them lies in
// what was said before they were known.
func TestIntervalsHoldTheirNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyInterval().Draw(t, "a"), anyInterval().Draw(t, "b")
		x, y := point(t, a), point(t, b)
		for _, op := range []struct {
			name   string
			of     Interval
			number float64
		}{
			{"-a", a.Neg(), -x},
			{"a + b", a.Add(b), x + y},
			{"a - b", a.Sub(b), x - y},
			{"a * b", a.Mul(b), x * y},
			{"a / b", a.Div(b), x / y},
		} {
			if op.of.Lo != op.of.Lo || op.of.Hi != op.of.Hi || op.of.Lo > op.of.Hi || op.of.Lo == math.Inf(1) || op.of.Hi == math.Inf(-1) {
				t.Fatalf("%s is %v, no interval", op.name, op.of)
			}
			if v := op.number; v == v && (v < op.of.Lo || v > op.of.Hi) {
				t.Fatalf("%s is %v, but of %g and %g it is %g", op.name, op.of, x, y, v)
			}
		}
		for _, c := range []struct {
			name string
			of   Truth
			so   bool
		}{{"a < b", a.Less(b), x < y}, {"a == b", a.Equal(b), x == y}} {
			if c.of != Unknown && c.of != Of(c.so) {
				t.Fatalf("%s is %v, but for %g and %g it is %v", c.name, c.of, x, y, c.so)
			}
		}
	})
}

// What is known exactly is computed exactly, and compared with an answer.
func TestKnownNumbersStayKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.Float64Range(-1e6, 1e6).Draw(t, "x"), rapid.Float64Range(-1e6, 1e6).Draw(t, "y")
		a, b := Exactly(x), Exactly(y)
		for _, op := range []struct {
			of     Interval
			number float64
		}{{a.Neg(), -x}, {a.Add(b), x + y}, {a.Sub(b), x - y}, {a.Mul(b), x * y}} {
			if !op.of.Known() || op.of.Lo != op.number {
				t.Fatalf("of %g and %g: got %v, want %g", x, y, op.of, op.number)
			}
		}
		if q := a.Div(b); y != 0 && math.Abs(x/y) < math.MaxFloat64 && (!q.Known() || q.Lo != x/y) {
			t.Fatalf("%g / %g: got %v", x, y, q)
		}
		if a.Less(b) != Of(x < y) || a.Equal(b) != Of(x == y) {
			t.Fatalf("%g and %g compare as %v, %v", x, y, a.Less(b), a.Equal(b))
		}
	})
}

func TestIntervals(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name      string
		got, want Interval
	}{
		{"the maximum seen so far, and more", AtLeast(3).Add(Exactly(2)), AtLeast(5)},
		{"what is missing, doubled", Anything.Mul(Exactly(2)), Anything},
		{"nothing of what is missing", Anything.Mul(Exactly(0)), Exactly(0)},
		{"of a range, turned round", Interval{1, 2}.Mul(Exactly(-3)), Interval{-6, -3}},
		{"a divisor that may be zero", Exactly(1).Div(Interval{-1, 1}), Anything},
		{"zero by zero", Exactly(0).Div(Exactly(0)), Anything},
		{"by at least two", Exactly(6).Div(AtLeast(2)), Interval{0, 3}},
		{"missing by missing", AtLeast(1).Div(AtLeast(1)), Interval{0, inf}},
		{"too large a sum", Exactly(math.MaxFloat64).Add(Exactly(math.MaxFloat64)), Anything},
		{"too large a product", Exactly(1e300).Mul(Exactly(-1e300)), Anything},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
	for _, c := range []struct {
		name      string
		got, want Truth
	}{
		{"one loud reading is enough", Exactly(0.3).Less(AtLeast(0.4)), True},
		{"a quiet one is not", Exactly(0.3).Less(AtLeast(0.1)), Unknown},
		{"touching is not less", Interval{2, 3}.Less(Interval{1, 2}), False},
		{"touching from below may be less", Interval{1, 2}.Less(Interval{2, 3}), Unknown},
		{"apart is not equal", Interval{1, 2}.Equal(Interval{3, 4}), False},
		{"overlapping may be equal", Interval{1, 3}.Equal(Exactly(2)), Unknown},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}
