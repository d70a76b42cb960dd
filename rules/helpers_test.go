package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const t0 = int64(1_780_000_000_000) // event and arrival time at which tests begin

// world feeds an engine with a log and keeps what it says.
type world struct {
	t        testing.TB
	e        *Engine
	seq      uint64
	now      int64 // arrival of the last record
	log      []record.Record
	verdicts []Verdict
	derived  []DerivedSample
}

func (w *world) Verdict(v Verdict)       { w.verdicts = append(w.verdicts, v) }
func (w *world) Derived(d DerivedSample) { w.derived = append(w.derived, d) }

// newWorld begins a log with rules; an empty text means the shipped ones.
func newWorld(t testing.TB, rules string) *world {
	w := &world{t: t, e: NewEngine(), now: t0}
	files := Shipped()
	if rules != "" {
		files = []record.File{{Name: "test.yaml", Data: []byte(rules)}}
	}
	w.apply(t0, &record.Rules{Version: "1", Files: files})
	return w
}

func (w *world) apply(arrival int64, entries ...record.Entry) {
	w.t.Helper()
	w.seq++
	w.now = arrival
	rec := record.Record{Seq: w.seq, Arrival: arrival, Entries: entries}
	w.log = append(w.log, rec)
	if err := w.e.Apply(&rec, w); err != nil {
		w.t.Fatal(err)
	}
}

// ticks lets time pass to an arrival, a tick a second.
func (w *world) ticks(until int64) {
	w.t.Helper()
	for w.now+1000 <= until {
		w.apply(w.now+1000, &record.Tick{})
	}
}

func (w *world) born(device string, interval int64, metrics ...string) {
	w.t.Helper()
	w.apply(w.now, &record.DeviceBirth{Device: device, IntervalMS: interval, Metrics: metrics})
}

// reads brings one reading that was sampled when it arrives.
func (w *world) reads(device, metric string, at int64, v float64) {
	w.t.Helper()
	w.ticks(at - 1)
	w.apply(at, reading(device, metric, at, v))
}

func reading(device, metric string, at int64, v float64) *record.Readings {
	return &record.Readings{Device: device, Points: []telemetry.Point{{Metric: metric, Time: at, Value: v}}}
}

func faults(device, metric string, at int64, q telemetry.Quality) *record.Readings {
	return &record.Readings{Device: device, Points: []telemetry.Point{{Metric: metric, Time: at, Quality: q}}}
}

// says is the verdicts so far, short, with times in seconds since t0.
func (w *world) says() (list []string) {
	for _, v := range w.verdicts {
		s := fmt.Sprintf("%s %s", v.Event, v.Rule)
		if v.Reason != "" && v.Event == Raise {
			s += " (" + v.Reason + ")"
		}
		s += fmt.Sprintf(" at %g since %g", sec(v.Time), sec(v.Onset))
		if v.Cleared != 0 {
			s += fmt.Sprintf(" until %g", sec(v.Cleared))
		}
		if v.Over {
			s += " over"
		}
		list = append(list, s)
	}
	return list
}

func sec(t int64) float64 { return float64(t-t0) / 1000 }

func (w *world) want(says ...string) {
	w.t.Helper()
	if got := w.says(); !slices.Equal(got, says) {
		w.t.Errorf("got\n  %q\nwant\n  %q", got, says)
	}
}

// replay evaluates the log again in a new engine.
func (w *world) replay() *world {
	again := &world{t: w.t, e: NewEngine()}
	for i := range w.log {
		if err := again.e.Apply(&w.log[i], again); err != nil {
			w.t.Fatal(err)
		}
	}
	return again
}

func asJSON(t testing.TB, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// gasRule is a rule with holds on both sides.
const gasRule = `
rules:
  - name: gas
    hazard: gas_leak
    severity: critical
    when: gas.ch4 > 10 %LEL
    hold: 5s
    clear: gas.ch4 < 5 %LEL
    clear_hold: 10s
    message: {zh: 燃气, en: Gas}
`
