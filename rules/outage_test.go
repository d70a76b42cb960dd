package rules

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// What a gateway stored in an outage settles, with what it read since, to the same
// intervals as if there had been none.
func TestAnOutageDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		series := draws(rt)
		inOrder := run(t, series)
		w := newWorld(t, windowRules)
		w.born("g/n/d", 10_000, "gas.ch4")
		from := rapid.IntRange(1, len(series)-1).Draw(rt, "from")
		to := rapid.IntRange(from, len(series)-1).Draw(rt, "to")
		per := rapid.IntRange(1, 20).Draw(rt, "per")
		for _, r := range series[:from] {
			w.ticks(r.at - 1)
			w.apply(r.at, &record.Readings{Device: "g/n/d", Points: []telemetry.Point{r.p}})
		}
		if rapid.Bool().Draw(rt, "dead") {
			w.apply(w.now+1, &record.NodeDeath{Node: "g/n"})
		}
		stored := series[from:to]
		w.ticks(series[to].at - 1)
		w.apply(w.now, &record.NodeBirth{Node: "g/n", Ours: true, Runs: []record.Run{{ID: 1, Kind: record.Backlog, Oldest: 1, Next: uint64(len(stored) + 1)}}})
		bring := func() {
			if n := min(per, len(stored)); n > 0 {
				r := &record.Readings{Device: "g/n/d", Backlog: true}
				for _, s := range stored[:n] {
					r.Points = append(r.Points, s.p)
				}
				w.apply(w.now, r)
				if stored = stored[n:]; len(stored) == 0 {
					w.apply(w.now, &record.Drained{Node: "g/n"})
				}
			}
		}
		if len(stored) == 0 {
			w.apply(w.now, &record.Drained{Node: "g/n"})
		}
		for _, r := range series[to:] {
			w.ticks(r.at - 1)
			w.apply(r.at, &record.Readings{Device: "g/n/d", Points: []telemetry.Point{r.p}})
			bring()
		}
		for len(stored) > 0 {
			bring()
		}
		end := t0 + 3_600_000
		for i := range int64(20) {
			w.apply(end+i*1000, reading("g/n/d", "gas.ch4", end+i*1000, 0))
		}
		if got, want := intervals(w.verdicts), intervals(inOrder.verdicts); !slices.Equal(got, want) {
			rt.Errorf("from %d to %d of %d: got\n  %q\nwant\n  %q\nverdicts %s", from, to, len(series), got, want, asJSON(t, w.says()))
		}
	})
}
