package backtest

import (
	"fmt"
	"strings"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry/record"
)

// mostRooms is how many devices a dwelling has at most: a recording of more is of
// none.
const mostRooms = 32

// dwellingZone is the zone of a recording's dwelling. Verdicts name each room's own
// instead, as for any device that no site knows.
const dwellingZone = "recording"

// rooms is the site of a recording that comes without one, when a device or a metric
// is new: a dwelling whose rooms have a device each. It is nil where there is nothing
// to say.
func (r *run) rooms() *record.Site {
	if !r.opts.Dwelling || r.opts.Site != nil || len(r.fresh) == 0 || len(r.met) < 2 || r.crowd {
		return nil
	}
	r.crowd = len(r.met) > mostRooms
	var places, devices []string
	for i, d := range r.met {
		place := fmt.Sprintf("%s-%d", dwellingZone, i+1)
		r.names[place] = d.name
		at := site.Empty().Resolve(d.id, d.placement, d.birth.Metrics, "")
		places = append(places, fmt.Sprintf("{id: %q}", place))
		devices = append(devices, fmt.Sprintf("{id: %q, place: %q, placement: %q}", d.id, place, at.Placement))
	}
	if r.crowd {
		places, devices = nil, nil
	}
	text := fmt.Sprintf("communities: [{id: c, grids: [{id: g, buildings: [{id: b, dwellings: [{id: %s, places: [%s]}]}]}]}]\ndevices: [%s]\n",
		dwellingZone, strings.Join(places, ", "), strings.Join(devices, ", "))
	return &record.Site{Version: fmt.Sprintf("backtest %d", r.seq), File: record.File{Name: "(the recording's dwelling)", Data: []byte(text)}}
}

// alone gives a verdict of the recording's dwelling the zone that its place would
// have without.
func alone(v *rules.Verdict) {
	if v.Zone == dwellingZone {
		v.Zone = v.Place
	}
}
