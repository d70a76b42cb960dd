package app

import (
	"context"
	"slices"
	"strings"

	"weishao.dev/weishao/devices/life"
	"weishao.dev/weishao/hub/ingest"
	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/web"
)

// inventory is web.Inventory over what the log has shown and what ingest knows
// beside it.
type inventory struct {
	view   *live.View
	ingest *ingest.Ingest
}

func (v inventory) Places(context.Context) ([]web.Place, error) {
	s, states := v.view.Site(), v.view.Places()
	known := make(map[string]*web.Place, len(s.Places))
	add := func(p *site.Place) *web.Place {
		if known[p.ID] == nil {
			known[p.ID] = placeOf(p, states[p.ID])
		}
		return known[p.ID]
	}
	for _, p := range s.Places {
		add(p)
	}
	for _, d := range v.view.Devices() {
		p := add(d.At.Place)
		p.Devices = append(p.Devices, d.ID)
	}
	list := make([]web.Place, 0, len(known))
	for _, id := range sortedKeys(known) {
		list = append(list, *known[id])
	}
	return list, nil
}

// placeOf describes a place; a state that is zero means that nothing was ever
// said of it.
func placeOf(p *site.Place, state live.Place) *web.Place {
	w := &web.Place{ID: p.ID, Name: p.Name, State: web.Normal, Path: []web.Rung{}, Devices: []string{}}
	if p.Zone != nil {
		w.Zone = p.Zone.ID
	}
	if state.State != "" {
		w.State, w.Since, w.Reason = string(state.State), web.Time(state.Since), state.Reason
	}
	for l := p.Level; l != nil; l = l.Parent {
		switch l.Kind {
		case site.Building, site.Unit, site.Dwelling:
			w.Path = append(w.Path, web.Rung{ID: l.ID, Kind: string(l.Kind), Name: l.Name})
		}
	}
	slices.Reverse(w.Path)
	return w
}

func (v inventory) Devices(context.Context) ([]web.Device, error) {
	s, bad := v.view.Site(), v.ingest.BadByDevice()
	devices := v.view.Devices()
	list := make([]web.Device, 0, len(devices))
	for i := range devices {
		list = append(list, deviceOf(s, &devices[i], bad[devices[i].ID]))
	}
	return list, nil
}

func deviceOf(s *site.Site, d *live.Device, bad map[telemetry.Bad]uint64) web.Device {
	w := web.Device{
		ID: d.ID, Node: telemetry.NodeOf(d.ID), Place: d.At.Place.ID, Placement: d.At.Placement, Model: first(d.At.Model, d.Model), Serial: first(d.At.Serial, d.Serial),
		InSite: d.InSite, Online: d.Online, LastSeen: web.Time(d.LastSeen), IntervalMS: intervalOf(s, d),
		Values: []web.Value{}, Bad: counts(bad),
	}
	if t := d.At.Calibrated; !t.IsZero() {
		w.Calibrated = web.Time(t.UnixMilli())
	}
	if t := d.At.EndOfLife; !t.IsZero() {
		w.EndOfLife = web.Time(t.UnixMilli())
	}
	if m, known := life.Of(w.Model); known {
		w.UnreliableClear = m.UnreliableClear
	}
	for _, p := range d.Last {
		w.Values = append(w.Values, valueOf(s.Catalogue, p))
	}
	for _, p := range d.Derived {
		w.Values = append(w.Values, valueOf(s.Catalogue, p))
	}
	return w
}

func valueOf(c *telemetry.Catalogue, p telemetry.Point) web.Value {
	m, _ := c.Lookup(p.Metric)
	return web.Value{Metric: p.Metric, Unit: string(m.Unit), Derived: m.Derived, Time: web.Time(p.Time), Value: p.Value, Quality: p.Quality.String()}
}

// intervalOf is how long a device may be silent: as the site says, or as it
// announced, or as its gateway has it.
func intervalOf(s *site.Site, d *live.Device) int64 {
	if d.At.Interval > 0 {
		return d.At.Interval.Milliseconds()
	}
	if d.IntervalMS > 0 {
		return d.IntervalMS
	}
	if n := s.Nodes[telemetry.NodeOf(d.ID)]; n != nil && n.Interval > 0 {
		return n.Interval.Milliseconds()
	}
	return site.DefaultInterval.Milliseconds()
}

func (v inventory) Nodes(context.Context) ([]web.Node, error) {
	s, known := v.view.Site(), map[string]*web.Node{}
	for _, n := range v.view.Nodes() {
		known[n.ID] = &web.Node{ID: n.ID, Ours: n.Ours, Online: n.Online, Since: web.Time(n.Since), LastSeen: web.Time(n.LastSeen), Forked: n.Forked}
	}
	for _, n := range v.ingest.Nodes() {
		w := known[n.Node]
		if w == nil { // it has said nothing yet that is good
			w = &web.Node{ID: n.Node, Ours: n.Ours, Online: n.Online, Since: web.Time(n.Since)}
			known[n.Node] = w
		}
		w.Config, w.Problem = n.Config, n.ConfigBad
		w.LastSeen, w.Version, w.Bad, w.Pending = max(w.LastSeen, web.Time(n.LastSeen)), n.Version, counts(n.Bad), pending(n)
	}
	for _, d := range v.view.Devices() {
		if n := known[telemetry.NodeOf(d.ID)]; n != nil {
			n.Devices++
		}
	}
	list := make([]web.Node, 0, len(known))
	for _, id := range sortedKeys(known) {
		n := known[id]
		if sn := s.Nodes[id]; sn != nil {
			n.Name = sn.Name
		}
		if n.Bad == nil {
			n.Bad = map[string]int64{}
		}
		list = append(list, *n)
	}
	return list, nil
}

// pending is how many readings a gateway holds that are not committed, as far as
// it has told.
func pending(n ingest.NodeStatus) (sum uint64) {
	for _, r := range n.Runs {
		if r.Next > r.Committed+1 {
			sum += r.Next - 1 - r.Committed
		}
	}
	return sum
}

func (v inventory) Gaps(context.Context) ([]web.Gap, error) {
	gaps := v.ingest.Gaps()
	list := make([]web.Gap, 0, len(gaps))
	for _, g := range gaps {
		list = append(list, web.Gap{Gateway: g.Gateway, Epoch: g.Epoch, Run: g.Run, From: g.From, To: g.To, State: string(g.State), Reason: g.Reason, Since: web.Time(g.Since)})
	}
	return list, nil
}

func (v inventory) Subscribe(ctx context.Context) <-chan web.Supervision {
	in, out := v.view.Subscribe(ctx), make(chan web.Supervision)
	go func() {
		defer close(out)
		for p := range in {
			select {
			case out <- web.Supervision{Place: p.ID, Node: p.Node, State: string(p.State), Reason: p.Reason, Since: web.Time(p.Since)}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func counts(bad map[telemetry.Bad]uint64) map[string]int64 {
	m := make(map[string]int64, len(bad))
	for kind, n := range bad {
		m[string(kind)] = int64(n)
	}
	return m
}

func first(a, b string) string {
	if strings.TrimSpace(a) != "" {
		return a
	}
	return b
}
