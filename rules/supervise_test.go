package rules

import (
	"slices"
	"strings"
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const threePlaces = `
communities:
  - id: c
    grids:
      - id: grid
        buildings:
          - id: b
            places:
              - {id: p1, name: {zh: 一, en: One}}
              - {id: p2, name: {zh: 二, en: Two}}
              - {id: p3, name: {zh: 三, en: Three}}
devices:
  - {id: g/n/a, place: p1, placement: kitchen_gas, interval: 10s}
  - {id: g/n/b, place: p2, placement: kitchen_gas, interval: 10s}
  - {id: g/n/c, place: p3, placement: kitchen_gas, interval: 60s}
`

func threeDevices(t *testing.T) *world {
	w := newWorld(t, gasRule)
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(threePlaces)}})
	w.apply(t0, &record.NodeBirth{Node: "g/n", Ours: true})
	for _, d := range []string{"g/n/a", "g/n/b", "g/n/c"} {
		w.born(d, 0, "gas.ch4")
	}
	return w
}

// all lets a minute pass in which the named devices read once in 10 s.
func (w *world) all(seconds int64, devices ...string) {
	w.t.Helper()
	for end := w.now + seconds*1000; w.now < end; {
		at := w.now + 10_000
		w.ticks(at - 1000)
		var entries []record.Entry
		for _, d := range devices {
			entries = append(entries, reading(d, "gas.ch4", at, 1))
		}
		w.apply(at, append(entries, &record.Tick{})...)
	}
}

// Within twice its interval plus 10 s a silent device makes its place unsupervised;
// that it speaks again ends it.
func TestASilentDevice(t *testing.T) {
	w := threeDevices(t)
	w.all(60, "g/n/a", "g/n/b", "g/n/c")
	w.all(60, "g/n/a", "g/n/c")
	v := w.verdicts
	if len(v) != 1 || v[0].Hazard != Unsupervised || v[0].Place != "p2" || v[0].Device != "g/n/b" || v[0].Reason != "silent" {
		t.Fatalf("%s", asJSON(t, v))
	}
	if late := v[0].Time - (t0 + 60_000); late > 2*10_000+10_000 {
		t.Errorf("found after %d ms, want at most 30,000", late)
	}
	w.all(10, "g/n/a", "g/n/b", "g/n/c")
	if last := w.verdicts[len(w.verdicts)-1]; last.Event != Clear || last.ID != v[0].ID {
		t.Errorf("it speaks again: %s", asJSON(t, last))
	}
}

// A dead gateway is one verdict that lists its places, whether it says goodbye or not.
func TestADeadGatewayIsOneVerdict(t *testing.T) {
	for _, silent := range []bool{false, true} {
		w := threeDevices(t)
		w.all(60, "g/n/a", "g/n/b", "g/n/c")
		w.all(10, "g/n/a") // and then no more: b has been silent for longer
		if !silent {
			w.apply(w.now, &record.NodeDeath{Node: "g/n"})
		}
		w.ticks(w.now + 300_000)
		v := w.verdicts
		if len(v) != 1 || v[0].Node != "g/n" || !slices.Equal(v[0].Places, []string{"p1", "p2", "p3"}) {
			t.Errorf("silent %v: %s", silent, asJSON(t, v))
		}
		w.apply(w.now, &record.NodeBirth{Node: "g/n", Ours: true})
		w.all(60, "g/n/a", "g/n/b", "g/n/c")
		if len(w.verdicts) != 2 || w.verdicts[1].Event != Clear {
			t.Errorf("silent %v, and back: %s", silent, asJSON(t, w.verdicts))
		}
	}
}

// A device that the site names and nobody ever heard is not taken for well.
func TestADeviceThatWasNeverHeard(t *testing.T) {
	w := newWorld(t, gasRule)
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(threePlaces)}})
	w.ticks(t0 + 120_000)
	if len(w.verdicts) != 1 || w.verdicts[0].Node != "g/n" || len(w.verdicts[0].Places) != 3 {
		t.Errorf("%s", asJSON(t, w.verdicts))
	}
}

// When the hub itself was away, the silence was its own.
func TestTheHubsOwnAbsenceIsNobodysSilence(t *testing.T) {
	w := threeDevices(t)
	w.all(60, "g/n/a", "g/n/b", "g/n/c")
	w.now += 600_000
	w.apply(w.now, &record.Tick{})
	w.ticks(w.now + 20_000)
	w.all(60, "g/n/a", "g/n/b", "g/n/c")
	w.want()
}

