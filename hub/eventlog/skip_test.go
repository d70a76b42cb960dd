package eventlog_test

import "testing"

// Positions that readers know are never given again: not by a log that is empty,
// nor by one that is shorter than it was, nor after another start.
func TestPositionsAreNotGivenTwice(t *testing.T) {
	for _, records := range []int{0, 3} {
		nc := connect(t, startServer(t, t.TempDir()))
		l := open(t, nc)
		for n := range records {
			if _, err := l.Append(t.Context(), numbered(n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.SkipTo(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		if l.Last() != 100 {
			t.Errorf("with %d records the log ends at %d, want 100", records, l.Last())
		}
		if seq, err := l.Append(t.Context(), numbered(7)); err != nil || seq != 101 {
			t.Errorf("position %d (%v), want 101", seq, err)
		}
		if err := l.SkipTo(t.Context(), 50); err != nil || l.Last() != 101 {
			t.Errorf("skipping to what is there: %v, the log ends at %d", err, l.Last())
		}
		again := open(t, nc)
		if seq, err := again.Append(t.Context(), numbered(8)); err != nil || seq != 102 {
			t.Errorf("opened again: position %d (%v), want 102", seq, err)
		}
		seen := 0
		for rec, err := range again.ReadTo(t.Context(), 1, 102) {
			if err != nil {
				t.Fatal(err)
			}
			if len(rec.Entries) > 0 {
				seen++
			}
		}
		if seen != records+2 {
			t.Errorf("%d records with something in them, want %d", seen, records+2)
		}
	}
}
