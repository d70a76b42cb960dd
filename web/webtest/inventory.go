package webtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"weishao.dev/weishao/site"
	"weishao.dev/weishao/web"
)

// room is one place of the made-up buildings with the placement of its device.
type room struct {
	id, placement string
	name          site.Text
}

func (w *World) buildings() {
	kitchen, stair, corridor := text("厨房", "Kitchen"), text("楼梯间", "Stairwell"), text("楼道", "Corridor")
	meter, shed := text("电表箱", "Meter box"), text("车棚", "Bike shed")
	for b, rooms := range map[int][]room{
		17: {{"1-101-kitchen", "kitchen_gas", kitchen}, {"1-202-kitchen", "kitchen_gas", kitchen}, {"1-corridor-2", "corridor_socket", corridor}, {"2-301-kitchen", "kitchen_gas", kitchen}, {"2-402-kitchen", "kitchen_gas", kitchen}, {"2-stair-3", "stair_smoke", stair}, {"meter", "meter_box", meter}},
		18: {{"1-stair-3", "stair_smoke", stair}, {"1-102-kitchen", "kitchen_gas", kitchen}, {"1-501-kitchen", "kitchen_gas", kitchen}, {"1-corridor-4", "corridor_socket", corridor}, {"meter", "meter_box", meter}, {"shed", "bike_shed", shed}},
		19: {{"1-stair-1", "stair_smoke", stair}, {"1-101-kitchen", "kitchen_gas", kitchen}, {"1-202-kitchen", "kitchen_gas", kitchen}, {"shed", "bike_shed", shed}},
	} {
		for _, r := range rooms {
			w.addPlace(b, r)
		}
	}
	w.places = append(w.places, web.Place{ID: "beixin/gw-1/new-7", State: web.Normal, Devices: []string{"beixin/gw-1/new-7"}})
	w.devices = append(w.devices, web.Device{ID: "beixin/gw-1/new-7", Node: "beixin/gw-1", Place: "beixin/gw-1/new-7", Placement: "room_smoke", Online: true, LastSeen: web.Time(w.Start), Values: w.values("room_smoke")})
	slices.SortFunc(w.places, func(a, b web.Place) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(w.devices, func(a, b web.Device) int { return strings.Compare(a.ID, b.ID) })
	const minute = 60_000
	w.nodes = []web.Node{
		{ID: "beixin/gw-1", Name: text("17 号楼弱电井", "Riser of building 17"), Ours: true, Online: true, Since: web.Time(w.Start - 3*86400_000), LastSeen: web.Time(w.Start), Version: "0.1.0", Devices: 14, Bad: map[string]int64{"out_of_range": 12, "unknown_metric": 3}},
		{ID: "beixin/gw-2", Name: text("19 号楼门厅", "Lobby of building 19"), Ours: true, Since: web.Time(w.Start - 11*minute), LastSeen: web.Time(w.Start - 11*minute), Version: "0.1.0", Devices: 4, Pending: 1840},
	}
	w.gaps = []web.Gap{
		{Gateway: "beixin/gw-2", Epoch: "4d1c2b7e-0000-4000-8000-000000000001", Run: "0000000200a1b2c3", From: 5121, To: 6960, State: "pending", Since: web.Time(w.Start - 11*minute)},
		{Gateway: "beixin/gw-1", Epoch: "4d1c2b7e-0000-4000-8000-000000000002", Run: "0000000100a1b2c4", From: 88, To: 91, State: "lost", Reason: "outbox full", Since: web.Time(w.Start - 2*86400_000)},
	}
}

// addPlace adds a room of building b with one device.
func (w *World) addPlace(b int, r room) {
	building := fmt.Sprintf("b%d", b)
	p := web.Place{ID: building + "-" + r.id, Name: r.name, Zone: building, State: web.Normal}
	p.Path = []web.Rung{{ID: building, Kind: "building", Name: text(fmt.Sprintf("北新街%d号楼", b), fmt.Sprintf("Beixin Street %d", b))}}
	parts := strings.Split(r.id, "-")
	if len(parts) > 1 {
		p.Path = append(p.Path, web.Rung{ID: building + "-" + parts[0], Kind: "unit", Name: text(parts[0]+"单元", "Unit "+parts[0])})
		switch parts[1] {
		case "corridor", "stair":
			p.Name = text(parts[2]+"层"+r.name.Zh, r.name.En+", floor "+parts[2])
		default:
			p.Path = append(p.Path, web.Rung{ID: building + "-" + parts[0] + "-" + parts[1], Kind: "dwelling", Name: text(parts[1]+"室", parts[1])})
		}
	}
	node := "beixin/gw-1"
	if b == 19 {
		node = "beixin/gw-2"
	}
	d := web.Device{
		ID: node + "/" + p.ID, Node: node, Place: p.ID, Placement: r.placement, Model: "WS-100", Serial: fmt.Sprintf("24%d%03d", b, len(w.devices)),
		InSite: true, Online: b != 19, LastSeen: web.Time(w.Start), IntervalMS: 10_000,
		Calibrated: web.Time(w.Start - 200*86400_000), EndOfLife: web.Time(w.Start + 900*86400_000), Values: w.values(r.placement),
	}
	if r.id == "1-501-kitchen" {
		d.Values[0].Quality = "stuck"
		d.Bad = map[string]int64{"out_of_range": 12}
		d.EndOfLife = web.Time(w.Start - 86400_000)
	}
	p.Devices = []string{d.ID}
	w.places, w.devices = append(w.places, p), append(w.devices, d)
}

// values are last readings that suit a placement.
func (w *World) values(placement string) []web.Value {
	metrics := map[string][]web.Value{
		"kitchen_gas":     {{Metric: "gas.ch4", Value: 0.6}, {Metric: "co", Value: 2}, {Metric: "gas.rise", Value: 0.01, Derived: true}},
		"corridor_socket": {{Metric: "power", Value: 186.4}, {Metric: "current", Value: 1.47}, {Metric: "power_factor", Value: 0.58}, {Metric: "charging.likelihood", Value: 0.12, Derived: true}},
		"meter_box":       {{Metric: "temperature", Value: 31.2}, {Metric: "residual_current", Value: 14}},
		"bike_shed":       {{Metric: "power", Value: 812}, {Metric: "temperature", Value: 24.1}},
		"stair_smoke":     {{Metric: "smoke", Value: 0.012}, {Metric: "temperature", Value: 22.4}},
		"room_smoke":      {{Metric: "smoke", Value: 0.004}, {Metric: "temperature", Value: 23.9}},
	}
	out := slices.Clone(metrics[placement])
	for i := range out {
		m, _ := catalogue.Lookup(out[i].Metric)
		out[i].Unit, out[i].Time, out[i].Quality = string(m.Unit), web.Time(w.Start), "good"
	}
	return out
}

// Places implements web.Inventory.
func (w *World) Places(context.Context) ([]web.Place, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.places), nil
}

// Devices implements web.Inventory.
func (w *World) Devices(context.Context) ([]web.Device, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.devices), nil
}

// Nodes implements web.Inventory.
func (w *World) Nodes(context.Context) ([]web.Node, error) { return w.nodes, nil }

// Gaps implements web.Inventory.
func (w *World) Gaps(context.Context) ([]web.Gap, error) { return w.gaps, nil }

// Subscribe implements web.Inventory.
func (w *World) Subscribe(ctx context.Context) <-chan web.Supervision {
	c := make(chan web.Supervision, 16)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watchers = append(w.watchers, c)
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.watchers = slices.DeleteFunc(w.watchers, func(o chan web.Supervision) bool { return o == c })
		close(c)
	})
	return c
}

// SetPlace changes a place's state and tells whoever has subscribed.
func (w *World) SetPlace(id, state, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.places {
		if w.places[i].ID == id {
			w.places[i].State, w.places[i].Reason, w.places[i].Since = state, reason, web.Time(w.Clock.NowMS())
		}
	}
	for _, c := range w.watchers {
		c <- web.Supervision{Place: id, State: state, Reason: reason, Since: web.Time(w.Clock.NowMS())}
	}
}
