package rules

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// nextDoor is a rule about what another place has, with holds on both sides.
const nextDoor = gasRule + `
  - name: next-door
    hazard: smoke
    severity: critical
    when: smoke > 0.1 dB/m and elsewhere(gas_leak)
    message: {zh: 隔壁, en: Next door}
`

// twoDwellings are a kitchen and a bedroom of one dwelling, and a flat below.
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

func dwellings(t testing.TB, rules string) *world {
	w := newWorld(t, rules)
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(twoDwellings)}})
	for _, d := range []string{"kitchen", "bedroom", "below"} {
		w.born("g/n/"+d, 10_000, "smoke", "gas.ch4")
	}
	return w
}

// A rule that looks elsewhere sees the other places of its zone: not its own place,
// and not another dwelling. The other place's rule counts while it is raised: from the
// end of its hold to the end of its clear_hold.
func TestElsewhereIsTheRestOfTheZone(t *testing.T) {
	w := dwellings(t, nextDoor)
	for _, d := range []string{"kitchen", "bedroom", "below"} {
		w.reads("g/n/"+d, "smoke", t0+1000, 0.2)
	}
	w.reads("g/n/kitchen", "gas.ch4", t0+2000, 20)
	w.want()
	w.reads("g/n/kitchen", "gas.ch4", t0+8000, 20)
	w.reads("g/n/bedroom", "smoke", t0+9000, 0.3)
	w.want("raise gas at 7 since 2", "raise next-door at 7 since 7")
	if v := w.verdicts[1]; v.Device != "g/n/bedroom" || v.Place != "bedroom" || v.Metric != "smoke" || v.Value != 0.2 {
		t.Errorf("raised of %s at %s, %s = %g", v.Device, v.Place, v.Metric, v.Value)
	}
	w.reads("g/n/kitchen", "gas.ch4", t0+15_000, 0)
	w.reads("g/n/kitchen", "gas.ch4", t0+26_000, 0)
	w.ticks(t0 + 30_000)
	w.want("raise gas at 7 since 2", "raise next-door at 7 since 7",
		"clear gas at 25 since 2 until 15", "clear next-door at 25 since 7 until 25")
	if got, want := asJSON(t, w.replay().verdicts), asJSON(t, w.verdicts); got != want {
		t.Errorf("a replay says\n%s\nwant\n%s", got, want)
	}
}

// A place of which nothing is known any more keeps its alarm, and so it counts.
func TestAnAlarmElsewhereStandsWhileNothingIsKnown(t *testing.T) {
	w := dwellings(t, nextDoor)
	w.reads("g/n/kitchen", "gas.ch4", t0+1000, 20)
	w.reads("g/n/kitchen", "gas.ch4", t0+8000, 20)
	w.apply(t0+9000, faults("g/n/kitchen", "gas.ch4", t0+9000, telemetry.Open))
	w.reads("g/n/bedroom", "smoke", t0+10_000, 0.2)
	w.want("raise gas at 6 since 1", "raise next-door at 10 since 10")
}

// What a late reading changes at one place it changes at the others.
func TestALateReadingElsewhereRevises(t *testing.T) {
	w := dwellings(t, nextDoor)
	w.reads("g/n/bedroom", "smoke", t0+5000, 0.2)
	w.reads("g/n/bedroom", "smoke", t0+12_000, 0.2)
	w.reads("g/n/kitchen", "gas.ch4", t0+15_000, 20)
	w.reads("g/n/kitchen", "gas.ch4", t0+20_000, 20)
	w.reads("g/n/bedroom", "smoke", t0+21_000, 0.2)
	w.want("raise gas at 20 since 15", "raise next-door at 20 since 20")
	w.apply(t0+22_000, reading("g/n/kitchen", "gas.ch4", t0+3000, 20))
	w.want("raise gas at 20 since 15", "raise next-door at 20 since 20",
		"revised gas at 20 since 3", "revised next-door at 21 since 8")
}

