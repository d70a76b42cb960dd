package site

import (
	"strings"

	"weishao.dev/weishao/telemetry"
)

// GatewayPlacement is that of a gateway's own board.
const GatewayPlacement = "gateway"

// Resolve finds what the site knows of a device, or makes up what it takes to
// watch one that it does not know: a place and a zone named after the device,
// and a placement as announced, or else fallback, or else by what it measures. A
// gateway's own board sits where the site says that the gateway hangs.
// The same arguments give an equal answer each time.
func (s *Site) Resolve(device, announced string, metrics []string, fallback string) *Device {
	if d := s.Devices[device]; d != nil {
		return d
	}
	placement := announced
	if placement == "" {
		placement = fallback
	}
	if placement == "" {
		placement = placementOf(metrics)
	}
	if n := s.Nodes[telemetry.NodeOf(device)]; placement == GatewayPlacement && n != nil && n.Place != nil {
		return &Device{ID: device, Placement: placement, Place: n.Place}
	}
	name := Text{Zh: device, En: device}
	zone := &Zone{ID: device, Name: name}
	return &Device{ID: device, Placement: placement, Place: &Place{ID: device, Name: name, Zone: zone}}
}

// placementOf takes the most dangerous thing that a device can be watching.
func placementOf(metrics []string) string {
	placement := "ambient"
	for _, m := range metrics {
		switch {
		case strings.HasPrefix(m, "gas."):
			return "kitchen_gas"
		case m == "smoke" || m == "co" || m == "temperature" || m == "contact" || m == "pm2_5":
			placement = "room_smoke"
		case (m == "power" || m == "current") && placement == "ambient":
			placement = "corridor_socket"
		}
	}
	return placement
}

// MappingFor is how a foreign node's metric is to be read; ok is false when the
// site says nothing of it.
func (s *Site) MappingFor(device, metric string) (Mapping, bool) {
	if d := s.Devices[device]; d != nil {
		if m, ok := d.Metrics[metric]; ok {
			return m, true
		}
	}
	if i := strings.LastIndexByte(device, '/'); i > 0 {
		if n := s.Nodes[device[:i]]; n != nil {
			m, ok := n.Metrics[metric]
			return m, ok
		}
	}
	return Mapping{}, false
}

// Path is the place's full name from the building down, as people say it:
// "北新街17号楼 1单元 301 厨房".
func (p *Place) Path(lang string) string {
	parts := []string{p.Name.In(lang)}
	for l := p.Level; l != nil; l = l.Parent {
		switch l.Kind {
		case Building, Unit, Dwelling:
			parts = append([]string{l.Name.In(lang)}, parts...)
		}
	}
	return strings.Join(parts, " ")
}
