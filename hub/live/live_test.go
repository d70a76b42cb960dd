package live

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const siteText = `
name: {zh: 北新, en: Beixin}
communities:
  - id: c
    name: {zh: 社区, en: C}
    grids:
      - id: g
        name: {zh: 格, en: G}
        buildings:
          - id: b
            name: {zh: 楼, en: B}
            places:
              - {id: k1, name: {zh: 厨房, en: Kitchen}}
              - {id: k2, name: {zh: 厨房, en: Kitchen}}
devices:
  - {id: g/n/a, place: k1, placement: kitchen_gas}
  - {id: g/n/b, place: k2, placement: kitchen_gas}
`

func siteEntry() *record.Site {
	return &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(siteText)}}
}

func points(metric string, at int64, value float64) []telemetry.Point {
	return []telemetry.Point{{Metric: metric, Time: at, Value: value}}
}

func apply(v *View, arrival int64, entries ...record.Entry) {
	v.Apply(&record.Record{Arrival: arrival, Entries: entries}, nil, nil)
}

func says(v *View, verdicts ...rules.Verdict) { v.Apply(&record.Record{}, verdicts, nil) }

// born is a view with a site of two devices at two places, both heard.
func born() *View {
	v := NewView()
	apply(v, 1000, siteEntry(), &record.NodeBirth{Node: "g/n", Ours: true},
		&record.DeviceBirth{Device: "g/n/a", Metrics: []string{"gas.ch4"}}, &record.DeviceBirth{Device: "g/n/b", Metrics: []string{"gas.ch4"}},
		&record.Readings{Device: "g/n/a", Points: points("gas.ch4", 900, 1)}, &record.Readings{Device: "g/n/b", Points: points("gas.ch4", 900, 1)})
	return v
}

func TestLastValues(t *testing.T) {
	v := born()
	apply(v, 2000, &record.Readings{Device: "g/n/a", Points: points("gas.ch4", 1900, 2)})
	apply(v, 3000, &record.Readings{Device: "g/n/a", Backlog: true, Points: points("gas.ch4", 500, 7)}) // from before
	v.Apply(&record.Record{Arrival: 3000}, nil, []rules.DerivedSample{{Device: "g/n/a", Point: points("gas.leak_likelihood", 1900, 0.4)[0]}})
	d, ok := v.Device("g/n/a")
	if !ok || d.LastSeen != 3000 || !d.Online || !d.InSite || d.At.Place.ID != "k1" {
		t.Errorf("device: %+v", d)
	}
	if diff := cmp.Diff(points("gas.ch4", 1900, 2), d.Last); diff != "" {
		t.Errorf("an older reading went before a newer one:\n%s", diff)
	}
	if diff := cmp.Diff(points("gas.leak_likelihood", 1900, 0.4), d.Derived); diff != "" {
		t.Error(diff)
	}
	apply(v, 4000, &record.Readings{Device: "g/n/a", Points: []telemetry.Point{{Metric: "gas.ch4", Time: 3900, Value: 55, Quality: telemetry.Open}}})
	if d, _ := v.Device("g/n/a"); d.Last[0].Value != 0 || d.Last[0].Quality != telemetry.Open {
		t.Errorf("a fault: %+v, want no value", d.Last[0])
	}
}

func TestUnknownDevices(t *testing.T) {
	v := born()
	apply(v, 2000, &record.DeviceBirth{Device: "x/y/z", Placement: "stair_smoke", Metrics: []string{"smoke"}})
	list := v.Devices()
	if len(list) != 3 || list[2].ID != "x/y/z" || list[2].InSite || list[2].At.Placement != "stair_smoke" || list[2].At.Place.ID != "x/y/z" {
		t.Errorf("got %+v", list)
	}
	if _, ok := v.Device("no/such/device"); ok {
		t.Error("a device that nobody has heard of is known")
	}
}

func TestNodeDeathTakesItsDevicesAlong(t *testing.T) {
	v := born()
	apply(v, 5000, &record.NodeDeath{Node: "g/n"})
	if n := v.Nodes()[0]; n.Online || n.Since != 5000 {
		t.Errorf("gateway: %+v", n)
	}
	// What it had kept comes while it is back only in its backlog's word.
	apply(v, 6000, &record.Readings{Device: "g/n/a", Backlog: true, Points: points("gas.ch4", 4000, 1)})
	if d, _ := v.Device("g/n/a"); d.Online {
		t.Error("a reading of long ago brought a dead device back")
	}
	apply(v, 7000, &record.NodeBirth{Node: "g/n", Ours: true}, &record.DeviceBirth{Device: "g/n/a", Metrics: []string{"gas.ch4"}})
	if d, _ := v.Device("g/n/a"); !d.Online {
		t.Error("a device that was born again is not online")
	}
	if d, _ := v.Device("g/n/b"); d.Online {
		t.Error("a device that was not born again is online")
	}
}

