package ingest

import (
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// node is a gateway as this process knows it: what the log says, and the present
// session, which begins with a birth heard by this process.
type node struct {
	*nodeState
	commands          string // topic of its NCMD
	session           bool
	births            int // heard by this process
	bdSeq             uint64
	hasBdSeq          bool
	version           string
	config, configBad string               // of the last birth, see sparkplug.NodeBirth
	runs              map[uint64]*runState // declared by the session's birth
	last              *runState            // run of the last message: mostly the next one's too
	devices           map[string]*device   // by full ID
	lastSeen          int64                // Unix ms
	bad               map[telemetry.Bad]uint64
	dropped           bool // something was dropped for want of a birth

	counter    uint8 // Sparkplug message counter that is due, of foreign nodes
	hasCounter bool
}

// device is one that a gateway spoke of.
type device struct {
	id      string
	node    *node
	targets *targets // nil: no certificate of birth in this session
	asked   int      // births of the node when it was asked for a missing one
	askedMS int64    // when that was, Unix ms; 0 never
	bad     map[telemetry.Bad]uint64
}

// maxDevices bounds what one gateway can make the hub remember.
const maxDevices = 4096

// maxNames bounds what a foreign device can make the hub remember.
const maxNames = 4096

// patience is how many births a gateway may send after it was asked for one
// before what they still leave out is refused; messages that were on their way,
// and a gateway that was just being reborn, need one. After patienceMS it is
// asked again.
const (
	patience   = 2
	patienceMS = 5 * 60 * 1000
)

// maxNodes bounds what anybody can make the hub remember where the broker lets
// anybody in.
const maxNodes = 100_000

// node finds or makes a gateway; nil if there are too many.
func (in *Ingest) node(id string) *node {
	n := in.nodes[id]
	if n == nil {
		if len(in.nodes) >= maxNodes {
			return nil
		}
		group, name, _ := nodeParts(id)
		n = &node{nodeState: in.state.node(id), commands: sparkplug.NodeTopic(sparkplug.NCMD, group, name),
			devices: map[string]*device{}, bad: map[telemetry.Bad]uint64{}}
		in.nodes[id] = n
	}
	return n
}

// device finds or makes a node's device; nil if the node has too many.
func (n *node) device(id string) *device {
	d := n.devices[id]
	if d == nil {
		if len(n.devices) >= maxDevices {
			return nil
		}
		d = &device{id: id, node: n, bad: map[telemetry.Bad]uint64{}}
		n.devices[id] = d
	}
	return d
}

// nodeBirth begins a session.
func (in *Ingest) nodeBirth(n *node, p *sparkplug.Payload) {
	b, err := sparkplug.NodeBirthOf(p)
	if err != nil {
		in.log.Warn("birth certificate refused", "gateway", n.Node, "error", err)
		in.refuse(n, nil, telemetry.BadPayload, 1)
		return
	}
	e := &record.NodeBirth{Node: n.Node, Ours: b.Ours, Epoch: b.Epoch, Runs: b.Runs}
	lost, ok := n.losses(e)
	if !ok {
		in.log.Warn("birth certificate refused: too many lost ranges", "gateway", n.Node)
		in.refuse(n, nil, telemetry.BadPayload, 1)
		return
	}
	e.Forked = n.forked(e)

	n.session, n.births = true, n.births+1
	n.bdSeq, n.hasBdSeq, n.version = b.BdSeq, b.HasBdSeq, b.Version
	n.config, n.configBad = b.Config, b.ConfigBad
	n.counter, n.hasCounter = uint8(p.Seq)+1, p.HasSeq
	for _, d := range n.devices {
		d.targets = nil // Sparkplug: a node's birth ends its devices' sessions
	}
	n.birth(e, unstamped)
	in.batch.changed = append(in.batch.changed, n.nodeState)
	in.batch.add(e, in.size)
	for _, l := range lost {
		n.lose(n.run(l.Epoch, l.Run), l.Range, l.Reason, unstamped)
		in.batch.add(l, 0)
		in.log.Warn("readings lost", "gateway", n.Node, "run", l.Run, "from", l.Range.From, "to", l.Range.To, "reason", l.Reason)
	}
	if e.Forked {
		in.metrics.forks.Inc()
		in.log.Error("two cards share one history: cloned or restored from an image", "gateway", n.Node, "epoch", e.Epoch.String())
	}
	if b.Ours {
		in.answerBirth(n, e)
		return
	}
	in.foreignBirth(n, nodeDevice(n), p)
}

// answerBirth has the gateway told where to go on.
func (in *Ingest) answerBirth(n *node, e *record.NodeBirth) {
	in.acks.reborn(n)
	ack := birthAck{node: n, newEpoch: e.Forked, resend: n.dropped}
	n.runs, n.last, n.dropped = make(map[uint64]*runState, len(e.Runs)), nil, false
	for _, d := range e.Runs {
		r := n.run(d.Epoch, d.ID)
		n.runs[d.ID] = r
		ack.runs = append(ack.runs, r)
	}
	in.batch.births = append(in.batch.births, ack)
	if n.left == 0 {
		in.batch.add(&record.Drained{Node: n.Node}, 0)
	}
}

// nodeDeath ends the session that its bdSeq names.
func (in *Ingest) nodeDeath(n *node, p *sparkplug.Payload) {
	bdSeq, ok := sparkplug.DeathOf(p)
	switch {
	case !n.Online:
		return
	case n.session && n.hasBdSeq && (!ok || bdSeq != n.bdSeq):
		return // the will of an earlier session, come late
	case !n.session:
		// It was born before this process began, so nobody knows which session this
		// is. If the node lives, it will say so.
		in.acks.rebirth(n)
	}
	n.session, n.hasCounter = false, false
	n.death(unstamped)
	in.batch.changed = append(in.batch.changed, n.nodeState)
	in.batch.add(&record.NodeDeath{Node: n.Node}, 0)
}

// deviceBirth announces a device.
func (in *Ingest) deviceBirth(n *node, id string, p *sparkplug.Payload) {
	d := n.device(id)
	if !n.session || d == nil {
		in.unannounced(n, d)
		return
	}
	in.announce(d, p)
	if !n.Ours {
		in.foreignValues(n, d, p, true)
	}
}

// announce takes over what a device's certificate says.
func (in *Ingest) announce(d *device, p *sparkplug.Payload) {
	b := sparkplug.DeviceBirthOf(p)
	d.targets = newTargets(in.site, d.id, b.Metrics)
	e := &record.DeviceBirth{Device: d.id, Model: b.Model, Serial: b.Serial, Placement: b.Placement,
		IntervalMS: b.IntervalMS, Metrics: d.targets.metrics()}
	if e.Placement == "" {
		e.Placement = in.cfg.Placement
	}
	if b.IntervalMS == 0 && !d.node.Ours {
		if sn := in.site.Nodes[d.node.Node]; sn != nil {
			e.IntervalMS = sn.Interval.Milliseconds()
		}
	}
	in.batch.add(e, in.size)
}

// deviceDeath ends a device's session.
func (in *Ingest) deviceDeath(n *node, id string) {
	d := n.devices[id]
	if !n.session || d == nil || d.targets == nil {
		return
	}
	d.targets = nil
	in.batch.add(&record.DeviceDeath{Device: id}, 0)
}

// unannounced counts a message that came before the birth it needs, and asks
// for that birth. After a restart of the hub that is nobody's mistake, so it is
// not counted then.
func (in *Ingest) unannounced(n *node, d *device) {
	n.dropped = true
	in.acks.rebirth(n)
	in.metrics.rebirths.Inc()
	if n.session || !n.Online {
		in.refuse(n, d, telemetry.BadUnannounced, 1)
	}
}

// resite resolves every device again by a new site.
func (in *Ingest) resite(s *site.Site) {
	in.site = s
	for _, n := range in.nodes {
		for _, d := range n.devices {
			if d.targets != nil {
				d.targets = newTargets(s, d.id, d.targets.announced)
			}
		}
		if n.session && !n.Ours {
			in.acks.rebirth(n) // another mapping may give its devices other metrics: announce them
		}
	}
}
