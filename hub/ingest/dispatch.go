package ingest

import (
	"strings"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// route is a topic taken apart, remembered: topics repeat.
type route struct {
	kind   sparkplug.MessageType
	node   *node
	device string  // full ID, for messages of a device
	dev    *device // once it is known
}

// maxRoutes bounds the memory for topics.
const maxRoutes = 200_000

// dispatch takes one message. in.mu is held.
func (in *Ingest) dispatch(m *message) {
	r := in.routes[m.topic]
	if r == nil {
		if r = in.route(m.topic); r == nil {
			return
		}
	}
	n := r.node
	n.lastSeen, in.size = in.now, len(m.payload)
	if m.tooLarge {
		in.refuse(n, r.dev, telemetry.BadSize, 1)
		return
	}
	if r.kind == sparkplug.DDATA && n.session && n.Ours && r.dev != nil {
		// The main stream, without a detour over Payload.
		if sparkplug.DecodeData(m.payload, &in.data) != nil {
			in.refuse(n, r.dev, telemetry.BadPayload, 1)
			return
		}
		in.ours(n, r.dev)
		return
	}
	p := &in.payload
	if err := p.Decode(m.payload); err != nil {
		in.refuse(n, r.dev, telemetry.BadPayload, 1)
		return
	}
	if n.session && !n.Ours && r.kind != sparkplug.NBIRTH && r.kind != sparkplug.NDEATH {
		in.count(n, p)
	}
	switch r.kind {
	case sparkplug.NBIRTH:
		in.nodeBirth(n, p)
	case sparkplug.NDEATH:
		in.nodeDeath(n, p)
	case sparkplug.DBIRTH:
		in.deviceBirth(n, r.device, p)
	case sparkplug.DDEATH:
		in.deviceDeath(n, r.device)
	case sparkplug.DDATA, sparkplug.NDATA:
		in.dataOf(n, r, p)
	}
}

// dataOf takes a message of readings.
func (in *Ingest) dataOf(n *node, r *route, p *sparkplug.Payload) {
	if r.dev == nil {
		r.dev = n.device(r.device)
	}
	switch {
	case !n.session || r.dev == nil:
		in.unannounced(n, r.dev)
	case n.Ours:
		if sparkplug.DataOf(p, &in.data) != nil {
			in.refuse(n, r.dev, telemetry.BadPayload, 1)
			return
		}
		in.ours(n, r.dev)
	default:
		in.foreign(n, r.dev, p)
	}
}

// route takes a topic apart and remembers it; nil if nobody of ours speaks
// there. The topic's string is the broker's to reuse, so it is copied.
func (in *Ingest) route(topic string) *route {
	topic = strings.Clone(topic)
	t, err := sparkplug.ParseTopic(topic)
	if err != nil || t.Type == sparkplug.STATE || t.Type == sparkplug.NCMD || t.Type == sparkplug.DCMD {
		in.metrics.bad.WithLabelValues(string(telemetry.BadTopic)).Inc()
		return nil
	}
	if len(in.routes) >= maxRoutes {
		clear(in.routes)
	}
	r := &route{kind: t.Type, node: in.node(t.NodeID())}
	switch {
	case r.node == nil:
		in.metrics.dropped.Inc()
		return nil
	case t.Type.OfDevice():
		r.device = t.DeviceID()
	case t.Type == sparkplug.NDATA:
		r.device = nodeDevice(r.node)
	}
	in.routes[topic] = r
	return r
}
