package incidents

import (
	"slices"
	"time"
)

// clockState is how far an escalation has come.
type clockState struct {
	mode  Mode
	step  int      // steps taken
	round int      // passes through the chain, from 1
	paged []string // in this round
	last  bool     // nobody is left in this round
}

// plan is one step of an escalation.
type plan struct {
	page  []string      // people, in the chain's order; empty: nobody there, or done
	round int           // that they are paged in
	last  bool          // the round is complete with them
	wait  time.Duration // until the next step
	done  bool          // there is no next step and nobody to page
}

// planStep decides whom to page now. The chain is asked for anew at each step,
// since shifts change; in the first round whoever of it has not been paged comes
// next, one at a time. When all have been, all of them are paged every repeat.
func planStep(c clockState, chain []string, escalate, repeat time.Duration) plan {
	if c.round == 1 {
		left := slices.DeleteFunc(slices.Clone(chain), func(p string) bool { return slices.Contains(c.paged, p) })
		switch {
		case len(left) > 1:
			return plan{page: left[:1], round: 1, wait: escalate}
		case len(left) == 1:
			return plan{page: left, round: 1, last: true, wait: repeat}
		case len(chain) == 0 && len(c.paged) == 0: // look again: a shift may begin
			return plan{round: 1, wait: repeat, done: c.mode == ModeOnce}
		case c.mode == ModeOnce:
			return plan{round: 1, done: true}
		}
	}
	return plan{page: chain, round: c.round + 1, last: true, wait: repeat}
}

// take notes that a step was taken.
func (c *clockState) take(p plan) {
	c.step++
	if p.round == c.round {
		c.paged = append(c.paged, p.page...)
	} else {
		c.paged = p.page
	}
	c.round, c.last = p.round, p.last
}

// passOver says whether the next one is due at once, because in the first round whoever
// a step was for cannot be reached.
func (c *clockState) passOver(p plan, reached bool) bool {
	return !reached && p.round == 1 && len(p.page) > 0 && (!p.last || c.mode == ModeOnce)
}
