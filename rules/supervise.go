package rules

import (
	"cmp"
	"slices"

	"weishao.dev/weishao/telemetry"
)

// This file says that nothing is known: verdicts about the watching itself. They
// follow arrival at the hub, not the time of readings, since silence is a fact of
// the log alone.
//
// A device that says nothing for twice its interval and silenceGrace makes its
// place unsupervised. A gateway that says nothing at all for one and a half of its
// fastest device's interval and 3 s, or whose certificate of death came, is one
// verdict that lists its places; its devices then need none of their own. The
// fastest is sought among those that speak: a fast device that has died must not
// make its gateway silent between any two readings of the others.

const (
	faultHold     = 30_000  // ms for which a metric must be in fault
	saturatedHold = 5_000   // the same at the end of the sensor's range: that may be the hazard itself
	faultClear    = 60_000  // ms without a fault
	forkClear     = 600_000 // ms without another contradiction of a gateway's card
	tickMargin    = 2_000   // ms that event time stays behind the hub's clock
)

// Reasons of verdicts about the watching.
const (
	reasonSilent      = "silent"
	reasonDead        = "device dead"
	reasonNodeDead    = "gateway dead"
	reasonNodeSilent  = "gateway silent"
	reasonForked      = "forked"
	reasonBackSpeaks  = "heard again"
	reasonMeasures    = "measures again"
	reasonNoMoreForks = "no contradiction for 10 min"
)

// tick lets time pass for those that nobody hears of.
func (e *Engine) tick() {
	e.ticked = e.listen
	e.ticks++
	cells := e.live()
	for i, at := range e.due {
		if at <= e.listen {
			e.timers(cells[i])
		}
	}
	for _, g := range e.gates {
		e.superviseNode(g)
	}
	for i, at := range e.watch {
		if at <= e.listen {
			d := e.order[i]
			e.superviseDevice(d)
			e.watch[i] = d.due()
		}
	}
}

func (e *Engine) superviseNode(g *gateway) {
	if g.forked != nil && e.listen-g.forkAt > forkClear {
		e.over(&g.forked, reasonNoMoreForks)
	}
	quiet := e.listen - g.heard
	if g.silent == nil && len(g.devices) > 1 && quiet > g.fastest*3/2+3_000 && quiet > g.pace()*3/2+3_000 {
		e.nodeSilent(g, reasonNodeSilent)
	}
}

// pace is the shortest interval, in ms, of the gateway's devices that speak, or of
// all when none has spoken yet.
func (g *gateway) pace() int64 {
	least := int64(0)
	for _, d := range g.devices {
		if d.silent == nil && d.heardAt >= g.backAt && (least == 0 || d.interval < least) {
			least = d.interval
		}
	}
	return cmp.Or(least, g.fastest)
}

func (e *Engine) superviseDevice(d *device) {
	if d.silent == nil && d.node.silent == nil && e.listen-d.heard > d.limit {
		// Perhaps the gateway has died; then it is about to be found out.
		if alone := len(d.node.devices) == 1; alone || e.listen-d.node.heard <= d.node.pace()+2_000 {
			e.deviceSilent(d, reasonSilent)
		}
	}
	if d.faulty == nil {
		for _, f := range d.bad {
			if hold := holdOf(f.Quality); e.listen-f.Since >= hold {
				e.deviceFaulty(d)
				break
			}
		}
	} else if len(d.bad) == 0 && e.listen-d.good >= faultClear {
		e.over(&d.faulty, reasonMeasures)
	}
}

func holdOf(q telemetry.Quality) int64 {
	if q == telemetry.Saturated {
		return saturatedHold
	}
	return faultHold
}

// hear notes that a device has said something, whatever it was.
func (e *Engine) hear(d *device) {
	g := d.node
	d.heard, d.heardAt = max(d.heard, e.listen), e.arrival
	g.heard, g.heardAt = max(g.heard, e.listen), e.arrival
	if g.silent != nil {
		e.nodeHeard(g)
	}
	if d.silent != nil {
		e.over(&d.silent, reasonBackSpeaks)
		e.look(d)
	}
}

// nodeHeard ends a gateway's silence; its devices have their own time from now on.
func (e *Engine) nodeHeard(g *gateway) {
	e.over(&g.silent, reasonBackSpeaks)
	g.backAt = e.arrival
	for _, d := range g.devices {
		d.heard = max(d.heard, e.listen)
		e.look(d)
	}
}

func (e *Engine) deviceDeath(d *device) {
	if d.silent == nil && d.node.silent == nil {
		e.deviceSilent(d, reasonDead)
	}
}

func (e *Engine) nodeDeath(g *gateway) {
	if g.silent == nil {
		e.nodeSilent(g, reasonNodeDead)
	}
}

func (e *Engine) deviceSilent(d *device, reason string) {
	v := e.about(UnsupervisedRule, reason, d.heardAt)
	v.Place, v.Zone, v.Device = d.place, d.zone, d.id
	d.silent = e.hold(v)
}

func (e *Engine) nodeSilent(g *gateway, reason string) {
	v := e.about(UnsupervisedRule, reason, g.heardAt)
	v.Node, v.Places = g.id, g.places()
	g.silent = e.hold(v)
}

func (g *gateway) places() (list []string) {
	for _, d := range g.devices {
		if !slices.Contains(list, d.place) {
			list = append(list, d.place)
		}
	}
	slices.Sort(list)
	return list
}

func (e *Engine) deviceFaulty(d *device) {
	first := slices.MinFunc(d.bad, func(a, b failing) int { return int(min(max(a.Since-b.Since, -1), 1)) })
	for _, f := range d.bad {
		if f.Quality == telemetry.Saturated {
			first = f
		}
	}
	v := e.about(FaultRule, first.Quality.String(), first.At)
	v.Place, v.Zone, v.Device, v.Metric = d.place, d.zone, d.id, first.Metric
	if first.Quality == telemetry.Saturated {
		v.Severity = Major
	}
	d.faulty = e.hold(v)
}

// about begins a raise about the watching.
func (e *Engine) about(rule, reason string, onset int64) Verdict {
	r := builtin[rule]
	return Verdict{Event: Raise, Time: e.arrival, Onset: onset, Rule: rule, Hazard: r.Hazard, Severity: r.Severity, Reason: reason}
}

func (e *Engine) hold(v Verdict) *Verdict {
	v = e.emit(v)
	return &v
}

func (e *Engine) over(held **Verdict, reason string) {
	e.withdraw(**held, reason)
	*held = nil
}

// lose notes that a device measures no other metrics any more: one that was in fault
// and is gone would be so for ever.
func (d *device) lose(metrics []string, listen int64) {
	was := len(d.bad)
	d.bad = slices.DeleteFunc(d.bad, func(f failing) bool { return !slices.Contains(metrics, f.Metric) })
	if was > 0 && len(d.bad) == 0 {
		d.good = listen
	}
}

// judge follows which metrics of a device are in fault; false if none was or is.
func (d *device) judge(p *telemetry.Point, listen, arrival int64) bool {
	bad := p.Quality.Fault()
	if !bad && len(d.bad) == 0 {
		return false
	}
	i := slices.IndexFunc(d.bad, func(f failing) bool { return f.Metric == p.Metric })
	switch {
	case bad && i < 0:
		d.bad = append(d.bad, failing{p.Metric, p.Quality, listen, arrival})
	case bad && d.bad[i].Quality != p.Quality:
		d.bad[i].Quality = p.Quality
	case !bad && i >= 0:
		if d.bad = slices.Delete(d.bad, i, i+1); len(d.bad) == 0 {
			d.good = listen
		}
	}
	return true
}
