package rules

import (
	"slices"
)

// Bounds of the evaluation of an outage.
const (
	jobSlice = 50_000    // readings per log record
	maxAside = 8_000_000 // readings kept for outages by all cells together; past it an outage is history only
)

// drain is a cell's outage while the readings of it come in, and then its
// evaluation.
type drain struct {
	nodes   []string // that have not brought all
	backlog []point
	running bool
	at      int // of backlog: evaluated up to
	found   *collected
}

// kept is how many readings are kept for the outage: those of it, and the live ones
// since, which grow for as long as a gateway does not bring what it says it has.
func (c *cell) kept() int {
	if c.drain == nil {
		return 0
	}
	return len(c.drain.backlog) + len(c.tail)
}

// fork keeps the state before the outage of a gateway that is back with readings
// from it.
func (e *Engine) fork(c *cell, node string) {
	if d := c.drain; d != nil && d.running {
		e.runJob(c, len(d.backlog)+1)
	}
	if c.drain == nil {
		e.goBack(c)
		c.drain = &drain{}
	}
	if !slices.Contains(c.drain.nodes, node) {
		c.drain.nodes = append(c.drain.nodes, node)
	}
}

// goBack makes the state at the last reading the base: that before ticks found the
// device silent, as if nothing had come after.
func (e *Engine) goBack(c *cell) {
	from := checkpoint{s: c.base, marks: c.keptFor()}
	if c.mid != nil {
		from = *c.mid
	}
	s := from.s.clone()
	s.Next = 0
	e.recent = c.tail[:from.pos]
	f := e.collector(c, s)
	for i := from.pos; i < len(c.tail); i++ {
		e.recent = c.tail[:i+1]
		c.step(s, c.tail[i], f)
	}
	for i, spans := range f.spans {
		past := from.mark(i)
		for _, sp := range spans {
			if sp.Cleared != 0 {
				past++
			}
		}
		c.forget(i, 0, past)
	}
	c.tail = c.tail[:0]
	c.base = s
	clear(c.keptFor())
	c.take()
}

// setAside keeps a reading of an outage until all of them are there.
func (e *Engine) setAside(c *cell, p point) {
	if e.aside >= maxAside {
		e.endDrain(c)
		return
	}
	c.drain.backlog = append(c.drain.backlog, p)
	e.aside++
}

// past reports whether a reading of an outage comes when the cell has gone on
// without it: the outage was given up, or nobody knew of it. It must not be taken
// for a clock that was set back, nor have hours evaluated again.
func (c *cell) past(p point) bool {
	if !c.cur.passed(p) {
		return false
	}
	return p.time() < c.cur.LastT-Lateness || c.base.passed(p) && (c.mid == nil || c.mid.s.passed(p))
}

// belongs puts a reading that is older than what is live into the outage that is
// still to be evaluated.
func (e *Engine) belongs(c *cell, p point) {
	d := c.drain
	e.aside++
	if !d.running {
		c.insert(p, 0)
		return
	}
	d.backlog = slices.Insert(d.backlog, d.at+p.place(d.backlog[d.at:]), p)
}

// endDrain gives an outage up: what came and comes of it is history only.
func (e *Engine) endDrain(c *cell) {
	if c.drain == nil {
		return
	}
	e.aside -= c.kept()
	c.drain = nil
	e.jobs = slices.DeleteFunc(e.jobs, func(j *cell) bool { return j == c })
	c.mark()
}

// drained notes that a gateway has brought all it had.
func (e *Engine) drained(g *gateway) {
	g.stored = false
	for _, d := range g.devices {
		c := d.cell
		if c == nil || c.drain == nil || c.drain.running {
			continue
		}
		if c.drain.nodes = slices.DeleteFunc(c.drain.nodes, func(n string) bool { return n == g.id }); len(c.drain.nodes) > 0 {
			continue
		}
		if len(c.drain.backlog) == 0 {
			e.aside -= c.kept()
			c.drain, c.mid = nil, nil
			continue
		}
		e.startJob(c)
	}
}

// startJob puts all readings since the outage began, live ones too, in order.
func (e *Engine) startJob(c *cell) {
	d := c.drain
	d.backlog = append(d.backlog, c.tail...)
	sortPoints(d.backlog)
	c.tail = c.tail[:0]
	c.take()
	d.running = true
	c.base.Next = 0
	e.recent = nil
	d.found = e.collector(c, c.base)
	d.found.thin = make([]thinned, c.derived)
	e.jobs = append(e.jobs, c)
}

// runJobs goes on with the outages that are complete, by one slice.
func (e *Engine) runJobs() {
	for left := jobSlice; left > 0 && len(e.jobs) > 0; {
		left -= e.runJob(e.jobs[0], left)
	}
}

// runJob evaluates at most so many readings of an outage and says how many. At the
// end the outcome becomes the present, and what it adds to what was said is said.
func (e *Engine) runJob(c *cell, most int) int {
	d, s := c.drain, c.base
	end := min(d.at+most, len(d.backlog))
	done := end - d.at
	for ; d.at < end; d.at++ {
		p := d.backlog[d.at]
		if s.passed(p) {
			continue
		}
		e.recent = d.backlog[:d.at+1]
		c.step(s, p, d.found)
	}
	if d.at < len(d.backlog) {
		return done
	}
	for i, p := range c.tail {
		if !s.passed(p) {
			e.recent = c.tail[:i+1]
			c.step(s, p, d.found)
		}
	}
	e.jobs = slices.DeleteFunc(e.jobs, func(j *cell) bool { return j == c })
	e.setClock(c)
	c.advance(s, c.clock, d.found)
	c.cur.copyFrom(s)
	e.schedule(c)
	e.aside -= c.kept()
	c.drain = nil
	e.reconcile(c, d.found, checkpoint{marks: c.keptFor()})
	c.mark()
	return done + len(c.tail) + 1
}
