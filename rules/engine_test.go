package rules

import (
	"math"
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

func TestHoldsEndAtTheirMoment(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 10_000, "gas.ch4")
	w.reads("g/n/d", "gas.ch4", t0+10_000, 2)
	w.reads("g/n/d", "gas.ch4", t0+20_000, 12)
	w.ticks(t0 + 26_000)
	w.want() // event time is a margin behind
	w.ticks(t0 + 28_000)
	w.want("raise gas at 25 since 20")
	w.reads("g/n/d", "gas.ch4", t0+30_000, 3)
	w.reads("g/n/d", "gas.ch4", t0+40_000, 3)
	w.want("raise gas at 25 since 20", "clear gas at 40 since 20 until 30")
	v := w.verdicts[0]
	if v.Metric != "gas.ch4" || v.Value != 12 || v.Threshold != 10 || v.Device != "g/n/d" || v.Place != "g/n/d" || len(v.Evidence) != 2 {
		t.Errorf("the raise says %+v", v)
	}
	if v.ID == "" || w.verdicts[1].ID != v.ID {
		t.Errorf("IDs %q and %q", v.ID, w.verdicts[1].ID)
	}
}

func TestABreakEndsAHold(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	for i, v := range []float64{12, 12, 12, 9, 12, 12, 12, 12, 12, 12} {
		w.reads("g/n/d", "gas.ch4", t0+int64(i+1)*1000, v)
	}
	w.want("raise gas at 10 since 5")
}

// A fault and a sensor that warms up are no numbers: they neither raise nor clear.
func TestMissingDataNeitherRaisesNorClears(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	w.apply(t0+1000, faults("g/n/d", "gas.ch4", t0+1000, telemetry.Open))
	r := reading("g/n/d", "gas.ch4", t0+2000, 50)
	r.Points[0].Quality = telemetry.Warmup
	w.apply(t0+2000, r)
	w.apply(t0+9000, reading("g/n/d", "gas.ch4", t0+9000, 12))
	w.apply(t0+14_000, reading("g/n/d", "gas.ch4", t0+14_000, 12))
	w.want("raise gas at 14 since 9")
	for at := t0 + 15_000; at < t0+120_000; at += 1000 {
		w.apply(at, faults("g/n/d", "gas.ch4", at, telemetry.NoResponse), &record.Tick{})
	}
	w.ticks(t0 + 3_600_000)
	for _, v := range w.verdicts[1:] {
		if v.Rule == "gas" {
			t.Errorf("an hour without data: %s", v.Event)
		}
	}
	if n := len(w.e.Active()); n != 3 { // gas, the fault, the silence
		t.Errorf("%d raises hold, want 3: %+v", n, w.e.Active())
	}
}

// A hold waits while nothing is known, and begins anew if that takes longer than it.
func TestUnknownMakesAHoldWait(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	w.reads("g/n/d", "gas.ch4", t0+1000, 12)
	w.apply(t0+2000, faults("g/n/d", "gas.ch4", t0+2000, telemetry.BadFrame))
	w.reads("g/n/d", "gas.ch4", t0+6000, 12)
	w.want("raise gas at 6 since 1")

	w = newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	w.reads("g/n/d", "gas.ch4", t0+1000, 12)
	w.apply(t0+2000, faults("g/n/d", "gas.ch4", t0+2000, telemetry.BadFrame))
	w.reads("g/n/d", "gas.ch4", t0+9000, 12)
	w.want()
	w.reads("g/n/d", "gas.ch4", t0+14_000, 12)
	w.want("raise gas at 14 since 9")
}

// A gateway whose clock is a minute off is watched like any other.
func TestAWrongClockIsHarmless(t *testing.T) {
	for _, off := range []int64{-60_000, 60_000} {
		w := newWorld(t, gasRule)
		w.born("g/n/d", 1000, "gas.ch4")
		for at := t0 + 1000; at <= t0+30_000; at += 1000 {
			w.apply(at, reading("g/n/d", "gas.ch4", at+off, 12), &record.Tick{})
		}
		if len(w.verdicts) != 1 || w.verdicts[0].Time != t0+6000+off {
			t.Errorf("clock off by %d ms: %q", off, w.says())
		}
	}
}

// A clock that is set back must not make a cell deaf until it has caught up.
func TestAClockSetBack(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	for at := t0; at < t0+120_000; at += 1000 {
		w.apply(at, reading("g/n/d", "gas.ch4", at, 1), &record.Tick{})
	}
	for at := t0 + 120_000; at < t0+140_000; at += 1000 {
		w.apply(at, reading("g/n/d", "gas.ch4", at-3_600_000, 12), &record.Tick{})
	}
	if len(w.verdicts) != 1 || w.verdicts[0].Rule != "gas" {
		t.Errorf("an hour back: %q", w.says())
	}
}

func TestTheShippedRulesTellALeakFromABurst(t *testing.T) {
	w := newWorld(t, "")
	w.born("g/n/leak", 1000, "gas.ch4")
	w.born("g/n/burst", 1000, "gas.ch4")
	for i := int64(1); i <= 600; i++ {
		leak, burst := min(float64(i)*0.06, 40), 0.0
		if i >= 60 {
			burst = 15 * math.Exp(-float64(i-60)/60)
		}
		w.apply(t0+i*1000, reading("g/n/leak", "gas.ch4", t0+i*1000, leak), reading("g/n/burst", "gas.ch4", t0+i*1000, burst), &record.Tick{})
	}
	seen := map[string]bool{}
	for _, v := range w.verdicts {
		seen[v.Device+" "+string(v.Hazard)] = true
	}
	if !seen["g/n/leak gas_leak"] || seen["g/n/burst gas_leak"] {
		t.Errorf("%q", w.says())
	}
	if len(w.derived) == 0 {
		t.Error("no derived metrics for the charts")
	}
}

// Rules may ask several devices of a place.
func TestSeveralDevicesOfAPlace(t *testing.T) {
	const text = `
rules:
  - name: two
    hazard: smoke
    severity: major
    when: count(smoke > 0.3 dB/m) >= 2
    message: {zh: 烟, en: Smoke}
  - name: borrowed
    hazard: fire
    severity: critical
    when: smoke > 0.3 dB/m and temperature > 50 °C
    message: {zh: 火, en: Fire}
`
	w := newWorld(t, text)
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(twoDetectors)}})
	w.born("g/n/a", 1000, "smoke")
	w.born("g/n/b", 1000, "smoke")
	w.born("g/n/c", 1000, "temperature")
	w.reads("g/n/a", "smoke", t0+1000, 1)
	w.reads("g/n/c", "temperature", t0+1100, 20)
	w.reads("g/n/b", "smoke", t0+1200, 0.1)
	w.want()
	w.reads("g/n/b", "smoke", t0+2000, 1)
	w.want("raise two at 2 since 2")
	w.reads("g/n/c", "temperature", t0+2100, 60)
	if got := w.says(); len(got) < 2 || got[1] != "raise borrowed at 2.1 since 2.1" {
		t.Errorf("%q", got)
	}
}

const twoDetectors = `
communities:
  - id: c
    grids:
      - id: grid
        buildings:
          - id: b
            places:
              - {id: hall, name: {zh: 走廊, en: Hall}}
devices:
  - {id: g/n/a, place: hall, placement: room_smoke}
  - {id: g/n/b, place: hall, placement: room_smoke}
  - {id: g/n/c, place: hall, placement: room_smoke}
`
