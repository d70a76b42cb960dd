package app

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/hub/ingest"
	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/web"
)

const inventorySite = `
name: {zh: 北新, en: Beixin}
communities:
  - id: c
    name: {zh: 社区, en: C}
    grids:
      - id: g
        name: {zh: 格, en: G}
        buildings:
          - id: b17
            name: {zh: 17号楼, en: Building 17}
            units:
              - id: b17-1
                name: {zh: 1单元, en: Unit 1}
                dwellings:
                  - id: b17-301
                    name: {zh: 301室, en: "301"}
                    places: [{id: k301, name: {zh: 厨房, en: Kitchen}}]
nodes: [{id: g/n, name: {zh: 网关, en: Gateway}, interval: 20s}]
devices:
  - {id: g/n/d, place: k301, placement: kitchen_gas, model: MQ-4, calibrated: 2026-01-01}
`

func TestPlaceAndDeviceOfTheSite(t *testing.T) {
	s, err := site.Load("site.yaml", []byte(inventorySite))
	if err != nil {
		t.Fatal(err)
	}
	p := placeOf(s.Places["k301"], live.Place{ID: "k301", State: live.Unsupervised, Since: 5, Reason: "silent"})
	want := &web.Place{
		ID: "k301", Name: site.Text{Zh: "厨房", En: "Kitchen"}, Zone: "b17-301", State: web.Unsupervised, Since: 5, Reason: "silent", Devices: []string{},
		Path: []web.Rung{{ID: "b17", Kind: "building", Name: site.Text{Zh: "17号楼", En: "Building 17"}}, {ID: "b17-1", Kind: "unit", Name: site.Text{Zh: "1单元", En: "Unit 1"}},
			{ID: "b17-301", Kind: "dwelling", Name: site.Text{Zh: "301室", En: "301"}}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("place:\n%s", diff)
	}

	d := live.Device{ID: "g/n/d", Model: "as announced", Serial: "0042", IntervalMS: 3000, LastSeen: 7, Online: true, InSite: true, At: s.Devices["g/n/d"],
		Last:    []telemetry.Point{{Metric: "gas.ch4", Time: 6, Value: 3, Quality: telemetry.Suspect}},
		Derived: []telemetry.Point{{Metric: "gas.leak_likelihood", Time: 6, Value: 0.5}}}
	w := deviceOf(s, &d, map[telemetry.Bad]uint64{telemetry.BadNaN: 2})
	if w.Place != "k301" || w.Placement != "kitchen_gas" || w.Model != "MQ-4" || w.Serial != "0042" || w.IntervalMS != 3000 || w.Node != "g/n" || w.Bad["nan"] != 2 {
		t.Errorf("device: %+v", w)
	}
	if !w.UnreliableClear {
		t.Error("an MQ-4's low reading proves nothing, and the page does not say so")
	}
	if got := time.UnixMilli(int64(w.Calibrated)).In(s.Location).Format(time.DateOnly); got != "2026-01-01" || w.EndOfLife != 0 {
		t.Errorf("calibrated %s, end of life %d", got, w.EndOfLife)
	}
	values := []web.Value{{Metric: "gas.ch4", Unit: "%LEL", Time: 6, Value: 3, Quality: "suspect"}, {Metric: "gas.leak_likelihood", Unit: "1", Derived: true, Time: 6, Value: 0.5, Quality: "good"}}
	if diff := cmp.Diff(values, w.Values); diff != "" {
		t.Errorf("values:\n%s", diff)
	}
	d.IntervalMS = 0
	if got := intervalOf(s, &d); got != 20_000 {
		t.Errorf("interval %d ms, want the gateway's 20 s", got)
	}
}

func TestPending(t *testing.T) {
	n := ingest.NodeStatus{Runs: []ingest.RunStatus{{Committed: 10, Next: 11}, {Committed: 3, Next: 9}, {Committed: 0, Next: 0}}}
	if got := pending(n); got != 5 {
		t.Errorf("got %d, want the five between 3 and 9", got)
	}
}
