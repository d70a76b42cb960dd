package rules

import (
	"strings"
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
	if c := w.e.live()[0]; c.drain != nil || len(c.tail) > 100 || w.e.aside != maxAside-100 {
		t.Errorf("%d readings are kept, %d by all", len(c.tail), w.e.aside)
	}
}

// That a gateway's devices stand in the site file, or that site or rules change
// while an outage comes in, leaves the outage what it is.
func TestAnOutageOutlivesChanges(t *testing.T) {
	const site = `
communities:
  - id: c
    grids:
      - id: grid
        buildings:
          - id: b
            places:
              - {id: p1, name: {zh: 一, en: One}}
devices:
  - {id: g/n/a, place: p1, placement: kitchen_gas, interval: 4000s}
  - {id: g/n/d, place: p1, placement: kitchen_gas, interval: 4000s}
`
	both := strings.Replace(gasRule, "name: gas\n", "name: both\n", 1)
	both = strings.Replace(both, "gas.ch4 > 10 %LEL", "count(gas.ch4 > 0 %LEL) == 2", 1)
	w := newWorld(t, gasRule)
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(site)}})
	w.apply(t0+1000, &storedBirth)
	w.born("g/n/d", 0, "gas.ch4")
	w.born("g/n/a", 0, "gas.ch4", "temperature")
	hour(w)
	w.apply(w.now, &record.Rules{Version: "2", Files: []record.File{{Name: "r.yaml", Data: []byte(gasRule + strings.TrimPrefix(both, "\nrules:"))}}})
	w.apply(w.now, &record.Site{Version: "3", File: record.File{Name: "site.yaml", Data: []byte(site + "  - {id: g/n/x, place: p1, placement: bike_shed, interval: 4000s}\n")}})
	w.apply(w.now, &record.Drained{Node: "g/n"})
	w.want("raise gas at -2395 since -2400 until -2340 over")
	if w.e.aside != 0 {
		t.Errorf("%d readings are kept", w.e.aside)
	}
}
