package rules

import (
	"slices"

	"weishao.dev/weishao/rules/detect"
)

type nameKey struct{ dev, name string }

// carry gives new cells the state that old ones had of the same metrics, detectors
// and rules, so that changing one rule resets no other. A raise whose rule or
// device is gone is cleared. Readings set aside for an outage stay only with a cell
// that has the same slots.
func (e *Engine) carry(old, made []*cell) {
	type from struct {
		c *cell
		i int
	}
	slots, dets, insts := map[nameKey]from{}, map[nameKey]from{}, map[nameKey]from{}
	for _, c := range old {
		c.gone = true
		for i, s := range c.slots {
			slots[nameKey{s.dev.id, s.metric}] = from{c, i}
		}
		for i, d := range c.dets {
			dets[nameKey{d.dev.id, d.kind.Name + " " + d.placement}] = from{c, i}
		}
		for i, r := range c.insts {
			insts[r.key()] = from{c, i}
		}
	}
	for _, c := range made {
		s := c.fresh()
		for i, sl := range c.slots {
			f, ok := slots[nameKey{sl.dev.id, sl.metric}]
			if !ok {
				continue
			}
			s.Vals[i] = f.c.cur.Vals[f.i]
			for w, spec := range c.wins {
				if spec.slot == i {
					for ow, o := range f.c.wins {
						if o.slot == f.i && o.span == spec.span {
							s.Wins[w].copyFrom(&f.c.cur.Wins[ow])
						}
					}
				}
			}
			s.LastT, s.Fired = max(s.LastT, f.c.cur.LastT), max(s.Fired, f.c.cur.Fired)
			c.heard, c.clock = max(c.heard, f.c.heard), max(c.clock, f.c.clock)
		}
		for i, d := range c.dets {
			if f, ok := dets[nameKey{d.dev.id, d.kind.Name + " " + d.placement}]; ok {
				s.Dets[i].CopyFrom(f.c.cur.Dets[f.i])
			}
		}
		for i, r := range c.insts {
			f, ok := insts[r.key()]
			if !ok || r.place(c) != f.c.insts[f.i].at {
				continue
			}
			s.Phases[i] = f.c.cur.Phases[f.i]
			if n := len(f.c.said[f.i]); n > 0 && f.c.said[f.i][n-1].Cleared == 0 {
				c.said[i] = append(c.said[i], f.c.said[f.i][n-1])
			}
			delete(insts, r.key())
		}
		s.LastSlot = int32(len(c.slots)) // whatever came at LastT has been seen
		s.Next = 0
		c.begin(s)
	}
	for _, c := range old {
		for i, r := range c.insts {
			if f, left := insts[r.key()]; !left || f.c != c {
				continue
			}
			if n := len(c.said[i]); n > 0 && c.said[i][n-1].Cleared == 0 {
				e.withdraw(c.said[i][n-1].V, "the rules or the site have changed")
			}
		}
		e.aside -= c.kept()
	}
	if len(old) == 0 {
		return
	}
	e.cells = slices.DeleteFunc(e.cells, func(c *cell) bool { return c.gone })
	e.jobs = slices.DeleteFunc(e.jobs, func(c *cell) bool { return c.gone })
}

// key names an instance across versions of site and rules.
func (r *instance) key() nameKey {
	if r.dev == nil {
		return nameKey{"p:" + r.at, r.rule.Name}
	}
	return nameKey{r.dev.id, r.rule.Name}
}

// place is where the instance's hazard would be now.
func (r *instance) place(c *cell) string {
	if r.dev != nil {
		return r.dev.place
	}
	return c.devices[0].place
}

// fresh is a state in which nothing is known.
func (c *cell) fresh() *state {
	s := &state{Vals: make([]value, len(c.slots)), Wins: make([]window, len(c.wins)), Phases: make([]phase, len(c.insts)), Dets: make([]detect.Detector, len(c.dets))}
	for i, d := range c.dets {
		s.Dets[i] = d.kind.New(d.placement)
	}
	c.said = make([][]span, len(c.insts))
	return s
}

// begin makes s the present state and the first checkpoint.
func (c *cell) begin(s *state) {
	c.cur = s
	c.thin = make([]thinned, len(c.slots))
	c.mark()
}
