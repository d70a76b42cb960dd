package ingest

import (
	"weishao.dev/weishao/telemetry/record"
)

// forked reports whether what a birth declares contradicts what this gateway's
// cards have shown before:
//
//   - a run that follows another one, which had a different follower: two cards
//     went on from one history, so one is a clone;
//   - a run that the hub has further than the card claims to have written: an
//     older image of the card was restored.
//
// Each contradiction is reported once: a run that was seen is known from then on.
func (n *nodeState) forked(b *record.NodeBirth) bool {
	declared := make(map[runKey]bool, len(b.Runs))
	for _, d := range b.Runs {
		declared[runKey{d.Epoch, d.ID}] = true
	}
	for _, d := range b.Runs {
		if r := n.byKey[runKey{d.Epoch, d.ID}]; r != nil {
			if d.Next <= r.Committed && !r.Conflict {
				return true
			}
			continue
		}
		sibling, ok := n.children[runKey{d.Epoch, d.Parent}]
		if ok && !declared[runKey{d.Epoch, sibling}] {
			return true
		}
	}
	return false
}

// reasons of loss, as people read them.
const (
	reasonDropped = "dropped by the gateway before it could be sent"
	reasonTrimmed = "no longer held by the gateway, and not in this log"
)

// losses are the ranges that a birth says will never come and that the log does
// not say so of yet; ok is false if there are more than any card can have.
func (n *nodeState) losses(b *record.NodeBirth) (list []*record.Lost, ok bool) {
	ranges := 0
	for _, d := range b.Runs {
		var committed uint64
		var skips []record.Range
		if r := n.byKey[runKey{d.Epoch, d.ID}]; r != nil {
			committed, skips = r.Committed, r.Skips
		}
		if ranges += len(skips) + len(d.Lost); ranges > maxSkips {
			return nil, false
		}
		report := func(want record.Range, reason string) {
			for _, r := range uncovered(committed, skips, want) {
				list = append(list, &record.Lost{Node: b.Node, Epoch: d.Epoch, Run: d.ID, Range: r, Reason: reason})
				committed, skips = advance(committed, addSkip(skips, r))
			}
		}
		for _, l := range d.Lost {
			report(l, reasonDropped)
		}
		if d.Oldest > 1 {
			report(record.Range{From: 1, To: d.Oldest - 1}, reasonTrimmed)
		}
	}
	return list, true
}
