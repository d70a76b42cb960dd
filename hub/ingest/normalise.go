package ingest

import (
	"slices"
	"strings"

	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// target is what an announced metric becomes: a metric of the catalogue, with
// the arithmetic that gets there.
type target struct {
	metric   telemetry.Metric // Name is empty where nothing is known of it
	scale    float64          // value·scale + offset is in the catalogue's unit
	offset   float64
	plain    bool               // scale 1, offset 0
	datatype sparkplug.DataType // as announced; data may leave it out
}

// resolve finds what an announced metric of a device becomes: by the site's
// mapping, or by its own name, with its unit converted where it names one. A
// unit that cannot be converted, and a derived metric, make it unknown.
func resolve(s *site.Site, device string, a sparkplug.Announced) target {
	unknown := target{datatype: a.Datatype}
	if m, ok := s.MappingFor(device, a.Name); ok {
		metric, ok := s.Catalogue.Lookup(m.Metric)
		if !ok || metric.Derived {
			return unknown
		}
		scale := m.Scale
		if scale == 0 {
			scale = 1
		}
		return target{metric, scale, m.Offset, scale == 1 && m.Offset == 0, a.Datatype}
	}
	metric, ok := s.Catalogue.Lookup(a.Name)
	if !ok || metric.Derived {
		return unknown
	}
	unit := telemetry.Unit(a.Unit)
	if unit == "" || unit == metric.Unit {
		return target{metric, 1, 0, true, a.Datatype}
	}
	// Units of one dimension are linear in each other, so two points give the line.
	at0, err0 := s.Catalogue.Convert(0, unit, metric.Unit, metric.Name)
	at1, err1 := s.Catalogue.Convert(1, unit, metric.Unit, metric.Name)
	if err0 != nil || err1 != nil {
		return unknown
	}
	return target{metric, at1 - at0, at0, false, a.Datatype}
}

// window is the span of times in which a reading is believed, Unix ms.
type window struct{ from, to int64 }

func windowAt(now int64) window {
	return window{from: now - MaxPast.Milliseconds(), to: now + MaxFuture.Milliseconds()}
}

// point makes a reading of a value, or says what is bad about it.
func (t *target) point(at int64, value float64, q telemetry.Quality, w window) (telemetry.Point, telemetry.Bad) {
	p := telemetry.Point{Metric: t.metric.Name, Time: at, Quality: q}
	if p.Metric == "" {
		return p, telemetry.BadMetric
	}
	if at < w.from || at > w.to {
		return p, telemetry.BadTime
	}
	if q.Fault() {
		return p, telemetry.BadNone
	}
	if !t.plain {
		value = float64(value*t.scale) + t.offset // rounded twice, on every machine
	}
	if value < t.metric.Min && value >= t.metric.Min-t.metric.Drift {
		value = t.metric.Min
	}
	p.Value = value
	return p, t.metric.Check(value)
}

// targets finds a device's targets by alias, and by name for foreign nodes.
type targets struct {
	announced []sparkplug.Announced
	list      []target // as announced
	base      uint64   // alias of near[0]
	near      []int32  // by alias - base: index in list plus one
	far       map[uint64]int32
	byName    map[string]int32
}

// maxNear bounds the table by alias; aliases that are spread wider, as foreign
// nodes may have them, are looked up in a map.
const maxNear = 1 << 12

// newTargets resolves a birth certificate.
func newTargets(s *site.Site, device string, announced []sparkplug.Announced) *targets {
	t := &targets{announced: announced, byName: make(map[string]int32, len(announced))}
	for i, a := range announced {
		t.list = append(t.list, resolve(s, device, a))
		t.byName[a.Name] = int32(i)
		if a.HasAlias {
			t.put(a.Alias, int32(i))
		}
	}
	return t
}

func (t *targets) put(alias uint64, i int32) {
	if len(t.near) == 0 {
		t.base = alias
	}
	if d := alias - t.base; alias >= t.base && d < maxNear {
		for uint64(len(t.near)) <= d {
			t.near = append(t.near, 0)
		}
		t.near[d] = i + 1
		return
	}
	if t.far == nil {
		t.far = map[uint64]int32{}
	}
	t.far[alias] = i + 1
}

// alias gives the target of an alias, nil if the certificate has none such.
func (t *targets) alias(alias uint64) *target {
	var i int32
	if d := alias - t.base; d < uint64(len(t.near)) {
		i = t.near[d]
	}
	if i == 0 && t.far != nil {
		i = t.far[alias]
	}
	if i == 0 {
		return nil
	}
	return &t.list[i-1]
}

// metrics are the catalogue's names of what the device measures, each once, in
// the order announced.
func (t *targets) metrics() []string {
	var names []string
	for i := range t.list {
		name := t.list[i].metric.Name
		if name == "" || slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
	}
	return names
}

// housekeeping reports metrics that are not measurements by their name: they
// are no bad input if unknown.
func housekeeping(name []byte) bool {
	s := string(name)
	return s == sparkplug.MetricBdSeq || strings.HasPrefix(s, "Node Control/") || strings.HasPrefix(s, "Device Control/") ||
		strings.HasPrefix(s, "Properties/") || strings.HasPrefix(s, "weishao/")
}
