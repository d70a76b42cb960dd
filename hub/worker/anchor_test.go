package worker

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/rules"
)

// anchored is a world of which a snapshot was kept after each record.
func anchored(t *testing.T) *world {
	w := newWorld(t)
	w.every, w.keep = 0, 0
	for _, v := range []float64{1, 12, 13, 3, 2, 15, 16, 2, 1} {
		w.gas(v)
		w.run()
	}
	return w
}

// Kept snapshots stay for as long as the log reaches back to them, and no longer.
func TestAnchors(t *testing.T) {
	w := anchored(t)
	list, err := listAnchors(w.file + "s")
	if err != nil || len(list) < 9 {
		t.Fatalf("%d kept, %v", len(list), err)
	}
	w.log.first = list[4].next
	w.gas(1)
	w.run()
	again, err := listAnchors(w.file + "s")
	if err != nil || again[0].next != w.log.first {
		t.Errorf("the oldest kept is for position %d, %v, want %d, where the log begins", again[0].next, err, w.log.first)
	}
	w.keep = time.Hour
	w.gas(1, 1)
	w.run()
	if last, err := listAnchors(w.file + "s"); err != nil || len(last) != len(again) {
		t.Errorf("%d kept, %v, want %d: the last is not an hour old", len(last), err, len(again))
	}
}

// Without a good snapshot the newest kept one is used.
func TestDamagedSnapshotWithAnchors(t *testing.T) {
	w := anchored(t)
	list, err := listAnchors(w.file + "s")
	if err != nil {
		t.Fatal(err)
	}
	n := len(list)
	for _, file := range []string{w.file, list[n-1].file} {
		if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if k, _ := w.open(); k.Position() != list[n-2].next-1 {
		t.Errorf("begins behind %d, want %d", k.Position(), list[n-2].next-1)
	}
	w.run()
	if diff := cmp.Diff(w.whole(), w.kept.verdicts); diff != "" {
		t.Error(diff)
	}
}

// A replay of a log whose beginning is gone begins with what was kept of then,
// and says the same.
func TestReplayFrom(t *testing.T) {
	w := anchored(t)
	whole := w.whole()
	for first := uint64(1); first <= w.log.Last(); first++ {
		e, from, ok, err := ReplayFrom(w.file+"s", first)
		if err != nil || !ok || from < first {
			t.Fatalf("first %d: from %d, %t, %v", first, from, ok, err)
		}
		var got, want []rules.Verdict
		for rec := range w.log.ReadTo(t.Context(), from, w.log.Last()) {
			if err := e.Apply(rec, collect{&got}); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range whole {
			if v.Pos >= from {
				want = append(want, v)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("from %d:\n%s", from, diff)
		}
	}
	if _, _, ok, err := ReplayFrom(t.TempDir(), 7); ok || err != nil {
		t.Errorf("nothing was kept, and yet: %t, %v", ok, err)
	}
}

// collect is a rules.Output that keeps verdicts.
type collect struct{ into *[]rules.Verdict }

func (c collect) Verdict(v rules.Verdict)       { *c.into = append(*c.into, v) }
func (c collect) Derived(_ rules.DerivedSample) {}

// Rules are tried from the newest state that is as old as was asked for; where none
// is, from the oldest there is.
func TestStateAt(t *testing.T) {
	w := anchored(t)
	list, err := listAnchors(w.file + "s")
	if err != nil {
		t.Fatal(err)
	}
	arrivals := map[uint64]int64{} // of the record that an anchor ends with, by the position after it
	for rec, err := range w.log.ReadTo(t.Context(), 1, w.log.Last()) {
		if err != nil {
			t.Fatal(err)
		}
		arrivals[rec.Seq+1] = rec.Arrival
	}
	for i, a := range list {
		for at, want := range map[int64]uint64{arrivals[a.next]: a.next, arrivals[a.next] - 1: 1} {
			if want == 1 && i > 0 {
				want = list[i-1].next
			}
			if e, from, err := StateAt(w.file+"s", 1, at); err != nil || from != want || e.Arrival() > at {
				t.Errorf("at %d: from %d with a state of %d, %v, want %d", at, from, e.Arrival(), err, want)
			}
		}
	}
	oldest := list[3].next
	if e, from, err := StateAt(w.file+"s", oldest, 0); err != nil || from != oldest || e.Arrival() != arrivals[oldest] {
		t.Errorf("before the log's beginning: from %d, %v, want %d", from, err, oldest)
	}
	if e, _, err := StateAt(t.TempDir(), 7, 0); e != nil || err != nil {
		t.Errorf("nothing was kept, and yet: %v, %v", e, err)
	}
}