func gas(event rules.Event, onset, cleared int64) rules.Verdict {
	return rules.Verdict{ID: "gas", Event: event, Hazard: rules.GasLeak, Time: onset, Onset: onset, Cleared: cleared, Place: "k1", Device: "g/n/a"}
}

func silent(event rules.Event, onset, cleared int64) rules.Verdict {
	return rules.Verdict{ID: "silent", Event: event, Hazard: rules.Unsupervised, Time: onset, Onset: onset, Cleared: cleared, Node: "g/n", Places: []string{"k1", "k2"}, Reason: "gateway dead"}
}

// A place is what holds there: a hazard before missing supervision, and normal
// since the last of it ended.
func TestPlaceStates(t *testing.T) {
	fault := rules.Verdict{ID: "fault", Event: rules.Raise, Hazard: rules.FaultHazard, Onset: 1, Place: "k1", Device: "g/n/a"}
	over := gas(rules.Raise, 50, 60)
	over.Over = true
	back := gas(rules.Revised, 80, 0)
	for _, c := range []struct {
		name   string
		says   []rules.Verdict
		k1, k2 Place
	}{
		{"nothing", nil, Place{ID: "k1", State: Normal}, Place{ID: "k2", State: Normal}},
		{"a hazard", []rules.Verdict{gas(rules.Raise, 100, 0)}, Place{ID: "k1", State: Hazard, Since: 100}, Place{ID: "k2", State: Normal}},
		{"a hazard that ended", []rules.Verdict{gas(rules.Raise, 100, 0), gas(rules.Clear, 100, 200)}, Place{ID: "k1", State: Normal, Since: 200}, Place{ID: "k2", State: Normal}},
		{"a dead gateway", []rules.Verdict{silent(rules.Raise, 100, 0)},
			Place{"k1", Unsupervised, 100, "gateway dead", "g/n"}, Place{"k2", Unsupervised, 100, "gateway dead", "g/n"}},
		{"a hazard on a dead gateway", []rules.Verdict{silent(rules.Raise, 100, 0), gas(rules.Raise, 150, 0)},
			Place{ID: "k1", State: Hazard, Since: 150}, Place{"k2", Unsupervised, 100, "gateway dead", "g/n"}},
		{"the hazard ended, the gateway is dead still", []rules.Verdict{silent(rules.Raise, 100, 0), gas(rules.Raise, 150, 0), gas(rules.Clear, 150, 180)},
			Place{"k1", Unsupervised, 100, "gateway dead", "g/n"}, Place{"k2", Unsupervised, 100, "gateway dead", "g/n"}},
		{"all over", []rules.Verdict{silent(rules.Raise, 100, 0), gas(rules.Raise, 150, 0), silent(rules.Clear, 100, 160), gas(rules.Clear, 150, 180)},
			Place{ID: "k1", State: Normal, Since: 180}, Place{ID: "k2", State: Normal, Since: 160}},
		{"a fault is the sensor's", []rules.Verdict{fault}, Place{ID: "k1", State: Normal}, Place{ID: "k2", State: Normal}},
		{"over when it was found", []rules.Verdict{over}, Place{ID: "k1", State: Normal}, Place{ID: "k2", State: Normal}},
		{"revised to have ended", []rules.Verdict{gas(rules.Raise, 100, 0), gas(rules.Revised, 100, 120)}, Place{ID: "k1", State: Normal, Since: 120}, Place{ID: "k2", State: Normal}},
		{"revised to begin earlier", []rules.Verdict{gas(rules.Raise, 100, 0), back}, Place{ID: "k1", State: Hazard, Since: 80}, Place{ID: "k2", State: Normal}},
		{"revised to hold again", []rules.Verdict{gas(rules.Raise, 100, 0), gas(rules.Clear, 100, 120), gas(rules.Revised, 100, 0)},
			Place{ID: "k1", State: Hazard, Since: 100}, Place{ID: "k2", State: Normal}},
		{"the end of what was never said", []rules.Verdict{gas(rules.Clear, 100, 120)}, Place{ID: "k1", State: Normal}, Place{ID: "k2", State: Normal}},
	} {
		v := born()
		says(v, c.says...)
		if diff := cmp.Diff([]Place{c.k1, c.k2}, []Place{v.Place("k1"), v.Place("k2")}); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

// A device is online when it is not dead and nobody calls it unsupervised: by
// its own verdict, its gateway's, or its place's.
func TestOnline(t *testing.T) {
	own := rules.Verdict{ID: "x", Event: rules.Raise, Hazard: rules.Unsupervised, Place: "k1", Device: "g/n/a", Reason: "silent"}
	place := rules.Verdict{ID: "x", Event: rules.Raise, Hazard: rules.Unsupervised, Place: "k2"}
	for _, c := range []struct {
		name string
		say  rules.Verdict
		a, b bool
	}{
		{"nothing", rules.Verdict{ID: "x", Event: rules.Clear}, true, true},
		{"device", own, false, true},
		{"gateway", silent(rules.Raise, 1, 0), false, false},
		{"place", place, true, false},
		{"hazard", gas(rules.Raise, 1, 0), true, true},
	} {
		v := born()
		says(v, c.say)
		list := v.Devices()
		if list[0].Online != c.a || list[1].Online != c.b {
			t.Errorf("%s: online %t and %t, want %t and %t", c.name, list[0].Online, list[1].Online, c.a, c.b)
		}
	}
}

func TestSubscribe(t *testing.T) {
	v := born()
	changes := v.Subscribe(t.Context())
	says(v, gas(rules.Raise, 100, 0))
	if got := <-changes; got != (Place{ID: "k1", State: Hazard, Since: 100}) {
		t.Errorf("got %+v", got)
	}
	says(v, gas(rules.Raise, 100, 0)) // the same again is no change
	says(v, silent(rules.Raise, 300, 0))
	if got := <-changes; got.ID != "k2" || got.State != Unsupervised {
		t.Errorf("got %+v, want the place that changed", got)
	}
}

// A subscriber that does not read holds up nobody, and finds the last state of
// every place when it does.
func TestASlowSubscriberMissesNoPlace(t *testing.T) {
	v := born()
	changes := v.Subscribe(t.Context())
	for i := range int64(1000) {
		says(v, gas(rules.Raise, 100+i, 0))
		says(v, gas(rules.Clear, 100+i, 200+i))
	}
	says(v, gas(rules.Raise, 5000, 0), silent(rules.Raise, 5000, 0))
	last := map[string]Place{}
	for last["k1"].Since != 5000 || last["k2"].Since != 5000 {
		p := <-changes
		last[p.ID] = p
	}
	if last["k1"].State != Hazard || last["k2"].State != Unsupervised {
		t.Errorf("got %+v", last)
	}
}

func TestSnapshot(t *testing.T) {
	v := born()
	holds := gas(rules.Raise, 300, 0)
	says(v, silent(rules.Raise, 100, 0), silent(rules.Clear, 100, 200), holds)
	b, err := v.Freeze().Encode()
	if err != nil {
		t.Fatal(err)
	}
	w := NewView()
	if err := w.Restore(b); err != nil {
		t.Fatal(err)
	}
	w.SetSite(v.Site())
	w.SetActive([]rules.Verdict{holds})
	if diff := cmp.Diff(v.Places(), w.Places()); diff != "" {
		t.Errorf("places:\n%s", diff)
	}
	same := func(a, b Device) bool {
		return a.ID == b.ID && a.Online == b.Online && a.LastSeen == b.LastSeen && slices.Equal(a.Metrics, b.Metrics) && slices.Equal(a.Last, b.Last) && a.At.Place.ID == b.At.Place.ID
	}
	if !slices.EqualFunc(v.Devices(), w.Devices(), same) {
		t.Errorf("devices: got %+v\nwant %+v", w.Devices(), v.Devices())
	}
	if diff := cmp.Diff(v.Nodes(), w.Nodes()); diff != "" {
		t.Errorf("gateways:\n%s", diff)
	}
	if err := NewView().Restore([]byte("{")); err == nil {
		t.Error("a torn snapshot was taken")
	}
}

// At full rate the view is one of many things that a reading costs.
func BenchmarkApply(b *testing.B) {
	v := NewView()
	rec := &record.Record{Arrival: 1}
	for i := range 1000 {
		d := "g/n/" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		r := &record.Readings{Device: d}
		for _, m := range []string{"power", "current", "voltage", "power_factor", "frequency"} {
			r.Points = append(r.Points, points(m, 1, 1)[0], points(m, 2, 1)[0])
		}
		rec.Entries = append(rec.Entries, r)
	}
	n := 0
	for b.Loop() {
		v.Apply(rec, nil, nil)
		n += 10_000
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/reading")
}
