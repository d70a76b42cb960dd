package rules

import "slices"

// saidOf is what an instance has been said to have raised since the checkpoint,
// oldest first.
func (c *cell) saidOf(i int) []span {
	if c.said == nil {
		return nil
	}
	return c.said[i]
}

func (c *cell) last(i int) *span { return &c.said[i][len(c.said[i])-1] }

// record keeps an interval that was said. Most cells never raise anything.
func (c *cell) record(i int, sp span) {
	if c.said == nil {
		c.said = make([][]span, len(c.insts))
	}
	c.said[i] = append(c.said[i], sp)
}

// forget lets some of an instance's intervals go.
func (c *cell) forget(i, from, to int) {
	if from < to {
		c.said[i] = slices.Delete(c.said[i], from, to)
	}
}

// say raises an interval, which is over already where cleared says so.
func (e *Engine) say(c *cell, i int, v Verdict, cleared int64) {
	v.Event, v.Cleared, v.Over = Raise, cleared, cleared != 0
	v = e.emit(v)
	v.Evidence, v.Features = nil, nil
	c.record(i, span{Cleared: cleared, V: v})
}

// changed says that an interval is over or has another extent than was said; now
// is what is to be seen at the moment.
func (e *Engine) changed(ev Event, sp *span, now Verdict) {
	v := sp.V
	v.Event, v.Time, v.Cleared, v.Over = ev, now.Time, sp.Cleared, false
	v.Value, v.Likelihood, v.Evidence = now.Value, now.Likelihood, now.Evidence
	e.emit(v)
}
