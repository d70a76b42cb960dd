package rules

import "weishao.dev/weishao/telemetry/record"

// nodeBirth takes in a gateway's certificate of birth: that it is there, whether
// its card tells the truth, and whether it brings readings of an outage.
func (e *Engine) nodeBirth(x *record.NodeBirth) {
	g := e.gateway(x.Node)
	g.heard, g.heardAt, g.backAt = max(g.heard, e.listen), e.arrival, e.arrival
	if g.silent != nil {
		e.nodeHeard(g)
	}
	for _, d := range g.devices {
		d.heard = max(d.heard, e.listen)
	}
	if x.Forked {
		g.forkAt = e.listen
		if g.forked == nil {
			v := e.about(FaultRule, reasonForked, e.arrival)
			v.Severity, v.Node, v.Places = Major, g.id, g.places()
			g.forked = e.hold(v)
		}
	}
	if g.stored = stored(x); !g.stored {
		e.drained(g) // nothing more will come of an earlier outage
		return
	}
	for _, d := range g.devices {
		if d.cell != nil {
			e.fork(d.cell, g.id)
		}
	}
}

// stored reports whether a gateway has readings from before this session.
func stored(x *record.NodeBirth) bool {
	for _, r := range x.Runs {
		if r.Kind == record.Backlog && r.Next > r.Oldest {
			return true
		}
	}
	return false
}
