package web

import (
	"net/http"
	"slices"
	"strings"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/site"
)

// A community has thousands of places. The overview lists up to rowsShown of one
// building, and above manyPlaces in all none that is normal, unless the building
// is asked for. Gaps are listed up to gapsShown; the API has all.
const (
	rowsShown  = 60
	manyPlaces = 600
	gapsShown  = 40
)

// officerView is the overview.
type officerView struct {
	base
	Counts    counts
	Open      []closedRow
	Buildings []buildingView
	All       []Rung // every building, for the filter
	Nodes     []Node
	Gaps      []Gap
	MoreGaps  int
	Duty      []Grid
	State     string // the filters as given
	Building  string
	Find      string
	Empty     bool // there is no place at all
}

// CountBy is the counts by the states' names.
func (v officerView) CountBy() map[string]int {
	return map[string]int{Normal: v.Counts.Normal, Hazard: v.Counts.Hazard, Unsupervised: v.Counts.Unsupervised}
}

// buildingView is one building's places. The one with the empty ID gathers
// places that belong to no building.
type buildingView struct {
	Rung
	Counts counts
	Rows   []placeRow
	Hidden int
}

// placeRow is one place with its devices.
type placeRow struct {
	Place
	Way     []site.Text // below the building
	Devices []deviceChip
}

// deviceChip is one device in a place's row.
type deviceChip struct {
	Device
	Show *Value // the value that says most; nil where there is none
}

func (s *Server) officerPage(w http.ResponseWriter, r *http.Request, u User) error {
	ctx := r.Context()
	p := newParams(r.URL.Query())
	p.get("lang")
	v := officerView{
		base:  s.base(r, &u, "officer", "officer.title"),
		State: p.oneOf("state", allPlaces), Building: p.get("building"), Find: strings.TrimSpace(p.get("q")),
	}
	err := p.err()
	if err != nil {
		return err
	}
	places, err := s.Inventory.Places(ctx)
	if err != nil {
		return err
	}
	devices, err := s.Inventory.Devices(ctx)
	if err != nil {
		return err
	}
	if v.Nodes, err = s.Inventory.Nodes(ctx); err != nil {
		return err
	}
	if v.Gaps, err = s.Inventory.Gaps(ctx); err != nil {
		return err
	}
	if v.Duty, err = s.Duty.OnDuty(ctx); err != nil {
		return err
	}
	v.MoreGaps = max(len(v.Gaps)-gapsShown, 0)
	v.Gaps = v.Gaps[:len(v.Gaps)-v.MoreGaps]
	open, _, err := s.Incidents.List(ctx, incidents.Filter{State: openStates, Limit: maxCards})
	if err != nil {
		return err
	}
	l := lookup{places: make(map[string]Place, len(places))}
	for _, pl := range places {
		l.places[pl.ID] = pl
		v.Counts.add(pl.State)
	}
	slices.SortStableFunc(open, moreUrgent)
	for _, inc := range open {
		row := closedRow{Incident: inc}
		if len(inc.Places) > 0 {
			row.Where = l.where(inc.Places[0])
		}
		v.Open = append(v.Open, row)
	}
	v.Empty = len(places) == 0
	v.group(places, devices)
	return s.render(w, r, http.StatusOK, "officer", v)
}

// group sorts the places that pass the filters into buildings.
func (v *officerView) group(places []Place, devices []Device) {
	at := make(map[string][]Device)
	for _, d := range devices {
		at[d.Place] = append(at[d.Place], d)
	}
	shown := rowsShown
	if len(places) > manyPlaces && v.Find == "" && v.State == "" {
		shown = 0
	}
	index := make(map[string]int)
	for _, p := range places {
		var b Rung
		if len(p.Path) > 0 {
			b = p.Path[0]
		}
		i, ok := index[b.ID]
		if !ok {
			i = len(v.Buildings)
			index[b.ID] = i
			v.Buildings = append(v.Buildings, buildingView{Rung: b})
			if b.ID != "" {
				v.All = append(v.All, b)
			}
		}
		v.Buildings[i].Counts.add(p.State)
		row := newPlaceRow(p, at[p.ID])
		switch {
		case v.State != "" && p.State != v.State, v.Find != "" && !row.matches(v.Find):
		case v.Building == "" && p.State == Normal && len(v.Buildings[i].Rows) >= shown:
			v.Buildings[i].Hidden++
		default:
			v.Buildings[i].Rows = append(v.Buildings[i].Rows, row)
		}
	}
	slices.SortFunc(v.All, func(a, b Rung) int { return strings.Compare(a.Name.Zh, b.Name.Zh) })
	v.Buildings = slices.DeleteFunc(v.Buildings, func(b buildingView) bool {
		return v.Building != "" && b.ID != v.Building || len(b.Rows)+b.Hidden == 0
	})
	slices.SortFunc(v.Buildings, func(a, b buildingView) int {
		if (a.ID == "") != (b.ID == "") { // what the site does not know comes last
			return strings.Compare(b.ID, a.ID)
		}
		return strings.Compare(a.Name.Zh, b.Name.Zh)
	})
	for i := range v.Buildings {
		slices.SortStableFunc(v.Buildings[i].Rows, func(a, b placeRow) int { return slices.Index(urgent, a.State) - slices.Index(urgent, b.State) })
	}
}

// urgent orders the states of places.
var urgent = []string{Hazard, Unsupervised, Normal}

func newPlaceRow(p Place, devices []Device) placeRow {
	row := placeRow{Place: p}
	for _, rung := range p.Path[min(1, len(p.Path)):] {
		row.Way = append(row.Way, rung.Name)
	}
	for _, d := range devices {
		row.Devices = append(row.Devices, deviceChip{d, telling(d.Values)})
	}
	return row
}

// telling picks the value that says most about a device: a measured one before
// a derived one, power before what it is made of.
func telling(values []Value) *Value {
	order := []string{"gas.ch4", "gas.lpg", "co", "smoke", "residual_current", "power", "current", "temperature", "contact"}
	for _, metric := range order {
		for i := range values {
			if values[i].Metric == metric {
				return &values[i]
			}
		}
	}
	if len(values) > 0 {
		return &values[0]
	}
	return nil
}

// matches looks for text in the names and IDs that a row shows.
func (r placeRow) matches(find string) bool {
	find = strings.ToLower(find)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), find) }
	text := func(t site.Text) bool { return has(t.Zh) || has(t.En) }
	if has(r.ID) || text(r.Name) || slices.ContainsFunc(r.Path, func(g Rung) bool { return text(g.Name) }) {
		return true
	}
	return slices.ContainsFunc(r.Devices, func(d deviceChip) bool { return has(d.ID) || has(d.Model) || has(d.Serial) })
}

// Fault reports whether the value is a fault and carries no number.
func (v Value) Fault() bool {
	return slices.Contains([]string{"open", "short", "saturated", "stuck", "no_response", "bad_frame"}, v.Quality)
}
