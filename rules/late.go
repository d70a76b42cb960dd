package rules

import "slices"

// Lateness is how late, in event time against the newest reading of its cell, a
// reading may come and still be put where it belongs. In ms.
const Lateness = 30_000

// clockSteps is how many readings in a row from before all checkpoints mean that a
// gateway's clock was set back, so that the cell must begin anew with them.
const clockSteps = 3

// observe takes a reading that is not of an outage.
func (e *Engine) observe(c *cell, p point) {
	if c.cur.passed(p) {
		e.belated(c, p)
		return
	}
	if d := c.device(p.slot()); d.behind != 0 {
		d.behind = 0
	}
	e.append(c, p)
}

// append takes a reading that comes after all that the cell has seen.
func (e *Engine) append(c *cell, p point) {
	c.late = 0
	e.setClock(c)
	c.tail = push(c.tail, p)
	e.recent = c.tail
	c.step(&c.cur, p, (*live)(e))
	c.heard = e.listen
	e.schedule(c)
	c.rotate()
	if c.drain != nil {
		if e.aside++; e.aside > maxAside {
			e.endDrain(c)
		}
	}
}

// belated puts a reading where it belongs and evaluates again what came after.
func (e *Engine) belated(c *cell, p point) {
	if c.setBack(p, e.listen) {
		e.startAnew(c, p)
		return
	}
	from, ok := c.youngest(p)
	if !ok {
		switch c.late++; {
		case e.behind(c, p):
			e.append(c, p.at(max(c.cur.LastT+e.listen-c.heard, c.cur.LastT+1, c.cur.Fired), p.slot()))
		case c.drain != nil && !c.base.passed(p): // the outage's turn comes later, and the reading's with it
			c.late--
			e.belongs(c, p)
		case c.late >= clockSteps:
			e.startAnew(c, p)
		}
		return
	}
	c.late = 0
	newest := p.time() > c.cur.LastT // a timer alone was ahead of it
	c.insert(p, from.pos)
	if c.drain != nil {
		e.aside++
	}
	if from.s == c.base && c.mid != nil {
		c.mid.pos++ // it was taken without the reading that was put before it
	}
	e.again(c, from)
	if newest { // else the clock would run ahead of the readings for good
		c.heard = e.listen
		e.schedule(c)
		c.rotate()
	}
	for _, f := range c.slots[p.slot()].feeds {
		(*live)(e).derived(c, &c.cur, f.det, c.cur.LastT)
	}
}

// again evaluates the tail again from a checkpoint.
func (e *Engine) again(c *cell, from checkpoint) {
	mid := -1
	if from.s == c.base && c.mid != nil {
		mid = c.mid.pos
	}
	e.setClock(c)
	c.cur.copyFrom(from.s)
	c.cur.Next = 0 // what holds elsewhere may have changed since
	e.recent = c.tail[:from.pos]
	f := e.collector(c, &c.cur)
	for i := from.pos; i < len(c.tail); i++ {
		e.recent = c.tail[:i+1]
		c.step(&c.cur, c.tail[i], f)
		if i+1 == mid {
			c.mid.retake(&c.cur, mid, from, f.spans)
		}
	}
	c.advance(&c.cur, c.clock, f)
	e.schedule(c)
	e.reconcile(c, f, from)
}

// behind reports whether a device has been too late for its cell for longer than it
// may be silent, while another one was not: their clocks differ. Then its readings
// are taken as of now, since nothing would ever be raised on them otherwise.
func (e *Engine) behind(c *cell, p point) bool {
	d := c.device(p.slot())
	if len(c.devices) < 2 || c.cur.LastT-p.time() <= Lateness {
		return false
	}
	if d.behind == 0 {
		d.behind = e.listen
	}
	return e.listen-d.behind > d.limit
}

// setBack reports whether a clock was set back, from what a checkpoint or an outage
// would take for a late reading: for longer than its device may be silent, nothing
// has come but readings from before what is allowed to be late. That may be because
// one reading came from the future; or the clock was set right after an outage.
func (c *cell) setBack(p point, listen int64) bool {
	return c.cur.LastT-p.time() > Lateness && listen-c.heard > c.device(p.slot()).limit
}

// insert puts a reading into the tail, not before from.
func (c *cell) insert(p point, from int) {
	at := from + p.place(c.tail[from:])
	c.tail = slices.Insert(c.tail, at, p)
	switch {
	case at < int(c.half):
		c.half++
	case c.drain != nil && c.mid != nil && at < c.mid.pos:
		c.mid.pos++
	}
}

