package rules

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"weishao.dev/weishao/telemetry"
)

// maxEvidence bounds the readings that a verdict lists.
const maxEvidence = 32

// describe says what is to be seen of an instance at t: where, which comparison
// decided, and the readings behind it.
func (e *Engine) describe(c *cell, s *state, i int, t int64) Verdict {
	in := c.insts[i]
	m := moment{s, t, c}
	var d *device
	if in.dev >= 0 {
		d = c.devices[in.dev]
	}
	v := Verdict{Time: t, Rule: in.rule.Name, Hazard: in.rule.Hazard, Severity: in.rule.Severity}
	slot, value, threshold, ok := in.when.decision(&m)
	if ok {
		v.Metric, v.Value, v.Threshold = c.slots[slot].metric, value, threshold
		if d == nil {
			d = c.device(int32(slot))
		}
	}
	if d == nil {
		d = c.devices[0]
	}
	v.Place, v.Zone, v.Device = d.place, d.zone, d.id
	if in.likelihood >= 0 && s.Vals[in.likelihood].known() {
		v.Likelihood, v.Likely = s.Vals[in.likelihood].V, c.slots[in.likelihood].metric
	}
	if ok && c.slots[slot].det >= 0 {
		v.Evidence = append(v.Evidence, Evidence{Device: c.device(int32(slot)).id, Metric: v.Metric, Time: t, Value: value})
	}
	for k := len(e.recent) - 1; k >= 0 && len(v.Evidence) < maxEvidence; k-- {
		p := e.recent[k]
		if p.time() > t || !slices.Contains(in.evidence, int(p.slot())) {
			continue
		}
		sl := &c.slots[p.slot()]
		ev := Evidence{Device: c.devices[sl.dev].id, Metric: sl.metric, Time: p.time(), Value: p.V}
		if q := p.quality(); q != telemetry.Good {
			ev.Quality = q.String()
		}
		v.Evidence = append(v.Evidence, ev)
	}
	slices.Reverse(v.Evidence)
	slices.SortStableFunc(v.Evidence, func(a, b Evidence) int { return int(min(max(a.Time-b.Time, -1), 1)) })
	return v
}

// emit gives a verdict its place in the log, and a raise its ID.
func (e *Engine) emit(v Verdict) Verdict {
	v.Pos, v.Index = e.pos, e.index
	if v.Event == Raise {
		h := fnv.New32a()
		fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00%d", v.Rule, v.Place, v.Device, v.Node, v.Index)
		v.ID = fmt.Sprintf("%d-%08x", v.Pos, h.Sum32())
	}
	e.index++
	e.out.Verdict(v)
	return v
}

// withdraw clears a raise that nothing will evaluate any more.
func (e *Engine) withdraw(v Verdict, reason string) {
	v.Event, v.Time, v.Cleared, v.Reason, v.Evidence = Clear, e.arrival, max(e.arrival, v.Onset), reason, nil
	e.emit(v)
}

// Charts are given a derived metric when it has moved, and now and then when it
// has not: detectors speak with every reading, and nobody can see the difference.
const (
	chartMove  = 0.02   // of the value, or of 1 where that is more
	chartRate  = 0.1    // likewise, of a rate a minute: noise moves those most
	chartTrace = 0.25   // likewise, of a trace, which is mostly noise
	chartRest  = 30_000 // ms
	chartSpace = 1_000  // ms between two
)

// thinned is what the charts have been given of a derived slot.
type thinned struct {
	t int64 // 0: nothing, or that it is not known
	v float64
}

func (e *Engine) chart(c *cell, thin []thinned, s *state, det int, t int64) {
	for _, slot := range c.dets[det].outs {
		v, last := &s.Vals[slot], &thin[c.slots[slot].nth]
		if !v.known() {
			last.t = 0
			continue
		}
		if since := t - last.t; last.t != 0 {
			if since < chartSpace && !crossing(last.v, v.V) {
				continue
			}
			if moved := math.Abs(v.V-last.v) >= c.slots[slot].move*max(1, math.Abs(last.v)); !moved && since < chartRest {
				continue
			}
		}
		*last = thinned{t, v.V}
		e.out.Derived(DerivedSample{Device: c.devices[c.dets[det].dev].id, Point: telemetry.Point{Metric: c.slots[slot].metric, Time: t, Value: v.V}})
	}
}

// crossing says that a likelihood has jumped, which a chart must show at its moment.
func crossing(a, b float64) bool { return math.Abs(a-b) > 0.25 }
