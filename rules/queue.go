package rules

import "slices"

// queued is a reading that waits for the others of its record: a record has them by
// device, and a cell wants those of all its devices in order of time.
type queued struct {
	c *cell
	p point
}

// inOrder takes the readings that wait.
func (e *Engine) inOrder() {
	slices.SortStableFunc(e.queued, func(a, b queued) int {
		return compare(a.p, b.p)
	})
	for _, q := range e.queued {
		e.observe(q.c, q.p)
	}
	e.queued = e.queued[:0]
}
