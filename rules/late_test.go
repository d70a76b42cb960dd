package rules

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// arrivedReading is a reading with when it came.
type arrivedReading struct {
	at int64
	p  telemetry.Point
}

// intervals is what the verdicts amount to in the end: by device and rule, the
// spans that were raised, after all revisions.
func intervals(verdicts []Verdict) []string {
	last := map[string]Verdict{}
	for _, v := range verdicts {
		if v.Hazard == Unsupervised || v.Hazard == FaultHazard {
			continue
		}
		last[v.ID] = v
	}
	var list []string
	for _, v := range last {
		if v.Cleared != v.Onset {
			list = append(list, fmt.Sprintf("%s %s %g-%g", v.Device, v.Rule, sec(v.Onset), sec(v.Cleared)))
		}
	}
	slices.Sort(list)
	return list
}

// Readings that come late and out of order, within Lateness, settle to the same
// intervals as those that come in order.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		series := draws(rt)
		inOrder := run(t, series)
		late := slices.Clone(series)
		for i := range late {
			if rapid.IntRange(0, 4).Draw(rt, "late") == 0 {
				late[i].at += rapid.Int64Range(0, Lateness-5000).Draw(rt, "by")
			}
		}
		slices.SortStableFunc(late, func(a, b arrivedReading) int { return cmp.Compare(a.at, b.at) })
		outOfOrder := run(t, late)
		if got, want := intervals(outOfOrder.verdicts), intervals(inOrder.verdicts); !slices.Equal(got, want) {
			rt.Errorf("got\n  %q\nwant\n  %q\nverdicts %s", got, want, asJSON(t, outOfOrder.says()))
		}
		raised := map[string]int{}
		for _, v := range outOfOrder.verdicts {
			if raised[v.ID] += 1; v.Event == Raise && raised[v.ID] != 1 {
				rt.Errorf("%s was raised twice", v.ID)
			}
		}
	})
}

// draws makes a device's hour: levels that come and go, now and then a fault.
func draws(rt *rapid.T) (list []arrivedReading) {
	at := t0
	gas := 0.0
	for range rapid.IntRange(20, 120).Draw(rt, "n") {
		at += rapid.SampledFrom([]int64{500, 1000, 1000, 2000, 7000}).Draw(rt, "step")
		gas = math.Abs(gas + rapid.Float64Range(-4, 4.5).Draw(rt, "gas"))
		p := telemetry.Point{Metric: "gas.ch4", Time: at, Value: min(gas, 100)}
		if rapid.IntRange(0, 30).Draw(rt, "fault") == 0 {
			p = telemetry.Point{Metric: "gas.ch4", Time: at, Quality: telemetry.BadFrame}
		}
		list = append(list, arrivedReading{at + 300, p})
	}
	return list
}

// run brings readings to an engine and lets a minute pass at the end.
func run(t testing.TB, list []arrivedReading) *world {
	w := newWorld(t, windowRules)
	w.born("g/n/d", 10_000, "gas.ch4")
	for _, r := range list {
		w.ticks(r.at - 1)
		w.apply(r.at, &record.Readings{Device: "g/n/d", Points: []telemetry.Point{r.p}})
	}
	// The end of all holds, so that none is cut off by when the last reading came.
	end := t0 + 3_600_000
	for i := range int64(20) {
		w.apply(end+i*1000, reading("g/n/d", "gas.ch4", end+i*1000, 0))
	}
	return w
}

const windowRules = gasRule + `
  - name: mean
    hazard: gas_leak
    severity: major
    when: avg(gas.ch4, 20s) > 8 %LEL
    clear: max(gas.ch4, 10s) < 8 %LEL
    message: {zh: 平均, en: Mean}
  - name: likely
    hazard: gas_leak
    severity: major
    when: gas.leak_likelihood >= 0.9
    clear: gas.leak_likelihood < 0.3
    clear_hold: 20s
    message: {zh: 可能, en: Likely}
`

