package site

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Placements that the shipped rules know. Sites may use others in rules of
// their own.
var Placements = []string{
	"kitchen_gas", "boiler_room", "corridor_socket", "lobby_socket", "stair_light", "dwelling_feeder", "dwelling_socket", "room_socket", "shop_feeder",
	"meter_box", "distribution_box", "bike_shed", "room_smoke", "kitchen_smoke", "stair_smoke", "corridor_smoke", "room_heat", "kitchen_heat", "room_co", "ambient", "gateway",
}

// Bounds of what the file may ask for. An interval below 100 ms is a typing
// mistake on this class of sensor; above a day, silence would never be noticed.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = 24 * time.Hour
	minEscalate = 5 * time.Second
	maxEscalate = time.Hour
)

// Empty is the site of a hub that has no site file: no places and no people,
// every device unknown. Times of day are UTC+8's.
func Empty() *Site {
	s, err := Load("(no site file)", []byte("name: {zh: 未命名社区, en: Unnamed community}\n"))
	if err != nil {
		panic(err) // a constant
	}
	return s
}

// Load reads a site file. The error, if any, is a conf.Errors: each mistake
// with file:line:column.
func Load(name string, data []byte) (*Site, error) {
	var f file
	if err := conf.Decode(name, data, &f); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	l := &loader{
		Site: &Site{
			Version: hex.EncodeToString(sum[:8]), Name: f.Name,
			Levels: map[string]*Level{}, Zones: map[string]*Zone{}, Places: map[string]*Place{}, Devices: map[string]*Device{},
			Nodes: map[string]*Node{}, People: map[string]*Person{}, Duty: map[string]*Duty{},
		},
	}
	l.location(f.Timezone)
	l.catalogue(f.LEL, f.Metrics)
	l.people(f.People)
	l.namedZones(f.Zones)
	for _, c := range f.Communities {
		l.Communities = append(l.Communities, l.level(c, Community, nil))
	}
	l.neighbours(f.Zones)
	l.nodes(f.Nodes)
	l.devices(f.Devices)
	if err := l.errs.Err(); err != nil {
		return nil, err
	}
	return l.Site, nil
}

type loader struct {
	*Site
	errs conf.Errors
}

func (l *loader) location(tz conf.At[string]) {
	if tz.V == "" {
		tz.V = "Asia/Shanghai"
	}
	loc, err := time.LoadLocation(tz.V)
	if err != nil || tz.V == "Local" {
		l.errs.Add(tz.Pos, "unknown timezone %q: write an IANA name such as Asia/Shanghai", tz.V)
		loc = time.UTC
	}
	l.Location = loc
}

func (l *loader) catalogue(lel fileLEL, own []fileMetric) {
	for _, x := range []conf.At[float64]{lel.Methane, lel.LPG} {
		if x.V != 0 && (x.V < 0.5 || x.V > 20) {
			l.errs.Add(x.Pos, "a lower explosive limit of %g %% vol is not possible: methane has 5.0 or 4.4, LPG 2.1 or 1.7", x.V)
		}
	}
	cat := telemetry.NewCatalogue(telemetry.LEL{Methane: lel.Methane.V, LPG: lel.LPG.V})
	for _, m := range own {
		next, err := cat.With(telemetry.Metric{Name: m.Name, Unit: telemetry.Unit(m.Unit), Min: m.Min, Max: m.Max, Zh: m.Text.Zh, En: m.Text.En})
		if err != nil {
			l.errs.Add(m.Pos, "%v", err)
			continue
		}
		cat = next
	}
	l.Catalogue = cat
}

var roles = []string{"warden", "officer", "operator"}

func (l *loader) people(list []filePerson) {
	for _, p := range list {
		if !telemetry.ValidName(p.ID.V) {
			l.errs.Add(or(p.ID.Pos, p.Pos), "%q cannot be a person's id: letters, digits, '.', '_' and '-' only", p.ID.V)
			continue
		}
		if l.People[p.ID.V] != nil {
			l.errs.Add(or(p.ID.Pos, p.Pos), "person %q is here twice", p.ID.V)
			continue
		}
		if p.Role.V == "" {
			p.Role.V = "warden"
		}
		if !slices.Contains(roles, p.Role.V) {
			l.errs.Add(p.Role.Pos, "unknown role %q%s (one of %s)", p.Role.V, telemetry.Suggest(p.Role.V, roles), strings.Join(roles, ", "))
		}
		l.People[p.ID.V] = &Person{ID: p.ID.V, Name: p.Name, Role: p.Role.V, Phone: p.Phone, Pages: p.Pages}
	}
}

func (l *loader) namedZones(list []fileZone) {
	for _, z := range list {
		switch {
		case !validID(z.ID.V):
			l.errs.Add(or(z.ID.Pos, z.Pos), "%q cannot be a zone's id", z.ID.V)
		case l.Zones[z.ID.V] != nil:
			l.errs.Add(or(z.ID.Pos, z.Pos), "zone %q is here twice", z.ID.V)
		default:
			l.Zones[z.ID.V] = &Zone{ID: z.ID.V, Name: z.Name}
		}
	}
}

