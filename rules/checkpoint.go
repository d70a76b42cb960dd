package rules

// replayMost is how many readings at most are evaluated a second time to bring a
// cell's checkpoint forward. A cell that reads more often keeps a second checkpoint
// instead, which takes memory and saves time.
const replayMost = 16

// checkpoint is a cell's state at an earlier moment.
type checkpoint struct {
	s     *state
	pos   int   // how much of the tail is in it
	marks []int // by instance: how much of what was said is in it, an interval that was open not; nil: nothing
}

func (k *checkpoint) mark(i int) int {
	if k.marks == nil {
		return 0
	}
	return k.marks[i]
}

// passed reports whether a reading comes too late for a state.
func (s *state) passed(p point) bool { return p.before(s.LastT, s.LastSlot) || p.time() < s.Fired }

// youngest is the last checkpoint that a reading comes after. While an outage's
// readings come in, the state before it is none: its turn comes later.
func (c *cell) youngest(p point) (checkpoint, bool) {
	if c.half > 0 && compare(p, c.tail[c.half-1]) >= 0 {
		c.stop()
	}
	switch {
	case c.mid != nil && !c.mid.s.passed(p):
		return *c.mid, true
	case c.drain == nil && !c.base.passed(p):
		return checkpoint{s: c.base, marks: c.keptFor()}, true
	}
	return checkpoint{}, false
}

// take makes the present state of the cell its second checkpoint.
func (c *cell) take() {
	if c.mid == nil {
		c.mid = &checkpoint{s: c.cur.clone(), marks: make([]int, len(c.insts))}
	} else {
		c.mid.s.copyFrom(&c.cur)
	}
	c.half, c.mid.pos = 0, len(c.tail)
	for i := range c.insts {
		c.mid.marks[i] = over(c.saidOf(i))
	}
}

// retake makes k the state s, which an evaluation from another checkpoint has come to
// with the intervals that it found since.
func (k *checkpoint) retake(s *state, pos int, from checkpoint, found [][]span) {
	k.s.copyFrom(s)
	k.pos = pos
	for i, spans := range found {
		k.marks[i] = from.mark(i) + over(spans)
	}
}

// over is how many of some intervals are.
func over(spans []span) int {
	n := len(spans)
	if n > 0 && spans[n-1].Cleared == 0 {
		n--
	}
	return n
}

// mark makes the present state the only checkpoint.
func (c *cell) mark() {
	c.tail = c.tail[:0]
	for i := range c.insts {
		c.forget(i, 0, over(c.saidOf(i)))
	}
	if c.base == nil {
		c.base = c.cur.clone()
	} else {
		c.base.copyFrom(&c.cur)
	}
	c.mid, c.half = nil, 0
	clear(c.keptFor())
}

// rotate keeps the checkpoint between Lateness and twice that behind.
func (c *cell) rotate() {
	switch {
	case c.mid == nil && c.half == 0:
		if c.drain != nil || c.cur.LastT-c.base.LastT >= Lateness {
			c.halve()
		}
	case c.cur.LastT-c.halfT() < Lateness:
	case c.drain != nil:
		c.take()
	default:
		c.moveUp()
		c.halve()
	}
}

// halve notes that the checkpoint will be here next. A second one is kept up where
// there is one, unless it is far from worth it; and where other places are asked, of
// which nobody may know the same any more when readings are evaluated again.
func (c *cell) halve() {
	most := replayMost
	if c.mid != nil {
		most /= 2
	}
	if c.drain == nil && c.zone == nil && len(c.tail) <= most {
		c.half, c.mid = int32(len(c.tail)), nil
	} else {
		c.take()
	}
}

// stop makes the second checkpoint where the first would be next.
func (c *cell) stop() {
	n := counted{make([]int, len(c.insts))}
	s := c.base.clone()
	for _, p := range c.tail[:c.half] {
		c.step(s, p, n)
	}
	c.mid, c.half = &checkpoint{s, int(c.half), n.marks}, 0
}

func (c *cell) halfT() int64 {
	if c.mid != nil {
		return c.mid.s.LastT
	}
	return c.tail[c.half-1].time()
}

// moveUp brings the checkpoint to where half of the tail is over.
func (c *cell) moveUp() {
	n := int(c.half)
	if c.mid != nil {
		n = c.mid.pos
		c.base, c.mid.s = c.mid.s, c.base
		for i, n := range c.mid.marks {
			old := c.forgotten(i, n)
			c.forget(i, 0, old)
			if c.zone != nil {
				c.zone.kept[i] = n - old
			}
		}
	} else {
		for _, p := range c.tail[:n] {
			c.step(c.base, p, settled{})
		}
	}
	c.tail = append(c.tail[:0], c.tail[n:]...)
}

// counted counts the intervals that are over.
type counted struct{ marks []int }

func (counted) raised(*cell, *state, int, int64)                     {}
func (n counted) cleared(_ *cell, _ *state, i int, _ int64, _ int64) { n.marks[i]++ }
func (counted) derived(*cell, *state, int, int64)                    {}

// settled is told what becomes final: an interval that is over needs not be kept.
type settled struct{}

func (settled) raised(*cell, *state, int, int64)                   {}
func (settled) cleared(c *cell, _ *state, i int, _ int64, _ int64) { c.forget(i, 0, 1) }
func (settled) derived(*cell, *state, int, int64)                  {}
