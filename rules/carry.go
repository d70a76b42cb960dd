package rules

import (
	"slices"
	"strconv"

	"weishao.dev/weishao/rules/detect"
)

type nameKey struct{ dev, name string }

// carry gives new cells the state that old ones had of the same metrics, detectors
// and rules, so that changing one rule resets no other. A raise whose rule or
// device is gone is cleared. An outage whose readings are still coming in goes on;
// one that is being evaluated is left to history.
func (e *Engine) carry(old, made []*cell) {
	for _, c := range old {
		e.setClock(c)
	}
	l := legacyOf(old)
	for _, c := range made {
		l.give(c)
		e.aside += c.kept()
	}
	for _, c := range old {
		for i, r := range c.insts {
			if f, left := l.insts[c.instKey(r)]; !left || f.c != c {
				continue
			}
			if said := c.saidOf(i); over(said) < len(said) {
				e.withdraw(c.last(i).V, "the rules or the site have changed")
			}
		}
		e.aside -= c.kept()
	}
	if len(old) == 0 {
		return
	}
	e.gone = true
	e.jobs = slices.DeleteFunc(e.jobs, func(c *cell) bool { return c.gone })
}

// live is all cells but those that others have taken the place of. They are let go
// here, all at once: a million devices are born one by one.
func (e *Engine) live() []*cell {
	if e.gone {
		e.gone = false
		all := e.cells
		e.cells, e.due = e.cells[:0], e.due[:0]
		for _, c := range all {
			if !c.gone {
				e.add(c)
			}
		}
		clear(all[len(e.cells):])
	}
	return e.cells
}

func (e *Engine) add(c *cell) {
	c.no = int32(len(e.cells))
	e.cells, e.due = append(e.cells, c), append(e.due, 0)
}

// legacy is what old cells leave to new ones, by name.
type legacy struct {
	slots, dets, insts map[nameKey]heirloom
}

type heirloom struct {
	c *cell
	i int
}

func legacyOf(old []*cell) *legacy {
	l := &legacy{map[nameKey]heirloom{}, map[nameKey]heirloom{}, map[nameKey]heirloom{}}
	for _, c := range old {
		c.gone = true
		for i := range c.slots {
			l.slots[c.slotKey(i)] = heirloom{c, i}
		}
		for i := range c.dets {
			l.dets[c.detKey(i)] = heirloom{c, i}
		}
		for i, r := range c.insts {
			l.insts[c.instKey(r)] = heirloom{c, i}
		}
	}
	return l
}

// give makes the present state of a new cell, and its outage if all the cells that
// its devices come from are in one.
func (l *legacy) give(c *cell) {
	out := c.outages()
	c.cur = *l.state(c, func(o *cell) *state { return &o.cur })
	before := l.state(c, func(o *cell) *state {
		if slices.Contains(out, o) {
			return o.base
		}
		return &o.cur
	})
	c.thin = make([]thinned, c.derived)
	for i, r := range c.insts {
		f, ok := l.of(c, r)
		if !ok {
			continue
		}
		for _, sp := range f.c.saidOf(f.i) {
			if sp.Cleared == 0 || slices.Contains(out, f.c) {
				c.record(i, sp)
			}
		}
		delete(l.insts, c.instKey(r))
	}
	if len(out) > 0 {
		c.goOn(before, out)
	} else {
		c.mark()
	}
}

// of finds what an instance was before; ok is false if it is new, or elsewhere now.
func (l *legacy) of(c *cell, r *instance) (h heirloom, ok bool) {
	h, ok = l.insts[c.instKey(r)]
	return h, ok && c.at == h.c.at
}

// state makes a state of a new cell from those that pick chooses of old ones.
func (l *legacy) state(c *cell, pick func(*cell) *state) *state {
	s := c.fresh()
	for i := range c.slots {
		f, ok := l.slots[c.slotKey(i)]
		if !ok {
			continue
		}
		from := pick(f.c)
		s.Vals[i] = from.Vals[f.i]
		for w, spec := range c.wins {
			if ow := slices.Index(f.c.wins, windowOf{f.i, spec.span, spec.sketch}); spec.slot == i && ow >= 0 {
				s.extra.Wins[w].copyFrom(&from.extra.Wins[ow])
			}
		}
		s.LastT, s.Fired = max(s.LastT, from.LastT), max(s.Fired, from.Fired)
		c.heard, c.clock = max(c.heard, f.c.heard), max(c.clock, f.c.clock)
	}
	for i := range c.dets {
		if f, ok := l.dets[c.detKey(i)]; ok {
			s.Dets[i].CopyFrom(pick(f.c).Dets[f.i])
		}
	}
	for i, r := range c.insts {
		if f, ok := l.of(c, r); ok {
			c.setPhase(s, i, pick(f.c).phase(f.i))
		}
	}
	s.LastSlot = int32(len(c.slots)) // whatever came at LastT has been seen
	s.Next = 0
	return s
}

// outages are the old cells of c's devices if each has an outage that still comes in.
func (c *cell) outages() (list []*cell) {
	for _, d := range c.devices {
		switch {
		case d.cell == nil || slices.Contains(list, d.cell):
		case d.cell.drain == nil || d.cell.drain.running:
			return nil
		default:
			list = append(list, d.cell)
		}
	}
	return list
}

// goOn takes over the outages of old cells: the state before them, and the readings
// that have come since.
func (c *cell) goOn(before *state, out []*cell) {
	slots := map[nameKey]int32{}
	for i := range c.slots {
		slots[c.slotKey(i)] = int32(i)
	}
	take := func(to []point, o *cell, points []point) []point {
		for _, p := range points {
			if slot, ok := slots[o.slotKey(int(p.slot()))]; ok {
				to = append(to, p.at(p.time(), slot))
			}
		}
		return to
	}
	c.drain = &drain{}
	for _, o := range out {
		for _, n := range o.drain.nodes {
			if !slices.Contains(c.drain.nodes, n) {
				c.drain.nodes = append(c.drain.nodes, n)
			}
		}
		c.drain.backlog = take(c.drain.backlog, o, o.drain.backlog)
		c.tail = take(c.tail, o, o.tail)
	}
	sortPoints(c.tail)
	c.base = before
	c.take()
}

func (c *cell) slotKey(i int) nameKey { return nameKey{c.device(int32(i)).id, c.slots[i].metric} }

func (c *cell) detKey(i int) nameKey {
	d := &c.dets[i]
	name := d.kind.Name + " " + d.placement
	if d.kind.Rated {
		name += " " + strconv.FormatFloat(d.rating, 'g', -1, 64)
	}
	return nameKey{c.devices[d.dev].id, name}
}

// instKey names an instance across versions of site and rules.
func (c *cell) instKey(in *instance) nameKey {
	if in.dev < 0 {
		return nameKey{"p:" + c.at, in.rule.Name}
	}
	return nameKey{c.devices[in.dev].id, in.rule.Name}
}

// fresh is a state in which nothing is known.
func (c *cell) fresh() *state {
	s := &state{Vals: make([]value, len(c.slots)), Dets: make([]detect.Detector, len(c.dets))}
	if len(c.wins) > 0 {
		s.extra = &extra{Wins: make([]window, len(c.wins))}
	}
	for i, d := range c.dets {
		s.Dets[i] = d.kind.New(d.placement, d.rating)
	}
	return s
}
