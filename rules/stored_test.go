package rules

import (
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

var storedBirth = record.NodeBirth{Node: "g/n", Ours: true, Runs: []record.Run{{ID: 2, Kind: record.Live, Next: 1}, {ID: 1, Kind: record.Backlog, Oldest: 1, Next: 4000}}}

// hour brings an hour of readings from before t0, with gas for a minute of it, while
// the device measures on.
func hour(w *world) {
	at := w.now
	for i := int64(0); i < 3600; i += 60 {
		r := &record.Readings{Device: "g/n/d", Backlog: true}
		for s := i; s < i+60; s++ {
			v := 1.0
			if s >= 1200 && s < 1260 {
				v = 30
			}
			r.Points = append(r.Points, telemetry.Point{Metric: "gas.ch4", Time: t0 + (s-3600)*1000, Value: v})
		}
		at += 1000
		w.apply(at, reading("g/n/d", "gas.ch4", at, 1), r, &record.Tick{})
	}
}

// A gateway that the hub hears of for the first time may have stored for hours: its
// outage is put aside and evaluated like any other.
func TestANewGatewayBringsWhatItStored(t *testing.T) {
	w := newWorld(t, gasRule)
	w.apply(t0+1000, &storedBirth)
	w.born("g/n/d", 60_000, "gas.ch4")
	hour(w)
	w.want()
	w.apply(w.now, &record.Drained{Node: "g/n"})
	w.want("raise gas at -2395 since -2400 until -2340 over")
	if n := len(w.e.byID["g/n/d"].cell.tail); n > 200 {
		t.Errorf("%d readings are kept for what comes late", n)
	}
	if got, want := asJSON(t, w.replay().verdicts), asJSON(t, w.verdicts); got != want {
		t.Errorf("a replay says\n%s\nwant\n%s", got, want)
	}
}

// What comes of an outage that was given up is history: it raises nothing, and does
// not send the cell back an hour.
func TestAnOutageThatWasGivenUpIsHistoryOnly(t *testing.T) {
	w := newWorld(t, gasRule)
	w.apply(t0+1000, &storedBirth)
	w.born("g/n/d", 60_000, "gas.ch4")
	w.apply(t0+2000, reading("g/n/d", "gas.ch4", t0+2000, 1))
	c := w.e.byID["g/n/d"].cell
	w.e.endDrain(c)
	hour(w)
	w.apply(w.now, &record.Drained{Node: "g/n"})
	w.want()
	if c.cur.LastT != w.now || len(c.tail) > 200 {
		t.Errorf("the cell is at %g with %d readings kept, want %g", sec(c.cur.LastT), len(c.tail), sec(w.now))
	}
}

// Alarms overtake: while an outage is evaluated, several readings in a row that are
// a second late are not a clock that was set back.
func TestLateReadingsDuringAnOutagesEvaluation(t *testing.T) {
	w := newWorld(t, gasRule)
	w.apply(t0+1000, &storedBirth)
	w.born("g/n/d", 60_000, "gas.ch4")
	w.apply(t0+2000, reading("g/n/d", "gas.ch4", t0+2000, 1))
	r := &record.Readings{Device: "g/n/d", Backlog: true}
	for i := range int64(10 * jobSlice) {
		r.Points = append(r.Points, telemetry.Point{Metric: "gas.ch4", Time: t0 - 3_600_000 + i*5, Value: 1})
	}
	w.apply(t0+3000, r)
	w.apply(t0+9000, reading("g/n/d", "gas.ch4", t0+9000, 30))
	w.apply(t0+9000, &record.Drained{Node: "g/n"})
	for s := int64(3); s < 9; s++ {
		w.apply(t0+9000+s, reading("g/n/d", "gas.ch4", t0+s*1000, 30))
	}
	if w.e.byID["g/n/d"].cell.drain == nil {
		t.Fatal("the outage was given up")
	}
	w.ticks(t0 + 30_000)
	w.want("raise gas at 8 since 3")
}

// A gateway that says it has stored readings and never brings them does not make
// the hub keep all that it reads meanwhile.
func TestAnOutageThatNeverComesIsGivenUp(t *testing.T) {
	w := newWorld(t, gasRule)
	w.apply(t0+1000, &storedBirth)
	w.born("g/n/d", 1000, "gas.ch4")
	w.e.aside = maxAside - 100 // of others
	for at := t0 + 2000; at < t0+200_000; at += 1000 {
		w.reads("g/n/d", "gas.ch4", at, 1)
	}
	if c := w.e.cells[0]; c.drain != nil || len(c.tail) > 100 || w.e.aside != maxAside-100 {
		t.Errorf("%d readings are kept, %d by all", len(c.tail), w.e.aside)
	}
}
