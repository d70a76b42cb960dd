package rules

// cell is the devices that are looked at together: one, unless a rule or a detector
// asks several of a place. Everything in it happens in one order of event time. What
// rules ask of other places goes from cell to cell, see elsewhere.go.
type cell struct {
	*layout
	devices []*device // of one place, by name
	at      string    // the place for which it was made
	zone    *zone     // nil where nothing is asked of other places, nor of this one
	kind    byte      // what it is the cell of: one of the constants below
	gone    bool      // another has taken its place
	no      int32     // of all cells

	cur   state
	heard int64       // listening time when the newest reading came
	clock int64       // event time that ticks have brought the cell to, see setClock
	ticks uint64      // of the engine, that the clock knows of
	tail  []point     // readings since base, in order
	half  int32       // of the tail: where base will be next; 0: not yet known, or mid is there
	late  int32       // live readings in a row that were before base
	base  *state      // the checkpoint: nothing before it changes any more
	mid   *checkpoint // a younger one; nil: none
	said  [][]span    // by instance: what has been raised since base; nil: nothing
	thin  []thinned   // by derived slot, as numbered in it: what the charts have been given
	drain *drain      // while a gateway brings what it stored in an outage
}

// What a cell can be the cell of.
const (
	ofDevice = 'd'
	ofPlace  = 'p'
)

// key names a cell across versions of site and rules.
func (c *cell) key() string {
	name := c.devices[0].id
	if c.kind == ofPlace {
		name = c.at
	}
	return string(c.kind) + ":" + name
}

// device is the one that a slot is a metric of.
func (c *cell) device(slot int32) *device { return c.devices[c.slots[slot].dev] }

// span is an interval that has been raised.
type span struct {
	Cleared int64 // event time since which it holds no longer; 0: it still does
	V       Verdict
}

// observer is told of what changes as a state moves on.
type observer interface {
	raised(c *cell, s *state, inst int, at int64)
	cleared(c *cell, s *state, inst int, since, at int64)
	derived(c *cell, s *state, det int, at int64)
}

// step takes a reading: first what time alone changes up to it, then itself.
func (c *cell) step(s *state, p point, o observer) {
	t, at := p.time(), p.slot()
	c.advance(s, t, o)
	s.LastT, s.LastSlot = t, at
	sl, v := &c.slots[at], &s.Vals[at]
	if p.fault() {
		v.lose()
		for _, f := range sl.feeds {
			s.Dets[f.det].Gap(f.input, t)
		}
	} else {
		v.set(t, p.V, c.devices[sl.dev].limit)
		for _, f := range sl.feeds {
			s.Dets[f.det].Observe(f.input, t, p.V)
		}
		for _, w := range sl.wins {
			s.extra.Wins[w].add(c.wins[w], t, p.V)
		}
		s.Next = min(s.Next, v.Until)
	}
	m := moment{s, t, c}
	for _, f := range sl.feeds {
		c.publish(&m, f.det)
	}
	for _, i := range sl.insts {
		c.evaluate(&m, i, o)
	}
	for _, f := range sl.feeds {
		o.derived(c, s, f.det, t)
	}
}

// publish takes over the outputs of a detector that was told something.
func (c *cell) publish(m *moment, det int) {
	live := m.s.Dets[det]
	for i, slot := range c.dets[det].outs {
		x, ok := live.Output(i)
		v := &m.s.Vals[slot]
		if !ok {
			v.lose()
			continue
		}
		v.set(m.t, x, 0)
		for _, w := range c.slots[slot].wins {
			m.s.extra.Wins[w].add(c.wins[w], m.t, x)
		}
	}
	if w := live.Wake(); w > m.t {
		m.s.Next = min(m.s.Next, w)
	}
}

func (c *cell) evaluate(m *moment, i int, o observer) {
	r, p := c.insts[i], &phase{}
	kept := m.s.extra != nil && m.s.extra.Phases != nil
	if kept {
		p = &m.s.extra.Phases[i]
	}
	change, since := p.evaluate(r, m)
	if !kept && p.Stage != idle {
		c.setPhase(m.s, i, *p)
	}
	switch change {
	case raised:
		o.raised(c, m.s, i, m.t)
	case cleared:
		o.cleared(c, m.s, i, since, m.t)
	}
	if due := p.due(r); due != 0 {
		m.s.Next = min(m.s.Next, due)
	}
	if r.timed {
		m.s.Next = min(m.s.Next, nextSecond(m.t))
	}
}

func nextSecond(t int64) int64 { return t - t%1000 + 1000 }

// advance lets event time pass up to t: values that nobody has renewed become
// unknown, detectors wake, holds end, each at its exact moment and in order.
func (c *cell) advance(s *state, t int64, o observer) {
	if s.LastT == 0 { // nothing has been read, so nothing has been missed since 1970
		s.Fired = max(s.Fired, t)
	}
	for s.Next <= t {
		s.Next = c.due(s)
		if s.Next > t {
			return
		}
		c.fire(s, s.Next, o)
	}
}

// due is when the next timer goes off.
func (c *cell) due(s *state) int64 {
	next := never
	for i := range s.Vals {
		if v := &s.Vals[i]; v.known() && c.slots[i].det < 0 {
			next = min(next, v.Until)
		}
	}
	for _, d := range s.Dets {
		if w := d.Wake(); w > s.Fired {
			next = min(next, max(w, s.LastT))
		}
	}
	for i, r := range c.insts {
		p := s.phase(i)
		if due := p.due(r); due != 0 {
			next = min(next, due)
		}
		if r.timed {
			next = min(next, nextSecond(max(s.Fired, s.LastT)))
		}
		for _, hazard := range r.others {
			next = min(next, c.turn(Hazard(hazard), max(s.Fired, s.LastT)))
		}
	}
	return next
}

// fire lets everything go off that is due at t.
func (c *cell) fire(s *state, t int64, o observer) {
	s.Fired = t
	m := moment{s, t, c}
	for i := range s.Vals {
		v := &s.Vals[i]
		if sl := &c.slots[i]; v.known() && sl.det < 0 && v.Until <= t {
			v.lose()
			for _, f := range sl.feeds {
				s.Dets[f.det].Gap(f.input, t)
			}
		}
	}
	for i, d := range s.Dets {
		if w := d.Wake(); w != 0 && w <= t {
			d.Advance(t)
		}
		c.publish(&m, i)
	}
	for i := range c.insts {
		c.evaluate(&m, i, o)
	}
	for i := range c.dets {
		o.derived(c, s, i, t)
	}
}