// A stop and a start at any record changes nothing: the state is in the snapshot.
func TestARestartChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		series := draws(rt)
		for i := range series {
			if rapid.IntRange(0, 4).Draw(rt, "late") == 0 {
				series[i].at += rapid.Int64Range(0, Lateness).Draw(rt, "by")
			}
		}
		slices.SortStableFunc(series, func(a, b arrivedReading) int { return cmp.Compare(a.at, b.at) })
		w := run(t, series)
		again := &world{t: t, e: NewEngine()}
		for i := range w.log {
			if rapid.IntRange(0, 20).Draw(rt, "restart") == 0 {
				b, err := again.e.Snapshot()
				if err != nil {
					rt.Fatal(err)
				}
				again.e = NewEngine()
				if err := again.e.Restore(b); err != nil {
					rt.Fatal(err)
				}
			}
			if err := again.e.Apply(&w.log[i], again); err != nil {
				rt.Fatal(err)
			}
		}
		if got, want := asJSON(t, again.verdicts), asJSON(t, w.verdicts); got != want {
			rt.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestALateReadingRevises(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 10_000, "gas.ch4")
	w.reads("g/n/d", "gas.ch4", t0+10_000, 2)
	w.reads("g/n/d", "gas.ch4", t0+20_000, 12)
	w.reads("g/n/d", "gas.ch4", t0+26_000, 12)
	w.want("raise gas at 25 since 20")
	w.apply(t0+27_000, reading("g/n/d", "gas.ch4", t0+15_000, 12))
	w.want("raise gas at 25 since 20", "revised gas at 26 since 15")
	w.apply(t0+28_000, reading("g/n/d", "gas.ch4", t0+22_000, 3))
	w.want("raise gas at 25 since 20", "revised gas at 26 since 15") // still 15-, though the gas was gone for a moment
	if n := len(w.e.Active()); n != 1 {
		t.Errorf("%d raises hold", n)
	}
}

// What an outage hid is evaluated in order when it has come, and what it adds is
// said once: as over, or as holding.
func TestAnOutageIsEvaluatedInOrder(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	for at := t0 + 1000; at <= t0+60_000; at += 1000 {
		w.apply(at, reading("g/n/d", "gas.ch4", at, 1), &record.Tick{})
	}
	w.apply(t0+61_000, &record.NodeDeath{Node: "g/n"})
	w.ticks(t0 + 600_000)
	w.apply(t0+600_000, &record.NodeBirth{Node: "g/n", Ours: true, Runs: []record.Run{{ID: 2, Kind: record.Live, Next: 1}, {ID: 1, Kind: record.Backlog, Oldest: 61, Next: 600}}})
	stored := int64(61_000)
	for at := t0 + 601_000; at <= t0+660_000; at += 1000 {
		w.apply(at, reading("g/n/d", "gas.ch4", at, 1), &record.Tick{})
		r := &record.Readings{Device: "g/n/d", Backlog: true}
		for range 10 {
			v := 1.0
			if stored >= 200_000 && stored < 300_000 {
				v = 30
			}
			r.Points = append(r.Points, telemetry.Point{Metric: "gas.ch4", Time: t0 + stored, Value: v})
			stored += 1000
		}
		if stored < 600_000 {
			w.apply(at, r)
		}
	}
	w.want("raise unsupervised (gateway dead) at 61 since 60", "clear unsupervised at 600 since 60 until 600")
	w.apply(t0+661_000, &record.Drained{Node: "g/n"})
	w.want("raise unsupervised (gateway dead) at 61 since 60", "clear unsupervised at 600 since 60 until 600",
		"raise gas at 205 since 200 until 300 over")
	if got, want := asJSON(t, w.replay().verdicts), asJSON(t, w.verdicts); got != want {
		t.Errorf("a replay says\n%s\nwant\n%s", got, want)
	}
}

func TestAHazardOfAnOutageThatStillHoldsIsRaisedOnce(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	w.reads("g/n/d", "gas.ch4", t0+1000, 1)
	w.apply(t0+2000, &record.NodeDeath{Node: "g/n"})
	w.ticks(t0 + 100_000)
	w.apply(t0+100_000, &record.NodeBirth{Node: "g/n", Ours: true, Runs: []record.Run{{ID: 1, Kind: record.Backlog, Oldest: 2, Next: 100}}})
	for at := t0 + 101_000; at <= t0+110_000; at += 1000 {
		w.apply(at, reading("g/n/d", "gas.ch4", at, 30), &record.Tick{})
	}
	for at := t0 + 2000; at < t0+100_000; at += 1000 {
		r := reading("g/n/d", "gas.ch4", at, 30)
		r.Backlog = true
		w.apply(t0+110_000, r)
	}
	w.apply(t0+111_000, &record.Drained{Node: "g/n"})
	w.want("raise unsupervised (gateway dead) at 2 since 1", "clear unsupervised at 100 since 1 until 100",
		"raise gas at 106 since 101", "revised gas at 110 since 2")
}

