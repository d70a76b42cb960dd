package rules

import (
	"slices"
	"strings"
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const nextDoor = `
rules:
  - name: next-door
    hazard: fire
    severity: critical
    when: smoke > 0.1 dB/m and elsewhere(temperature > 50 °C)
    clear: smoke < 0.05 dB/m
    message: {zh: 火, en: Fire}
`

// twoDwellings are a kitchen and a bedroom that burn together, and a flat below.
const twoDwellings = `
communities:
  - id: c
    grids:
      - id: grid
        buildings:
          - id: b
            units:
              - id: u
                dwellings:
                  - {id: "301", places: [{id: kitchen}, {id: bedroom}]}
                  - {id: "201", places: [{id: below}]}
devices:
  - {id: g/n/kitchen, place: kitchen, placement: room_smoke}
  - {id: g/n/bedroom, place: bedroom, placement: room_smoke}
  - {id: g/n/below, place: below, placement: room_smoke}
`

func dwellings(t *testing.T, rules string) *world {
	w := newWorld(t, rules)
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(twoDwellings)}})
	for _, d := range []string{"kitchen", "bedroom", "below"} {
		w.born("g/n/"+d, 1000, "smoke", "temperature")
	}
	return w
}

// A rule that looks elsewhere sees the other places of its zone: not its own place,
// and not another dwelling.
func TestElsewhereIsTheRestOfTheZone(t *testing.T) {
	w := dwellings(t, nextDoor)
	for _, d := range []string{"kitchen", "bedroom", "below"} {
		w.reads("g/n/"+d, "smoke", t0+1000, 0.2)
	}
	w.reads("g/n/bedroom", "temperature", t0+2000, 20)
	w.reads("g/n/below", "temperature", t0+2100, 60)
	w.want()
	w.reads("g/n/kitchen", "temperature", t0+2200, 60)
	w.want("raise next-door at 2.2 since 2.2")
	v := w.verdicts[0]
	if v.Device != "g/n/bedroom" || v.Place != "bedroom" || v.Metric != "smoke" || v.Value != 0.2 || v.Threshold != 0.1 {
		t.Errorf("raised of %s at %s, %s %g over %g", v.Device, v.Place, v.Metric, v.Value, v.Threshold)
	}
	var burning bool
	for _, e := range v.Evidence {
		burning = burning || e == Evidence{Device: "g/n/kitchen", Metric: "temperature", Time: t0 + 2200, Value: 60}
	}
	if !burning {
		t.Errorf("the kitchen's heat is not among the evidence: %s", asJSON(t, v.Evidence))
	}
	w.reads("g/n/bedroom", "smoke", t0+3000, 0)
	w.want("raise next-door at 2.2 since 2.2", "clear next-door at 3 since 2.2 until 3")
}

// What is not known elsewhere raises nothing, and neither does a zone of one place.
func TestElsewhereUnknown(t *testing.T) {
	w := dwellings(t, nextDoor)
	w.reads("g/n/kitchen", "temperature", t0+1000, 60)
	w.apply(t0+1100, faults("g/n/kitchen", "temperature", t0+1100, telemetry.Open))
	w.reads("g/n/bedroom", "smoke", t0+1200, 0.2)
	w.reads("g/n/below", "smoke", t0+1300, 0.2)
	w.reads("g/n/below", "temperature", t0+1400, 60)
	w.want()
	w.reads("g/n/kitchen", "temperature", t0+1500, 60)
	w.want("raise next-door at 1.5 since 1.5")
}

// Only the zones that a rule looks about in are evaluated as one; and what was raised
// stays when a change of rules takes the zone apart.
func TestZonesAreJoinedWhereARuleLooks(t *testing.T) {
	keys := func(w *world) string {
		var list []string
		for _, c := range w.e.live() {
			list = append(list, c.key())
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	both := nextDoor + strings.Replace(strings.TrimPrefix(gasRule, "\nrules:\n"), "gas.ch4 > 10 %LEL", "temperature > 50 °C", 1)
	both = strings.Replace(both, "gas.ch4 < 5 %LEL", "temperature < 40 °C", 1)
	w := dwellings(t, both)
	if got := keys(w); got != "d:g/n/below z:301" {
		t.Errorf("cells %s", got)
	}
	w.reads("g/n/kitchen", "temperature", t0+1000, 60)
	w.ticks(t0 + 8000)
	w.want("raise gas at 6 since 1")
	alone := "\nrules:\n" + both[strings.Index(both, "  - name: gas"):]
	w.apply(t0+8500, &record.Rules{Version: "2", Files: []record.File{{Name: "test.yaml", Data: []byte(alone)}}})
	if got := keys(w); got != "d:g/n/bedroom d:g/n/below d:g/n/kitchen" {
		t.Errorf("cells %s", got)
	}
	w.want("raise gas at 6 since 1")
}

// A rule about other places alone is refused: it would be raised where nothing is.
func TestElsewhereAloneIsRefused(t *testing.T) {
	text := strings.Replace(nextDoor, "smoke > 0.1 dB/m and elsewhere", "elsewhere", 1)
	_, err := Load(telemetry.NewCatalogue(telemetry.LEL{}), []record.File{{Name: "r.yaml", Data: []byte(text)}})
	if err == nil || !strings.Contains(err.Error(), "r.yaml:6:11: elsewhere asks other places of the zone only") {
		t.Errorf("got %v", err)
	}
}

// Smoke and heat are mostly two devices: together they are a fire where they are in
// one place, though neither is alone. In two places they are not.
func TestSmokeAndHeatOfTwoDevices(t *testing.T) {
	for _, c := range []struct{ smoke, heat, raised string }{
		{"g/n/a", "g/n/c", "fire"}, {"g/n/kitchen", "g/n/below", ""},
	} {
		w := newWorld(t, "")
		w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(twoDetectors)}})
		w.born(c.smoke, 1000, "smoke")
		w.born(c.heat, 1000, "temperature")
		for s := range int64(40) {
			at := t0 + 1000*s
			x := float64(max(s-20, 0))
			w.apply(at, reading(c.smoke, "smoke", at, 0.006*x), reading(c.heat, "temperature", at, 20+0.4*x))
		}
		got := ""
		for _, v := range w.verdicts {
			got += v.Rule
			if v.Device != c.smoke || len(v.Evidence) < 2 {
				t.Errorf("raised of %s with %s", v.Device, asJSON(t, v.Evidence))
			}
		}
		if got != c.raised {
			t.Errorf("smoke of %s, heat of %s: raised %q, want %q", c.smoke, c.heat, got, c.raised)
		}
	}
}
