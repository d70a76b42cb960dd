package web

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/site"
)

// The store has what the pages need, without an adapter.
var _ Incidents = (*incidents.Store)(nil)

func community(buildings, each int) (places []Place, devices []Device) {
	for b := range buildings {
		for i := range each {
			p := Place{ID: fmt.Sprintf("b%03d-%03d", b, i), State: Normal, Path: []Rung{{ID: fmt.Sprintf("b%03d", b), Kind: "building", Name: site.Text{Zh: fmt.Sprintf("%03d号楼", b)}}}}
			places = append(places, p)
			devices = append(devices, Device{ID: "g/n/" + p.ID, Place: p.ID, Values: []Value{{Metric: "power"}, {Metric: "gas.ch4"}}})
		}
	}
	return places, devices
}

func TestOverviewOfManyPlacesListsWhatIsNotNormal(t *testing.T) {
	places, devices := community(100, 100)
	places[777].State, places[778].State = Unsupervised, Hazard
	var v officerView
	v.group(places, devices)
	rows, hidden := 0, 0
	for _, b := range v.Buildings {
		rows += len(b.Rows)
		hidden += b.Hidden
	}
	if len(v.Buildings) != 100 || rows != 2 || hidden != 9998 {
		t.Errorf("%d buildings, %d rows, %d hidden; want 100, 2, 9998", len(v.Buildings), rows, hidden)
	}
	for _, b := range v.Buildings {
		if len(b.Rows) == 2 && b.Rows[0].State != Hazard {
			t.Errorf("the hazard does not come first: %v", b.Rows[0].State)
		}
	}
	asked := officerView{Building: "b005"}
	asked.group(places, devices)
	if len(asked.Buildings) != 1 || len(asked.Buildings[0].Rows) != 100 {
		t.Errorf("one building asked for: %d buildings", len(asked.Buildings))
	}
	found := officerView{Find: "g/n/b042-007"}
	found.group(places, devices)
	if len(found.Buildings) != 1 || len(found.Buildings[0].Rows) != 1 {
		t.Errorf("a device looked for: %d buildings", len(found.Buildings))
	}
	if got := found.Buildings[0].Rows[0].Devices[0].Show.Metric; got != "gas.ch4" {
		t.Errorf("the telling value is %s, want gas.ch4", got)
	}
}

func TestAutoStepGivesAChartItsPoints(t *testing.T) {
	for _, span := range []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 365 * 24 * time.Hour} {
		step := autoStep(span.Milliseconds())
		if n := span.Milliseconds() / step; n > autoPoints {
			t.Errorf("%s: %d points of %d ms", span, n, step)
		}
	}
}

func FuzzBucketIsJSON(f *testing.F) {
	f.Add(1.5, 2.5, 3.5)
	f.Add(math.NaN(), math.Inf(1), math.Inf(-1))
	f.Fuzz(func(t *testing.T, a, b, c float64) {
		raw, err := bucket{Time: 1, Min: a, Mean: b, Max: c, Count: 2}.MarshalJSON()
		if err != nil || !json.Valid(raw) {
			t.Errorf("%g %g %g: %s, %v", a, b, c, raw, err)
		}
	})
}