// An outage too long for one slice is evaluated over several records, and a
// restart meanwhile waits for the end.
func TestALongOutageIsEvaluatedInSlices(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	w.reads("g/n/d", "gas.ch4", t0+1000, 1)
	w.apply(t0+2000, &record.NodeBirth{Node: "g/n", Ours: true, Runs: []record.Run{{ID: 1, Kind: record.Backlog, Oldest: 1, Next: 5}}})
	r := &record.Readings{Device: "g/n/d", Backlog: true}
	const n = 2*jobSlice + 10
	for i := range int64(n) {
		r.Points = append(r.Points, telemetry.Point{Metric: "gas.ch4", Time: t0 + 2000 + i*10, Value: 1 + 20*float64(i/60_000)})
	}
	w.apply(t0+3000, r)
	w.apply(t0+4000, &record.Drained{Node: "g/n"})
	w.want()
	if _, err := w.e.Snapshot(); err != ErrBusy {
		t.Errorf("a snapshot in the middle: %v", err)
	}
	w.ticks(t0 + 8000)
	w.want("raise gas at 607 since 602")
	if _, err := w.e.Snapshot(); err != nil {
		t.Error(err)
	}
}

// A checkpoint is of a state that only readings have brought about: one that ticks
// have carried on would not know of a reading that comes late into that silence.
func TestALateReadingIntoASilence(t *testing.T) {
	w := newWorld(t, `
rules:
  - name: old
    hazard: overload
    severity: advisory
    when: age(current) > 20s
    message: {zh: 没读数, en: No reading}
`)
	w.born("g/n/d", 1000, "current")
	for at := t0 + 1000; at <= t0+40_000; at += 1000 {
		w.reads("g/n/d", "current", at, 1)
	}
	w.ticks(t0 + 100_000)
	w.apply(t0+100_000, reading("g/n/d", "current", t0+20_500, 1))
	w.apply(t0+100_000, reading("g/n/d", "current", t0+55_000, 1))
	w.apply(t0+100_000, &storedBirth) // goes back to a checkpoint
	w.reads("g/n/d", "current", t0+101_000, 1)
	w.want("raise unsupervised (silent) at 49 since 40", "raise old at 61 since 61", "clear unsupervised at 100 since 40 until 100",
		"revised old at 55 since 76", "clear old at 101 since 76 until 101")
}

// A reading from an hour ahead must not carry its device there: a hold would be
// over at once, and every reading until then be late.
func TestOneReadingFromTheFuture(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	for at := t0 + 1000; at <= t0+60_000; at += 1000 {
		w.reads("g/n/d", "gas.ch4", at, 1)
	}
	w.apply(t0+60_500, reading("g/n/d", "gas.ch4", t0+3_600_000, 1))
	for at := t0 + 61_000; at <= t0+240_000; at += 1000 {
		switch {
		case at == t0+120_000, at > t0+200_000:
			w.reads("g/n/d", "gas.ch4", at, 12)
		default:
			w.reads("g/n/d", "gas.ch4", at, 1)
		}
	}
	w.want("raise gas at 206 since 201")
	if n := len(w.e.live()[0].tail); n > 100 {
		t.Errorf("%d readings are kept", n)
	}
}

// A gateway whose clock is put right after an outage is heard at once, though what
// it stored has not come yet and seems to be of the same time.
func TestAClockSetBackAfterAnOutage(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	w.reads("g/n/d", "gas.ch4", t0+1000, 1)
	w.apply(t0+1000, &record.NodeDeath{Node: "g/n"})
	w.ticks(t0 + 1_000_000)
	w.apply(t0+1_000_000, &storedBirth)
	for at := t0 + 1_001_000; at <= t0+1_040_000; at += 1000 {
		w.reads("g/n/d", "gas.ch4", at, 1)
	}
	for at := t0 + 1_041_000; at <= t0+1_060_000; at += 1000 {
		w.ticks(at - 1)
		w.apply(at, reading("g/n/d", "gas.ch4", at-300_000, 30))
	}
	w.want("raise unsupervised (gateway dead) at 1 since 1", "clear unsupervised at 1000 since 1 until 1000", "raise gas at 754 since 749")
}

