package rules

import (
	"time"

	"weishao.dev/weishao/rules/lang"
)

// node is a condition bound to a cell: metrics have become slots.
type node struct {
	op       lang.Op
	fn       lang.Fn
	x, y     *node
	each     []*node // of any, all and count: the condition of each device
	hazard   Hazard  // of elsewhere
	k        float64
	slot     int // of a metric; -1: no device has it
	win      int // of a window, in the cell's list
	span     int64
	from, to int // minutes since midnight
}

// moment is what a condition is evaluated on.
type moment struct {
	s *state
	t int64 // Unix ms
	c *cell
}

func (n *node) truth(m *moment) lang.Truth {
	switch n.op {
	case lang.OpLess:
		return n.x.number(m).Less(n.y.number(m))
	case lang.OpEqual:
		return n.x.number(m).Equal(n.y.number(m))
	case lang.OpNot:
		return n.x.truth(m).Not()
	case lang.OpAnd:
		if x := n.x.truth(m); x != lang.False {
			return x.And(n.y.truth(m))
		}
		return lang.False
	case lang.OpOr:
		if x := n.x.truth(m); x != lang.True {
			return x.Or(n.y.truth(m))
		}
		return lang.True
	case lang.OpAny:
		t := lang.False
		for _, e := range n.each {
			t = t.Or(e.truth(m))
		}
		return t
	case lang.OpAll:
		if len(n.each) == 0 {
			return lang.Unknown // of no device nothing is known
		}
		t := lang.True
		for _, e := range n.each {
			t = t.And(e.truth(m))
		}
		return t
	case lang.OpElsewhere:
		return lang.Of(m.c.raisedElsewhere(n.hazard, m.t))
	case lang.OpBetween:
		return lang.Of(n.between(m))
	case lang.OpChanged:
		if n.slot < 0 {
			return lang.Unknown
		}
		return m.s.extra.Wins[n.win].changed(n.span, m.t, m.s.Vals[n.slot].Since)
	}
	return lang.Unknown
}

func (n *node) between(m *moment) bool {
	local := time.UnixMilli(m.t).In(m.c.loc)
	now := local.Hour()*60 + local.Minute()
	if n.from < n.to {
		return now >= n.from && now < n.to
	}
	return now >= n.from || now < n.to
}

func (n *node) number(m *moment) lang.Interval {
	switch n.op {
	case lang.OpConst:
		return lang.Exactly(n.k)
	case lang.OpMetric:
		if n.slot >= 0 && m.s.Vals[n.slot].known() {
			return lang.Exactly(m.s.Vals[n.slot].V)
		}
		return lang.Anything
	case lang.OpWindow:
		if n.slot < 0 {
			return lang.Anything
		}
		if n.fn == lang.FnQuantile {
			return m.s.extra.Wins[n.win].Sketch.quantile(n.k, n.span, m.t, m.s.Vals[n.slot].Since)
		}
		return m.s.extra.Wins[n.win].value(n.fn, n.span, m.t, m.s.Vals[n.slot].Since)
	case lang.OpAge:
		if n.slot < 0 || m.s.Vals[n.slot].T == 0 {
			return lang.AtLeast(0)
		}
		return lang.Exactly(float64(m.t - m.s.Vals[n.slot].T))
	case lang.OpCount:
		c := lang.Exactly(0)
		for _, e := range n.each {
			switch e.truth(m) {
			case lang.True:
				c.Lo, c.Hi = c.Lo+1, c.Hi+1
			case lang.Unknown:
				c.Hi++
			}
		}
		return c
	case lang.OpApart:
		_, lo, hi, unknown := n.apart(m)
		if unknown {
			return lang.AtLeast(hi - lo)
		}
		return lang.Exactly(hi - lo)
	case lang.OpNeg:
		return n.x.number(m).Neg()
	case lang.OpAdd:
		return n.x.number(m).Add(n.y.number(m))
	case lang.OpSub:
		return n.x.number(m).Sub(n.y.number(m))
	case lang.OpMul:
		return n.x.number(m).Mul(n.y.number(m))
	case lang.OpDiv:
		return n.x.number(m).Div(n.y.number(m))
	}
	return lang.Anything
}

// apart looks at the same metric of several devices: the one that reads most, and the
// lowest and highest reading. unknown says that more is to come of one that is silent.
func (n *node) apart(m *moment) (most *node, lo, hi float64, unknown bool) {
	for _, e := range n.each {
		v := e.number(m)
		switch {
		case !v.Known():
			unknown = len(n.each) > 1
			continue
		case most == nil:
			most, lo, hi = e, v.Lo, v.Lo
		case v.Lo > hi:
			most, hi = e, v.Lo
		}
		lo = min(lo, v.Lo)
	}
	return most, lo, hi, unknown
}

// decision is the comparison that made a condition true: a metric's slot, its
// value, and what it was compared with. ok is false where no single metric did.
func (n *node) decision(m *moment) (slot int, value, threshold float64, ok bool) {
	switch n.op {
	case lang.OpNot:
		return n.x.decision(m)
	case lang.OpAnd:
		if slot, value, threshold, ok = n.x.decision(m); ok {
			return
		}
		return n.y.decision(m)
	case lang.OpOr:
		if n.x.truth(m) == lang.True {
			return n.x.decision(m)
		}
		return n.y.decision(m)
	case lang.OpAny, lang.OpAll, lang.OpCount:
		for _, e := range n.each {
			if e.truth(m) == lang.True {
				return e.decision(m)
			}
		}
	case lang.OpLess, lang.OpEqual:
		x, y := n.x, n.y
		if x.op == lang.OpConst {
			x, y = y, x
		}
		if x.op == lang.OpCount {
			return x.decision(m)
		}
		if k := y.number(m); x.op == lang.OpApart && k.Known() {
			if most, lo, hi, _ := x.apart(m); most != nil { // so much above the lowest is too much
				return most.slot, hi, lo + k.Lo, true
			}
		}
		if x.slot >= 0 && (x.op == lang.OpMetric || x.op == lang.OpWindow) {
			v, k := x.number(m), y.number(m)
			if k.Known() {
				return x.slot, near(v), k.Lo, true
			}
		}
	}
	return -1, 0, 0, false
}

// near is a number of an interval: the one it is, or a bound that is finite, or 0.
func near(v lang.Interval) float64 {
	for _, x := range [...]float64{v.Lo, v.Hi} {
		if x-x == 0 {
			return x
		}
	}
	return 0
}