func TestACertificateOfDeathIsSilenceAtOnce(t *testing.T) {
	w := threeDevices(t)
	w.all(20, "g/n/a", "g/n/b", "g/n/c")
	w.apply(w.now, &record.DeviceDeath{Device: "g/n/b"})
	w.want("raise unsupervised (device dead) at 20 since 20")
}

func TestFaults(t *testing.T) {
	w := threeDevices(t)
	at := t0 + 10_000
	for ; at < t0+60_000; at += 10_000 {
		w.ticks(at - 1000)
		w.apply(at, faults("g/n/a", "gas.ch4", at, telemetry.Open), reading("g/n/b", "gas.ch4", at, 1), reading("g/n/c", "gas.ch4", at, 1), &record.Tick{})
	}
	v := w.verdicts
	if len(v) != 1 || v[0].Hazard != FaultHazard || v[0].Reason != "open" || v[0].Severity != Minor || v[0].Device != "g/n/a" {
		t.Fatalf("%s", asJSON(t, v))
	}
	w.all(120, "g/n/a", "g/n/b", "g/n/c")
	if len(w.verdicts) != 2 || w.verdicts[1].Event != Clear {
		t.Errorf("%s", asJSON(t, w.verdicts))
	}
	// At the end of its range a sensor may see the worst there is.
	w.apply(w.now+1000, faults("g/n/a", "gas.ch4", w.now, telemetry.Saturated))
	w.ticks(w.now + 7000)
	if last := w.verdicts[len(w.verdicts)-1]; last.Reason != "saturated" || last.Severity != Major {
		t.Errorf("%s", asJSON(t, last))
	}
}

func TestAClonedCardIsReported(t *testing.T) {
	w := threeDevices(t)
	w.apply(w.now, &record.NodeBirth{Node: "g/n", Ours: true, Forked: true})
	if v := w.verdicts; len(v) != 1 || v[0].Hazard != FaultHazard || v[0].Reason != "forked" || v[0].Node != "g/n" {
		t.Errorf("%s", asJSON(t, v))
	}
}

// Changing one rule, or the site, resets no other rule; what is gone is cleared.
func TestAChangeOfRulesResetsNoOther(t *testing.T) {
	const other = `
  - name: other
    hazard: co
    severity: major
    when: gas.ch4 > 1 %LEL
    message: {zh: 他, en: Other}
`
	rulesOf := func(version, text string) *record.Rules {
		return &record.Rules{Version: version, Files: []record.File{{Name: "r.yaml", Data: []byte(text)}}}
	}
	w := newWorld(t, gasRule+other)
	w.born("g/n/d", 1000, "gas.ch4")
	for i := int64(1); i <= 3; i++ {
		w.reads("g/n/d", "gas.ch4", t0+i*1000, 12)
	}
	w.want("raise other at 1 since 1")
	w.apply(t0+3500, rulesOf("2", gasRule))
	w.want("raise other at 1 since 1", "clear other at 3.5 since 1 until 3.5")
	for i := int64(4); i <= 6; i++ {
		w.reads("g/n/d", "gas.ch4", t0+i*1000, 12)
	}
	if got := w.says(); got[len(got)-1] != "raise gas at 6 since 1" {
		t.Errorf("the hold began anew: %q", got)
	}
	w.apply(t0+6500, rulesOf("3", strings.Replace(gasRule, "10 %LEL", "11 %LEL", 1)))
	w.reads("g/n/d", "gas.ch4", t0+7000, 12)
	if got := w.says(); got[len(got)-1] != "raise gas at 6 since 1" || len(w.e.Active()) != 1 {
		t.Errorf("a changed limit ended an alarm that still holds: %q", got)
	}
	if got, want := asJSON(t, w.replay().verdicts), asJSON(t, w.verdicts); got != want {
		t.Errorf("a replay says\n%s\nwant\n%s", got, want)
	}
	bad := &record.Record{Seq: w.seq + 1, Arrival: w.now, Entries: []record.Entry{rulesOf("4", "rules: [")}}
	if err := w.e.Apply(bad, w); err == nil || len(w.e.Active()) != 1 {
		t.Errorf("a pack that does not load: %v, %d raises hold", err, len(w.e.Active()))
	}
}

