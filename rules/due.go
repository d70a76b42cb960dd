package rules

// This file says what a tick has to look at: of a million devices nearly all have
// nothing to do. Each cell and each device has a listening time before which a tick
// need not look at it, in lists that are read from one end to the other.

// timers lets those of a cell's timers go off that ticks have brought about.
func (e *Engine) timers(c *cell) {
	e.setClock(c)
	if c.cur.Next <= c.clock {
		e.recent = c.tail
		c.advance(&c.cur, c.clock, (*live)(e))
	}
	e.schedule(c)
}

// setClock brings a cell's clock to where the ticks so far have brought it. It is
// called before a reading moves the cell on, and before its clock is read.
func (e *Engine) setClock(c *cell) {
	if c.cur.LastT != 0 && c.ticks != e.ticks {
		c.clock = max(c.clock, c.cur.LastT+e.ticked-c.heard-tickMargin)
	}
	c.ticks = e.ticks
}

// schedule notes when a tick must look at a cell: when its clock comes to its next
// timer. It is called whenever a cell has changed. Next is mostly too early, since
// readings have put off what it was for; when it has come near it is worth finding out.
func (e *Engine) schedule(c *cell) {
	s, at := &c.cur, never
	next := s.Next
	if next > c.clock && next-s.LastT < c.devices[0].limit/2 {
		next = max(next, c.due(s))
	}
	switch {
	case s.LastT == 0 || next == never:
	case next <= c.clock:
		at = 0
	default:
		at = c.heard + tickMargin + next - s.LastT
	}
	e.due[c.no] = at
}

// look has the next tick look at a device.
func (e *Engine) look(d *device) { e.watch[d.no] = 0 }

// due is the listening time before which nothing is to be said of the watching of a
// device, unless something comes of it. Readings put it off.
func (d *device) due() int64 {
	at := never
	if d.silent == nil && d.node.silent == nil {
		at = d.heard + d.limit + 1
	}
	switch {
	case d.faulty == nil:
		for _, f := range d.bad {
			at = min(at, f.Since+holdOf(f.Quality))
		}
	case len(d.bad) == 0:
		at = min(at, d.good+faultClear)
	}
	return at
}
