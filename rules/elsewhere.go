package rules

import (
	"iter"
	"slices"
)

// This file lets a rule ask for what is raised at other places of its zone. Each cell
// keeps its own order of event time, which readings of another room neither delay nor
// disturb; what a cell says tells the others of its zone to look again, from the
// moment on at which it has changed. So the outcome does not depend on which cell's
// readings come first.
//
// A hazard holds elsewhere from the end of the rule's hold to the end of its
// clear_hold, as it is raised and cleared. Rules that ask other places themselves are
// not asked: two rooms would else keep each other's alarm up. What is not known of
// another place changes nothing here: its alarm stands.

// never is later than any time.
const never = int64(1<<63 - 1)

// news is that something was said of a hazard, which holds or not from a time on.
type news struct {
	c      *cell
	hazard Hazard
	from   int64
}

func (r *Rule) others() []string {
	if r.Clear == nil {
		return r.When.Others
	}
	if len(r.When.Others) == 0 {
		return r.Clear.Others
	}
	return append(slices.Clip(r.When.Others), r.Clear.Others...)
}

// zone is what a cell knows of the others of its zone.
type zone struct {
	cells []*cell // of the zone, itself too
	kept  []int   // by instance: intervals from before the cell's checkpoint that are kept for the others
}

// keptFor is what a checkpoint has of what was said: nothing, but for other places.
func (c *cell) keptFor() []int {
	if c.zone == nil {
		return nil
	}
	return c.zone.kept
}

// neighbours makes the cells of a zone that ask other places, or are asked, know the
// others, if there are any.
func (p *Pack) neighbours(cells []*cell) {
	if len(cells) < 2 || cells[0].at == cells[len(cells)-1].at {
		return
	}
	var asked []string
	for _, r := range p.Rules {
		asked = append(asked, r.others()...)
	}
	for _, c := range cells {
		if slices.ContainsFunc(c.insts, func(in *instance) bool { return len(in.others) > 0 || slices.Contains(asked, string(in.rule.Hazard)) }) {
			c.zone = &zone{cells: cells, kept: make([]int, len(c.insts))}
		}
	}
}

// elsewhere goes through the intervals for which a hazard is raised at other places;
// the end of one that is still open is never.
func (c *cell) elsewhere(hazard Hazard) iter.Seq2[int64, int64] {
	return func(yield func(from, until int64) bool) {
		if c.zone == nil {
			return
		}
		for _, other := range c.zone.cells {
			if other.at == c.at {
				continue
			}
			for i, said := range other.said {
				r := other.insts[i].rule
				if len(said) == 0 || r.Hazard != hazard || len(other.insts[i].others) > 0 {
					continue
				}
				for _, sp := range said {
					if !yield(sp.begins(r), sp.ends(r)) {
						return
					}
				}
			}
		}
	}
}

// begins is when the interval was raised, in event time.
func (sp *span) begins(r *Rule) int64 { return sp.V.Onset + r.Hold.Milliseconds() }

func (sp *span) ends(r *Rule) int64 {
	if sp.Cleared == 0 {
		return never
	}
	return sp.Cleared + r.ClearHold.Milliseconds()
}

// forgotten is how many of the first n intervals of an instance nobody will ask for
// any more. Other cells of the zone may still be as far behind as their checkpoints.
func (c *cell) forgotten(i, n int) int {
	if c.zone == nil {
		return n
	}
	old := 0
	for old < n && c.saidOf(i)[old].ends(c.insts[i].rule) < c.base.LastT-2*Lateness {
		old++
	}
	return old
}

// raisedElsewhere reports whether a hazard is raised at another place at t.
func (c *cell) raisedElsewhere(hazard Hazard, t int64) bool {
	for from, until := range c.elsewhere(hazard) {
		if from <= t && t < until {
			return true
		}
	}
	return false
}

// turn is the first time after t at which a hazard begins or ends to be raised
// elsewhere.
func (c *cell) turn(hazard Hazard, t int64) int64 {
	next := never
	for from, until := range c.elsewhere(hazard) {
		for _, at := range [...]int64{from, until} {
			if at > t {
				next = min(next, at)
			}
		}
	}
	return next
}

// tell notes that what is said of an instance has changed from a time on.
func (e *Engine) tell(c *cell, i int, from int64) {
	if in := c.insts[i]; c.zone != nil && len(in.others) == 0 {
		e.told = append(e.told, news{c, in.rule.Hazard, from})
	}
}

// spread has the cells that ask for it look again.
func (e *Engine) spread() {
	for i := 0; i < len(e.told); i++ {
		n := e.told[i]
		for _, c := range n.c.zone.cells {
			if !c.gone && c.at != n.c.at && c.asks(n.hazard) {
				e.lookAgain(c, n.from)
			}
		}
	}
	e.told = e.told[:0]
}

func (c *cell) asks(hazard Hazard) bool {
	return slices.ContainsFunc(c.insts, func(in *instance) bool { return slices.Contains(in.others, string(hazard)) })
}

// lookAgain evaluates a cell again from a time on that it has passed, or else then. It
// goes back no further than to the cell's oldest checkpoint, and during an outage that
// is still coming in to the younger one.
func (e *Engine) lookAgain(c *cell, t int64) {
	if t > max(c.cur.LastT, c.cur.Fired) {
		c.cur.Next = min(c.cur.Next, t)
		e.schedule(c)
		return
	}
	from := checkpoint{s: c.base, marks: c.zone.kept}
	if c.mid != nil && (c.drain != nil || t > max(c.mid.s.LastT, c.mid.s.Fired)) {
		from = *c.mid
	}
	e.again(c, from)
}
