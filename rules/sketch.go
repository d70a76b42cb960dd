package rules

import (
	"math"

	"weishao.dev/weishao/rules/lang"
)

// paneBins is how many bins a pane has at most for quantiles. Up to so many
// different values of a pane are kept as they are; after that the two neighbours
// that are narrowest together become one. A bin is thereby never wider than
// 2/paneBins of what lay between the pane's lowest and highest value. What a
// quantile is lies between what it would be if all readings of each bin were at
// its lower end, and at its upper end: an interval of at most an eighth of the
// window's spread, which always holds the true one.
const paneBins = 16

// bin says that N readings of a pane lie between Lo and Hi, both inclusive.
type bin struct {
	Lo, Hi float64
	N      uint32
	Pane   uint32 // number of the pane, modulo 2³²
}

// sketch is the bins of one metric over one length of time: those of the oldest
// pane first, within a pane by value. It takes 24 bytes a bin.
type sketch struct{ Bins []bin }

func paneOf(span, t int64) uint32 { return uint32(t / paneLen(span)) }

// add takes a reading; times do not go back.
func (k *sketch) add(span, t int64, v float64) {
	pane := paneOf(span, t)
	first := len(k.Bins)
	for first > 0 && k.Bins[first-1].Pane == pane {
		first--
	}
	if first == len(k.Bins) {
		k.drop(span, t)
		k.Bins = append(k.Bins, bin{v, v, 1, pane})
		return
	}
	at := first
	for at < len(k.Bins) && k.Bins[at].Hi < v {
		at++
	}
	if at < len(k.Bins) && k.Bins[at].Lo <= v {
		k.Bins[at].N++
		return
	}
	k.Bins = append(k.Bins, bin{})
	copy(k.Bins[at+1:], k.Bins[at:])
	k.Bins[at] = bin{v, v, 1, pane}
	if len(k.Bins)-first > paneBins {
		k.merge(first)
	}
}

// merge makes one bin of the two neighbours from first on that are narrowest
// together.
func (k *sketch) merge(first int) {
	best, least := first, math.Inf(1)
	for i := first; i+1 < len(k.Bins); i++ {
		if w := k.Bins[i+1].Hi - k.Bins[i].Lo; w < least {
			best, least = i, w
		}
	}
	k.Bins[best].Hi = k.Bins[best+1].Hi
	k.Bins[best].N += k.Bins[best+1].N
	k.Bins = append(k.Bins[:best+1], k.Bins[best+2:]...)
}

// drop lets the bins go whose pane has left the window at t.
func (k *sketch) drop(span, t int64) {
	if n := k.gone(span, t); n > 0 {
		k.Bins = append(k.Bins[:0], k.Bins[n:]...)
	}
}

// gone is how many bins have left the window at t.
func (k *sketch) gone(span, t int64) int {
	n, now, length := 0, paneOf(span, t), paneLen(span)
	for n < len(k.Bins) && (t/length-int64(now-k.Bins[n].Pane)+1)*length <= t-span {
		n++
	}
	return n
}

// quantile is, at t, the smallest value that a share q of the readings in the window
// does not exceed. since is as in window.value: where only a part of the window has
// been seen the rest is taken to have had readings as often, whatever they were. So
// the median is known from below and from above once half of them have been seen.
func (k *sketch) quantile(q float64, span, t, since int64) lang.Interval {
	bins := k.Bins[k.gone(span, t):]
	n := 0.0
	exact := true
	for i := range bins {
		n += float64(bins[i].N)
		exact = exact && bins[i].Lo == bins[i].Hi
	}
	if n == 0 || since == 0 {
		return lang.Anything
	}
	all := n
	if seen := t - since; seen < span {
		all = n * (float64(span) / float64(max(seen, 1)))
	}
	const rounding = 1e-9 // 0.1 · 30 is more than 3
	upper := max(math.Ceil(float64(q*all)-rounding), 1)
	lower := math.Ceil(float64(q*all) - rounding - (all - n))
	var room [(windowPanes + 2) * paneBins]bin
	list := append(room[:0], bins...)
	v := lang.Anything
	if lower >= 1 {
		v.Lo = kth(list, lower, false)
	}
	switch {
	case upper == lower && exact:
		v.Hi = v.Lo
	case upper <= n:
		v.Hi = kth(list, upper, true)
	}
	return v
}

func (b *bin) end(upper bool) float64 {
	if upper {
		return b.Hi
	}
	return b.Lo
}

// kth is the rank-th smallest of the readings, from 1, each at the lower or the upper
// end of its bin. It brings the list into another order.
func kth(list []bin, rank float64, upper bool) float64 {
	for len(list) > 1 {
		pivot := list[len(list)/2].end(upper)
		below, same := 0, 0 // list[:below] is less than the pivot, list[below:below+same] is the pivot
		less, equal := 0.0, 0.0
		for i := range list {
			switch v := list[i].end(upper); {
			case v < pivot:
				less += float64(list[i].N)
				list[i], list[below+same] = list[below+same], list[i]
				list[below+same], list[below] = list[below], list[below+same]
				below++
			case v == pivot:
				equal += float64(list[i].N)
				list[i], list[below+same] = list[below+same], list[i]
				same++
			}
		}
		switch {
		case rank <= less:
			list = list[:below]
		case rank <= less+equal:
			return pivot
		default:
			rank -= less + equal
			list = list[below+same:]
		}
	}
	return list[0].end(upper)
}