// Readings of two places that come late and out of order, within Lateness, settle to
// the same intervals as those that come in order.
func TestOrderOfArrivalOfTwoPlacesDoesNotMatter(t *testing.T) {
	met := 0
	rapid.Check(t, func(rt *rapid.T) {
		var series []arrivedReading
		devices := map[telemetry.Point]string{}
		add := func(device, metric string, values []float64, n int) {
			at, v := t0, 0
			for range n {
				at += rapid.SampledFrom([]int64{500, 1000, 2000, 7000}).Draw(rt, "step")
				if rapid.IntRange(0, 4).Draw(rt, "other") == 0 {
					v = rapid.IntRange(0, len(values)-1).Draw(rt, "value")
				}
				p := telemetry.Point{Metric: metric, Time: at, Value: values[v]}
				devices[p] = device
				series = append(series, arrivedReading{at + 300, p})
			}
		}
		n := rapid.IntRange(20, 60).Draw(rt, "n")
		add("g/n/kitchen", "gas.ch4", []float64{0, 20}, n)
		add("g/n/bedroom", "smoke", []float64{0, 0.2}, n)
		run := func(list []arrivedReading) *world {
			slices.SortStableFunc(list, func(a, b arrivedReading) int { return cmp.Compare(a.at, b.at) })
			w := dwellings(t, nextDoor)
			for _, r := range list {
				w.ticks(r.at - 1)
				w.apply(r.at, &record.Readings{Device: devices[r.p], Points: []telemetry.Point{r.p}})
			}
			w.ticks(w.now + 60_000)
			end := t0 + 1_000_000
			for i := range int64(20) {
				w.apply(end+i*1000, reading("g/n/kitchen", "gas.ch4", end+i*1000, 0), reading("g/n/bedroom", "smoke", end+i*1000, 0))
			}
			return w
		}
		inOrder := run(slices.Clone(series))
		for i := range series {
			if rapid.IntRange(0, 4).Draw(rt, "late") == 0 {
				series[i].at += rapid.Int64Range(0, Lateness-5000).Draw(rt, "by")
			}
		}
		late := run(series)
		got, want := intervals(late.verdicts), intervals(inOrder.verdicts)
		if !slices.Equal(got, want) {
			rt.Errorf("got\n  %q\nwant\n  %q\nverdicts %s", got, want, asJSON(t, late.says()))
		}
		if strings.Contains(strings.Join(want, " "), "next-door") {
			met++
		}
	})
	if met == 0 {
		t.Error("nothing was ever raised next door")
	}
}

// A rule about other places alone is refused, for it would be raised where nothing
// is; and so is what is no hazard.
func TestElsewhereIsChecked(t *testing.T) {
	for was, c := range map[string][2]string{
		"smoke > 0.1 dB/m and elsewhere(gas_leak)": {"elsewhere(gas_leak)", "r.yaml:15:11: elsewhere asks other places only"},
		"elsewhere(gas_leak)":                      {"elsewhere(gas_leek)", `r.yaml:15:42: elsewhere takes a hazard: one of gas_leak, co, smoke, fire, flying_wire, overload, leakage_current, overheat, fault, not "gas_leek", did you mean "gas_leak"?`},
	} {
		text := strings.Replace(nextDoor, was, c[0], 1)
		_, err := Load(telemetry.NewCatalogue(telemetry.LEL{}), []record.File{{Name: "r.yaml", Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: got %v, want %s", c[0], err, c[1])
		}
	}
}

// Smoke and heat are mostly two devices: together they are a fire where they are in
// one place, though neither is alone. In two places they are not, and neither is
// smoke where the heat is that of a joint of wires.
func TestSmokeAndHeatOfTwoDevices(t *testing.T) {
	for _, c := range []struct{ site, smoke, heat, raised string }{
		{twoDetectors, "g/n/a", "g/n/c", "fire"},
		{twoDwellings, "g/n/kitchen", "g/n/bedroom", ""},
		{strings.Replace(twoDetectors, "g/n/c, place: hall, placement: room_smoke", "g/n/c, place: hall, placement: meter_box", 1), "g/n/a", "g/n/c", ""},
	} {
		w := newWorld(t, "")
		w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(c.site)}})
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