// A hub that starts again, however soon, takes nobody's silence for a death: they
// may have spoken while it was not there.
func TestAHubThatWasAwayCallsNobodySilent(t *testing.T) {
	w := threeDevices(t)
	w.all(60, "g/n/a", "g/n/b", "g/n/c")
	w.apply(w.now+9_000, &record.Resumed{})
	w.ticks(w.now + 25_000)
	w.all(60, "g/n/a", "g/n/b", "g/n/c")
	if len(w.verdicts) != 0 {
		t.Errorf("got %s, want nothing", asJSON(t, w.verdicts))
	}
}

// Two records of one millisecond are not an absence of the hub.
func TestRecordsOfOneMillisecondExcuseNobody(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 1000, "gas.ch4")
	w.reads("g/n/d", "gas.ch4", t0+1000, 1)
	for w.now < t0+15_000 {
		w.apply(w.now+1000, &record.Tick{})
		w.apply(w.now, &record.Tick{})
	}
	w.want("raise unsupervised (silent) at 10 since 1")
}

// A fast device that dies makes its gateway silent only until the next, slower one
// is heard; from then on the silence is its own.
func TestADeadDeviceDoesNotSilenceItsGatewayAgainAndAgain(t *testing.T) {
	w := threeDevices(t)
	w.all(120, "g/n/a", "g/n/b", "g/n/c")
	for range 10 {
		w.ticks(w.now + 59_000)
		w.apply(w.now+1000, reading("g/n/c", "gas.ch4", w.now+1000, 1), &record.Tick{})
	}
	w.want("raise unsupervised (gateway silent) at 139 since 120", "clear unsupervised at 180 since 120 until 180",
		"raise unsupervised (silent) at 207 since 120", "raise unsupervised (silent) at 207 since 120")
	w.ticks(w.now + 200_000)
	w.all(60, "g/n/a", "g/n/b", "g/n/c")
	if n := len(w.e.Active()); n != 0 {
		t.Errorf("%d raises hold: %q", n, w.says())
	}
}

// A device that was taken away and out of the site is missed no more; one that still
// speaks is watched on.
func TestADeviceThatWasTakenOutOfTheSite(t *testing.T) {
	w := threeDevices(t)
	w.all(60, "g/n/a", "g/n/b", "g/n/c")
	w.all(60, "g/n/a", "g/n/c")
	without := func(version string, ids ...string) {
		text := ""
		for line := range strings.Lines(threePlaces) {
			if !slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(line, id) }) {
				text += line
			}
		}
		w.apply(w.now, &record.Site{Version: version, File: record.File{Name: "site.yaml", Data: []byte(text)}})
	}
	without("2", "g/n/b", "g/n/c")
	w.want("raise unsupervised (silent) at 87 since 60", "clear unsupervised at 120 since 60 until 120")
	if w.e.byID["g/n/b"] != nil || w.e.byID["g/n/c"] == nil {
		t.Error("the wrong device was forgotten")
	}
	w.apply(w.now, &record.NodeDeath{Node: "g/n"})
	without("3", "g/n/a", "g/n/b", "g/n/c")
	w.ticks(w.now + 300_000)
	if n := len(w.e.Active()); n != 1 { // c was never said to be gone
		t.Errorf("%d raises hold: %q", n, w.says())
	}
	if got, want := asJSON(t, w.replay().verdicts), asJSON(t, w.verdicts); got != want {
		t.Errorf("a replay says\n%s\nwant\n%s", got, want)
	}
}

func TestAFaultEndsWithItsMetric(t *testing.T) {
	w := newWorld(t, gasRule)
	w.born("g/n/d", 60_000, "gas.ch4", "temperature")
	for range 4 {
		w.apply(w.now+10_000, faults("g/n/d", "temperature", w.now, telemetry.Open), reading("g/n/d", "gas.ch4", w.now, 1), &record.Tick{})
	}
	w.born("g/n/d", 60_000, "gas.ch4")
	for range 7 {
		w.apply(w.now+10_000, reading("g/n/d", "gas.ch4", w.now, 1), &record.Tick{})
	}
	w.want("raise fault (open) at 40 since 10", "clear fault at 100 since 10 until 100")
}
