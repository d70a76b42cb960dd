package lang

import "math"

// Interval is a number of which is known that it lies between Lo and Hi, both
// inclusive. A known number has Lo == Hi; nothing is known of Anything. The
// bounds are never NaN.
type Interval struct{ Lo, Hi float64 }

// Anything is the interval of a number that nothing is known of.
var Anything = Interval{math.Inf(-1), math.Inf(1)}

// Exactly is the interval of a known number.
func Exactly(v float64) Interval { return Interval{v, v} }

// AtLeast and AtMost are the intervals of numbers known on one side.
func AtLeast(v float64) Interval { return Interval{v, math.Inf(1)} }
func AtMost(v float64) Interval  { return Interval{math.Inf(-1), v} }

// Known reports whether the interval is one number.
func (a Interval) Known() bool { return a.Lo == a.Hi }

// Neg is −a.
func (a Interval) Neg() Interval { return Interval{-a.Hi, -a.Lo} }

// Add is a + b.
func (a Interval) Add(b Interval) Interval {
	return bounds(a.Lo+b.Lo, a.Hi+b.Hi)
}

// Sub is a − b.
func (a Interval) Sub(b Interval) Interval {
	return bounds(a.Lo-b.Hi, a.Hi-b.Lo)
}

// Mul is a · b.
func (a Interval) Mul(b Interval) Interval {
	if a.Known() && b.Known() {
		p := times(a.Lo, b.Lo)
		return bounds(p, p)
	}
	p, q, r, s := times(a.Lo, b.Lo), times(a.Lo, b.Hi), times(a.Hi, b.Lo), times(a.Hi, b.Hi)
	return bounds(min(p, q, r, s), max(p, q, r, s))
}

// times is a product in which nothing times anything is nothing.
func times(x, y float64) float64 {
	if x == 0 || y == 0 {
		return 0
	}
	return float64(x * y)
}

// Div is a / b. A divisor that may be zero leaves nothing known.
func (a Interval) Div(b Interval) Interval {
	switch {
	case b.Lo <= 0 && b.Hi >= 0:
		return Anything
	case a.Known() && b.Known():
		q := a.Lo / b.Lo
		return bounds(q, q)
	}
	p, q, r, s := a.Lo/b.Lo, a.Lo/b.Hi, a.Hi/b.Lo, a.Hi/b.Hi
	return bounds(least(p, q, r, s), greatest(p, q, r, s))
}

// least and greatest leave out ∞/∞, a NaN: how far that may reach, 0 or ∞, the
// corner beside it says.
func least(v ...float64) float64 {
	m := math.Inf(1)
	for _, x := range v {
		if x == x {
			m = min(m, x)
		}
	}
	return m
}

func greatest(v ...float64) float64 {
	m := math.Inf(-1)
	for _, x := range v {
		if x == x {
			m = max(m, x)
		}
	}
	return m
}

// bounds makes an interval; a bound that overflowed or is NaN says nothing, and
// a number that overflowed is not known.
func bounds(lo, hi float64) Interval {
	if lo != lo || lo == math.Inf(1) {
		lo = math.Inf(-1)
	}
	if hi != hi || hi == math.Inf(-1) {
		hi = math.Inf(1)
	}
	return Interval{lo, hi}
}

// Less is a < b.
func (a Interval) Less(b Interval) Truth {
	switch {
	case a.Hi < b.Lo:
		return True
	case a.Lo >= b.Hi:
		return False
	}
	return Unknown
}

// Equal is a == b.
func (a Interval) Equal(b Interval) Truth {
	switch {
	case a.Known() && b.Known():
		return Of(a.Lo == b.Lo)
	case a.Hi < b.Lo || b.Hi < a.Lo:
		return False
	}
	return Unknown
}