// startAnew begins at a reading from before all that the cell remembers, when a
// clock was set back. What had been raised stands until it is seen to be over.
func (e *Engine) startAnew(c *cell, p point) {
	e.setClock(c)
	before := c.cur
	s := c.fresh()
	for i := range c.insts {
		if ph := before.phase(i); ph.Stage == active || ph.Stage == clearing {
			c.setPhase(s, i, phase{Stage: active, Onset: min(ph.Onset, p.time())})
		}
	}
	c.late, c.clock, c.cur = 0, 0, *s
	c.thin = make([]thinned, c.derived)
	e.endDrain(c)
	c.mark()
	e.observe(c, p)
}

// live is the engine as the observer of what happens now.
type live Engine

func (l *live) raised(c *cell, s *state, i int, at int64) {
	e := (*Engine)(l)
	v := e.describe(c, s, i, at)
	v.Event, v.Onset, v.Features = Raise, s.phase(i).Onset, c.explain(s, i)
	e.say(c, i, v, 0)
	e.tell(c, i, c.last(i).begins(c.insts[i].rule))
}

func (l *live) cleared(c *cell, s *state, i int, since, at int64) {
	e := (*Engine)(l)
	last := c.last(i)
	last.Cleared = since
	e.changed(Clear, last, e.describe(c, s, i, at))
	e.tell(c, i, last.ends(c.insts[i].rule))
}

func (l *live) derived(c *cell, s *state, det int, at int64) {
	(*Engine)(l).chart(c, c.thin, s, det, at)
}

// collected takes the intervals of an evaluation that is done again.
type collected struct {
	e     *Engine
	spans [][]span
	thin  []thinned // nil: the charts have been given this already
}

func (e *Engine) collector(c *cell, s *state) *collected {
	f := &collected{e: e, spans: make([][]span, len(c.insts))}
	for i := range c.insts {
		if p := s.phase(i); p.Stage == active || p.Stage == clearing {
			v := e.describe(c, s, i, s.LastT)
			v.Onset = p.Onset
			f.spans[i] = append(f.spans[i], span{V: v})
		}
	}
	return f
}

func (f *collected) raised(c *cell, s *state, i int, at int64) {
	v := f.e.describe(c, s, i, at)
	v.Onset, v.Features = s.phase(i).Onset, c.explain(s, i)
	f.spans[i] = append(f.spans[i], span{V: v})
}

func (f *collected) cleared(_ *cell, _ *state, i int, since, _ int64) {
	f.spans[i][len(f.spans[i])-1].Cleared = since
}

func (f *collected) derived(c *cell, s *state, det int, at int64) {
	if f.thin != nil {
		f.e.chart(c, f.thin, s, det, at)
	}
}

// reconcile says the difference between what was said after a checkpoint and what turned
// out. An interval that overlaps one that was said is the same raise.
func (e *Engine) reconcile(c *cell, f *collected, from checkpoint) {
	for i, found := range f.spans {
		said := slices.Clone(c.saidOf(i)[from.mark(i):])
		if sameSpans(said, found) {
			continue
		}
		for _, list := range [][]span{said, found} {
			for k := range list {
				e.tell(c, i, list[k].begins(c.insts[i].rule))
			}
		}
		c.forget(i, from.mark(i), len(c.saidOf(i)))
		now := e.describe(c, &c.cur, i, c.cur.LastT)
		for _, sp := range found {
			at := slices.IndexFunc(said, func(s span) bool { return overlap(s, sp) })
			if at < 0 {
				e.say(c, i, sp.V, sp.Cleared)
				continue
			}
			was := said[at]
			said = slices.Delete(said, at, at+1)
			is := span{Cleared: sp.Cleared, V: was.V}
			is.V.Onset = sp.V.Onset
			c.record(i, is)
			switch {
			case was.Cleared == 0 && is.Cleared != 0:
				e.changed(Clear, &is, now)
			case was.Cleared != is.Cleared || was.V.Onset != is.V.Onset:
				e.changed(Revised, &is, now)
			}
		}
		for _, gone := range said {
			gone.Cleared = gone.V.Onset
			e.changed(Revised, &gone, now)
		}
	}
}

func sameSpans(a, b []span) bool {
	return slices.EqualFunc(a, b, func(x, y span) bool { return x.Cleared == y.Cleared && x.V.Onset == y.V.Onset })
}

func overlap(a, b span) bool {
	return (b.Cleared == 0 || a.V.Onset <= b.Cleared) && (a.Cleared == 0 || b.V.Onset <= a.Cleared)
}
