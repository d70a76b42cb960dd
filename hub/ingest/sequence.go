package ingest

import (
	"math"

	"weishao.dev/weishao/telemetry/record"
)

// offer is what becomes of a message of a run.
type offer uint8

const (
	take   offer = iota // commit it, from the skip-th reading on
	replay              // all of it is committed already
	gap                 // it begins beyond what is due: drop it and ask again
	wrong               // these cannot be sequences
)

// judge decides on n readings from sequence first in a run that is committed up
// to committed.
func judge(committed, first, n uint64) (what offer, skip uint64) {
	switch {
	case first == 0 || n > math.MaxUint64-first:
		return wrong, 0
	case first+n-1 <= committed:
		return replay, n
	case first > committed+1:
		return gap, 0
	}
	return take, committed + 1 - first
}

// advance moves committed over the ranges that will never come, and gives those
// that are still ahead. skips is sorted and its ranges do not touch.
func advance(committed uint64, skips []record.Range) (uint64, []record.Range) {
	for len(skips) > 0 && skips[0].From <= committed+1 {
		committed = max(committed, skips[0].To)
		skips = skips[1:]
	}
	return committed, skips
}

// addSkip puts a range into a sorted list, joining what meets.
func addSkip(skips []record.Range, r record.Range) []record.Range {
	out := make([]record.Range, 0, len(skips)+1)
	placed := false
	for _, s := range skips {
		switch {
		case s.To+1 < r.From:
			out = append(out, s)
		case r.To+1 < s.From:
			if !placed {
				out, placed = append(out, r), true
			}
			out = append(out, s)
		default:
			r = record.Range{From: min(r.From, s.From), To: max(r.To, s.To)}
		}
	}
	if !placed {
		out = append(out, r)
	}
	return out
}

// uncovered is what of want is neither committed nor in skips: what is new in a
// gateway's report of loss.
func uncovered(committed uint64, skips []record.Range, want record.Range) []record.Range {
	var out []record.Range
	from := max(want.From, committed+1)
	for _, s := range skips {
		if s.To < from || s.From > want.To {
			continue
		}
		if s.From > from {
			out = append(out, record.Range{From: from, To: s.From - 1})
		}
		from = s.To + 1
	}
	if from <= want.To {
		out = append(out, record.Range{From: from, To: want.To})
	}
	return out
}
