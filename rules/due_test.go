package rules

import (
	"math/rand"
	"testing"
)

// What is put off changes nothing: an engine whose ticks look at every cell and device,
// and which keeps every checkpoint instead of evaluating readings again, says the same.
func TestWhatIsPutOffChangesNothing(t *testing.T) {
	for seed := range int64(12) {
		log := makeLog(rand.New(rand.NewSource(seed)))
		w, eager := &world{t: t, e: NewEngine()}, &world{t: t, e: NewEngine()}
		for i := range log {
			clear(eager.e.due)
			clear(eager.e.watch)
			for _, c := range eager.e.live() {
				if c.half > 0 {
					c.stop()
				}
			}
			for _, x := range []*world{w, eager} {
				if err := x.e.Apply(&log[i], x); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, want := asJSON(t, w.verdicts), asJSON(t, eager.verdicts); got != want {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
		if got, want := asJSON(t, w.derived), asJSON(t, eager.derived); got != want {
			t.Fatalf("seed %d: the charts differ", seed)
		}
	}
}
