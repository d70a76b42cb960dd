package ingest

import (
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// foreignBirth announces the metrics that a foreign node reports of itself, if
// there are any.
func (in *Ingest) foreignBirth(n *node, id string, p *sparkplug.Payload) {
	measures := false
	for i := range p.Metrics {
		measures = measures || p.Metrics[i].HasName && !housekeeping(p.Metrics[i].Name)
	}
	if !measures {
		return
	}
	if d := n.device(id); d != nil {
		in.announce(d, p)
		in.foreignValues(n, d, p, true)
	}
}

// foreign takes data of a foreign node or device.
func (in *Ingest) foreign(n *node, d *device, p *sparkplug.Payload) {
	if d.targets == nil {
		in.unannounced(n, d)
		return
	}
	in.foreignValues(n, d, p, false)
}

// count checks Sparkplug's message counter: a hole means that something was
// missed, perhaps a birth. The data is good all the same.
func (in *Ingest) count(n *node, p *sparkplug.Payload) {
	if !p.HasSeq {
		return
	}
	if n.hasCounter && n.counter != uint8(p.Seq) {
		in.metrics.rebirths.Inc()
		in.acks.rebirth(n)
	}
	n.counter, n.hasCounter = uint8(p.Seq)+1, true
}

// foreignValues makes readings of all metrics that have a value.
func (in *Ingest) foreignValues(n *node, d *device, p *sparkplug.Payload, birth bool) {
	b := in.batch
	start := len(b.points)
	for i := range p.Metrics {
		m := &p.Metrics[i]
		if housekeeping(m.Name) {
			continue
		}
		t := in.foreignTarget(d, m)
		if t == nil {
			in.refuse(n, d, telemetry.BadUnannounced, 1)
			in.acks.rebirth(n)
			continue
		}
		if m.Datatype == sparkplug.Unknown {
			m.Datatype = t.datatype
		}
		q := m.Quality()
		value, isNumber := m.Number()
		if !isNumber && (t.metric.Name == "" || !q.Fault()) {
			continue // a text, or a metric without a value yet
		}
		if !isNumber && birth && !m.Properties.HasQuality && m.Properties.Reason == nil {
			continue // announced without a value: no fault either
		}
		point, bad := t.point(in.timeOf(p, m), value, q, in.window)
		if bad != telemetry.BadNone {
			in.refuse(n, d, bad, 1)
			continue
		}
		b.points = append(b.points, point)
	}
	if len(b.points) > start {
		b.addReadings(record.Readings{Device: d.id}, start)
	}
}

// foreignTarget finds what a metric becomes. A name is good without having been
// announced: it says all that a certificate would.
func (in *Ingest) foreignTarget(d *device, m *sparkplug.Metric) *target {
	if !m.HasName {
		if !m.HasAlias {
			return nil
		}
		return d.targets.alias(m.Alias)
	}
	if i, ok := d.targets.byName[string(m.Name)]; ok {
		return &d.targets.list[i]
	}
	if len(d.targets.list) >= maxNames {
		return nil
	}
	a := sparkplug.Announced{Name: string(m.Name), Datatype: m.Datatype, Unit: string(m.Properties.EngUnit)}
	d.targets.announced = append(d.targets.announced, a)
	d.targets.list = append(d.targets.list, resolve(in.site, d.id, a))
	d.targets.byName[a.Name] = int32(len(d.targets.list) - 1)
	return &d.targets.list[len(d.targets.list)-1]
}

// timeOf is when a foreign metric was sampled, as far as it says.
func (in *Ingest) timeOf(p *sparkplug.Payload, m *sparkplug.Metric) int64 {
	switch {
	case m.HasTimestamp && m.Timestamp != 0:
		return m.Timestamp
	case p.HasTimestamp && p.Timestamp != 0:
		return p.Timestamp
	}
	return in.now
}

// nodeDevice is the ID of the device that stands for the node itself.
func nodeDevice(n *node) string { return n.Node + "/" + NodeDevice }
