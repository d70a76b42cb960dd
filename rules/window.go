package rules

import (
	"math"

	"weishao.dev/weishao/rules/lang"
)

// A window keeps what windowed functions need of one metric: not its readings but
// sums over panes, at most windowPanes and one of them, aligned to event time. So
// a reading costs the same however long the window, and one leaves it up to a
// pane (a 60th of the window, at least 100 ms) late.
const (
	windowPanes  = 60
	leastPaneLen = 100 // ms
)

// window is the panes of one metric over one length of time.
type window struct {
	Panes  []pane // oldest first
	Sketch sketch // instead, where quantiles are asked for
}

// pane sums the readings of one stretch of event time. Times are in minutes since
// Start.
type pane struct {
	Start        int64 // Unix ms
	N            float64
	Min, Max     float64
	T, TT, V, TV float64
}

func paneLen(span int64) int64 { return max(span/windowPanes, leastPaneLen) }

// add takes a reading; times do not go back.
func (w *window) add(of windowOf, t int64, v float64) {
	if of.sketch {
		w.Sketch.add(of.span, t, v)
	} else {
		w.sum(of.span, t, v)
	}
}

func (w *window) sum(span, t int64, v float64) {
	length := paneLen(span)
	start := t - t%length
	if n := len(w.Panes); n == 0 || w.Panes[n-1].Start != start {
		w.drop(span, t)
		w.Panes = append(w.Panes, pane{Start: start, Min: v, Max: v})
	}
	p := &w.Panes[len(w.Panes)-1]
	m := minutes(t - p.Start)
	p.N++
	p.Min, p.Max = min(p.Min, v), max(p.Max, v)
	p.T += m
	p.TT += float64(m * m)
	p.V += v
	p.TV += float64(m * v)
}

func minutes(ms int64) float64 { return float64(ms) / 60_000 }

// drop lets the panes go that have left the window at t.
func (w *window) drop(span, t int64) {
	n := 0
	for n < len(w.Panes) && w.Panes[n].Start+paneLen(span) <= t-span {
		n++
	}
	if n > 0 {
		w.Panes = append(w.Panes[:0], w.Panes[n:]...)
	}
}

func (w *window) copyFrom(o *window) {
	w.Panes = append(w.Panes[:0], o.Panes...)
	w.Sketch.Bins = append(w.Sketch.Bins[:0], o.Sketch.Bins...)
}

// sums is a window at one moment; times in minutes since its first pane.
func (w *window) sums(span, t int64) (s pane) {
	s.Min, s.Max = math.Inf(1), math.Inf(-1)
	for i := range w.Panes {
		p := &w.Panes[i]
		if p.Start+paneLen(span) <= t-span {
			continue
		}
		if s.N == 0 {
			s.Start = p.Start
		}
		d := minutes(p.Start - s.Start)
		s.TT += p.TT + float64(2*d*p.T) + float64(float64(p.N*d)*d)
		s.TV += p.TV + float64(d*p.V)
		s.T += p.T + float64(p.N*d)
		s.V += p.V
		s.N += p.N
		s.Min, s.Max = min(s.Min, p.Min), max(s.Max, p.Max)
	}
	return s
}

// value is a windowed function at t of a metric that has been known without a
// break since `since` (0: it is not known now). A window that has not been seen
// whole says what it can: a maximum is at least the one seen. An average and a
// slope are known once half of the window has been seen.
func (w *window) value(fn lang.Fn, span, t, since int64) lang.Interval {
	s := w.sums(span, t)
	whole := since != 0 && since <= t-span
	half := since != 0 && since <= t-span/2
	switch fn {
	case lang.FnCount:
		if whole {
			return lang.Exactly(s.N)
		}
		return lang.AtLeast(s.N)
	case lang.FnMax:
		if s.N > 0 {
			return exactlyOr(whole, s.Max, lang.AtLeast(s.Max))
		}
	case lang.FnMin:
		if s.N > 0 {
			return exactlyOr(whole, s.Min, lang.AtMost(s.Min))
		}
	case lang.FnSpread:
		if s.N > 0 {
			return exactlyOr(whole, s.Max-s.Min, lang.AtLeast(s.Max-s.Min))
		}
	case lang.FnAvg:
		if s.N > 0 && half {
			return lang.Exactly(s.V / s.N)
		}
	case lang.FnSlope:
		if d := float64(s.N*s.TT) - float64(s.T*s.T); half && s.N > 1 && d > 0 {
			return lang.Exactly((float64(s.N*s.TV) - float64(s.T*s.V)) / d)
		}
	}
	return lang.Anything
}

func exactlyOr(whole bool, v float64, otherwise lang.Interval) lang.Interval {
	if whole {
		return lang.Exactly(v)
	}
	return otherwise
}

// changed says whether the metric took more than one value in the window.
func (w *window) changed(span, t, since int64) lang.Truth {
	s := w.sums(span, t)
	switch {
	case s.N > 1 && s.Min < s.Max:
		return lang.True
	case s.N > 0 && since != 0 && since <= t-span:
		return lang.False
	}
	return lang.Unknown
}
