package ingest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry/record"
)

// However a wire doubles, drops and reorders messages, and whatever ranges a
// gateway gives up: every sequence is taken once, in order, or is lost, and a
// gateway that goes back to what is committed gets everything through.
func TestSequencesAreTakenOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Uint64Range(1, 60).Draw(t, "written")
		var committed uint64
		var skips []record.Range
		var taken []uint64
		lost := map[uint64]bool{}
		deliver := func(first, n uint64) offer {
			what, skip := judge(committed, first, n)
			if what == take {
				for s := first + skip; s < first+n; s++ {
					taken = append(taken, s)
				}
				committed, skips = advance(max(committed, first+n-1), skips)
			}
			return what
		}
		t.Repeat(map[string]func(*rapid.T){
			"message": func(t *rapid.T) {
				first := rapid.Uint64Range(0, total).Draw(t, "first")
				n := rapid.Uint64Range(1, max(1, total+1-first)).Draw(t, "n")
				if deliver(first, n) == wrong != (first == 0) {
					t.Fatalf("first %d judged wrongly", first)
				}
			},
			"loss": func(t *rapid.T) {
				from := rapid.Uint64Range(1, total).Draw(t, "from")
				want := record.Range{From: from, To: rapid.Uint64Range(from, total).Draw(t, "to")}
				for _, r := range uncovered(committed, skips, want) {
					for s := r.From; s <= r.To; s++ {
						if lost[s] {
							t.Fatalf("%d reported lost twice", s)
						}
						lost[s] = true
					}
					committed, skips = advance(committed, addSkip(skips, r))
				}
			},
			"": func(t *rapid.T) {
				if !slices.IsSorted(taken) || len(slices.Compact(slices.Clone(taken))) != len(taken) {
					t.Fatalf("taken %v", taken)
				}
				for s := uint64(1); s <= committed; s++ {
					_, got := slices.BinarySearch(taken, s)
					if !got && !lost[s] {
						t.Fatalf("%d is committed but neither taken nor lost (taken %v, lost %v)", s, taken, lost)
					}
				}
				for i, r := range skips {
					if r.From <= committed+1 || i > 0 && skips[i-1].To+1 >= r.From {
						t.Fatalf("skips %v, committed %d", skips, committed)
					}
				}
			},
		})
		for committed < total { // the gateway goes back to what is due
			if deliver(committed+1, 1) != take {
				t.Fatalf("%d was refused", committed+1)
			}
		}
	})
}

func TestJudgeAtTheEnds(t *testing.T) {
	const top = ^uint64(0)
	for _, tc := range []struct {
		committed, first, n uint64
		what                offer
		skip                uint64
	}{
		{0, 1, 1, take, 0}, {0, 2, 1, gap, 0}, {5, 1, 5, replay, 5}, {5, 1, 6, take, 5}, {5, 6, 1, take, 0},
		{0, 0, 3, wrong, 0}, {0, top, 1, wrong, 0}, {0, top - 1, 1, gap, 0}, {top - 1, top - 1, 1, replay, 1},
	} {
		if what, skip := judge(tc.committed, tc.first, tc.n); what != tc.what || skip != tc.skip {
			t.Errorf("judge(%d, %d, %d) = %d, %d; want %d, %d", tc.committed, tc.first, tc.n, what, skip, tc.what, tc.skip)
		}
	}
}