const twoInAPlace = gasRule + `
  - name: two
    hazard: gas_leak
    severity: major
    when: count(gas.ch4 > 10 %LEL) >= 2
    hold: 5s
    message: {zh: 两个, en: Two}
`

// twoClocks brings an hour of two devices of one place, one of which is behind, and
// gas at the latter in the second half.
func twoClocks(t *testing.T, behind int64) *world {
	w := newWorld(t, twoInAPlace)
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(strings.ReplaceAll(threePlaces, "place: p2", "place: p1"))}})
	w.born("g/n/a", 0, "gas.ch4")
	w.born("g/n/b", 0, "gas.ch4")
	for at := t0 + 1000; at <= t0+3_600_000; at += 1000 {
		v := 1.0
		if at > t0+1_800_000 {
			v = 30
		}
		w.ticks(at - 1)
		w.apply(at, reading("g/n/a", "gas.ch4", at, 1), reading("g/n/b", "gas.ch4", at-behind, v))
	}
	if n := len(w.e.byID["g/n/b"].cell.tail); n > 200 {
		t.Errorf("%d ms behind: %d readings are kept for what comes late", behind, n)
	}
	return w
}

// A device that is always late by what is allowed keeps nobody from forgetting.
func TestADeviceThatIsAlwaysLate(t *testing.T) {
	if says := twoClocks(t, 20_000).says(); !slices.Contains(says, "raise gas at 1786 since 1781") {
		t.Errorf("got %q", says)
	}
}

// A device whose readings take longer from some moment on than timers wait for: its
// clock follows, no hold ends before its time, and nothing is kept for ever.
func TestADeviceThatBecomesSlow(t *testing.T) {
	w := newWorld(t, `rules:
  - name: gas
    hazard: gas_leak
    severity: critical
    when: gas.ch4 > 10 %LEL and age(gas.ch4) < 1h
    hold: 1m
    message: {zh: 燃气, en: Gas}
`)
	w.born("g/n/d", 0, "gas.ch4")
	for at := t0 + 1000; at <= t0+3_600_000; at += 1000 {
		w.ticks(at)
		when, v := at, 1.0
		if at > t0+60_000 {
			when -= 5000
			if at <= t0+65_000 {
				continue // on the way
			}
		}
		if when > t0+1_800_000 {
			v = 30
		}
		w.apply(at, reading("g/n/d", "gas.ch4", when, v))
		c := w.e.byID["g/n/d"].cell
		if ahead := c.clock - when; ahead > 10_000 || len(c.tail) > 200 {
			t.Fatalf("after %d s the clock is %d ms ahead of the readings, and %d are kept", (at-t0)/1000, ahead, len(c.tail))
		}
	}
	w.want("raise gas at 1861 since 1801")
}

// One whose clock is further behind than that of another device of its place is
// heard all the same.
func TestADeviceWhoseClockIsBehindItsNeighbours(t *testing.T) {
	for _, behind := range []int64{45_000, 90_000, 3_500_000} {
		w := twoClocks(t, behind)
		i := slices.IndexFunc(w.verdicts, func(v Verdict) bool { return v.Rule == "gas" })
		if i < 0 || w.verdicts[i].Device != "g/n/b" || w.verdicts[i].Pos > uint64(2*(1800+40)) {
			t.Errorf("%d ms behind: got %s", behind, asJSON(t, w.verdicts))
		}
	}
}

// What a late reading of one device of a place gives is on the charts, too.
func TestALateReadingIsOnTheCharts(t *testing.T) {
	w := newWorld(t, "")
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(twoDetectors)}})
	w.born("g/n/a", 1000, "smoke")
	w.born("g/n/b", 1000, "smoke")
	for s := int64(1); s <= 60; s++ {
		at := t0 + 1000*s
		w.apply(at, reading("g/n/b", "smoke", at, 0))
		w.apply(at+1, reading("g/n/a", "smoke", at-300, 0.01*float64(s)))
	}
	if len(w.e.live()) != 1 {
		t.Fatal("the devices are not looked at together")
	}
	rise := 0.0
	for _, d := range w.derived {
		if d.Device == "g/n/a" && d.Metric == "smoke.rise" {
			rise = max(rise, d.Value)
		}
	}
	if rise < 0.4 {
		t.Errorf("smoke rises to %g on the chart, want 0.4 and more", rise)
	}
}