func (l *loader) neighbours(list []fileZone) {
	for _, z := range list {
		zone := l.Zones[z.ID.V]
		for _, n := range z.Neighbours {
			other := l.Zones[n.V]
			switch {
			case zone == nil:
			case other == nil:
				l.errs.Add(n.Pos, "unknown zone %q%s", n.V, telemetry.Suggest(n.V, keys(l.Zones)))
			case other.Building != zone.Building:
				l.errs.Add(n.Pos, "zone %q is in another building: neighbours share a building", n.V)
			default:
				zone.Neighbours = append(zone.Neighbours, n.V)
			}
		}
	}
}

func (l *loader) nodes(list []fileNode) {
	for _, n := range list {
		group, node, ok := strings.Cut(n.ID.V, "/")
		if !ok || !telemetry.ValidName(group) || !telemetry.ValidName(node) {
			l.errs.Add(or(n.ID.Pos, n.Pos), "%q is not a gateway's id: write group/node", n.ID.V)
			continue
		}
		if l.Nodes[n.ID.V] != nil {
			l.errs.Add(or(n.ID.Pos, n.Pos), "gateway %q is here twice", n.ID.V)
		}
		l.Nodes[n.ID.V] = &Node{ID: n.ID.V, Name: n.Name, Place: l.place(n.Place), Interval: l.interval(n.Interval), Metrics: l.mappings(n.Metrics)}
	}
}

func (l *loader) devices(list []fileDevice) {
	for _, d := range list {
		group, node, dev, ok := telemetry.SplitDevice(d.ID.V)
		if !ok || !telemetry.ValidName(group) || !telemetry.ValidName(node) || !telemetry.ValidName(dev) {
			l.errs.Add(or(d.ID.Pos, d.Pos), "%q is not a device's id: write group/node/device", d.ID.V)
			continue
		}
		if l.Devices[d.ID.V] != nil {
			l.errs.Add(or(d.ID.Pos, d.Pos), "device %q is here twice", d.ID.V)
			continue
		}
		place := l.place(d.Place)
		if place == nil && d.Place.V == "" {
			l.errs.Add(or(d.ID.Pos, d.Pos), "device %q needs a place", d.ID.V)
		}
		if d.Placement.V == "" {
			l.errs.Add(or(d.ID.Pos, d.Pos), "device %q needs a placement: what it watches there, such as kitchen_gas or corridor_socket", d.ID.V)
		} else if !telemetry.ValidName(d.Placement.V) {
			l.errs.Add(d.Placement.Pos, "%q cannot be a placement", d.Placement.V)
		}
		l.Devices[d.ID.V] = &Device{
			ID: d.ID.V, Place: place, Placement: d.Placement.V, Model: d.Model, Serial: d.Serial, Interval: l.interval(d.Interval),
			Rating: l.rating(d.Rating), Calibrated: l.date(d.Calibrated), EndOfLife: l.date(d.EndOfLife), Metrics: l.mappings(d.Metrics),
		}
	}
}

func (l *loader) place(ref conf.At[string]) *Place {
	if ref.V == "" {
		return nil
	}
	p := l.Places[ref.V]
	if p == nil {
		l.errs.Add(ref.Pos, "unknown place %q%s", ref.V, telemetry.Suggest(ref.V, keys(l.Places)))
	}
	return p
}

func (l *loader) interval(d conf.At[conf.Duration]) time.Duration {
	v := time.Duration(d.V)
	if d.Pos.Line != 0 && (v < minInterval || v > maxInterval) {
		l.errs.Add(d.Pos, "an interval of %s is not possible: between %s and %s", v, minInterval, maxInterval)
	}
	return v
}

func (l *loader) rating(r conf.At[string]) float64 {
	if r.V == "" {
		return 0
	}
	num, ok := strings.CutSuffix(r.V, "A")
	v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	if !ok || err != nil || v <= 0 || v > 1000 {
		l.errs.Add(r.Pos, "%q is not a rated current: write it in ampere, such as 16 A", r.V)
	}
	return v
}

func (l *loader) date(d conf.At[string]) time.Time {
	if d.V == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, d.V, l.Location)
	if err != nil {
		l.errs.Add(d.Pos, "%q is not a date: write 2026-01-31", d.V)
	}
	return t
}

func (l *loader) mappings(list map[string]fileMapping) map[string]Mapping {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]Mapping, len(list))
	for name, m := range list {
		met, ok := l.Catalogue.Lookup(m.Metric.V)
		if !ok {
			l.errs.Add(or(m.Metric.Pos, m.Pos), "unknown metric %q%s", m.Metric.V, telemetry.Suggest(m.Metric.V, l.Catalogue.Names()))
		} else if met.Derived {
			l.errs.Add(or(m.Metric.Pos, m.Pos), "%q is computed by a detector: nothing can be mapped to it", m.Metric.V)
		}
		scale := 1.0
		if m.Scale != nil {
			scale = m.Scale.V
			if scale == 0 {
				l.errs.Add(m.Scale.Pos, "a scale of 0 makes every value 0")
			}
		}
		out[name] = Mapping{Metric: m.Metric.V, Scale: scale, Offset: m.Offset}
	}
	return out
}

// or is the place of a value, or of the mapping that lacks it.
func or(p, mapping conf.Pos) conf.Pos {
	if p.Line == 0 {
		return mapping
	}
	return p
}

// validID allows any script, since places are often numbered in Chinese, but
// no spaces, no control characters and no separators of paths or queries.
func validID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f || strings.ContainsRune("?#&%\"'<>\\", r) {
			return false
		}
	}
	return true
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	return list
}
