package rules

import (
	"weishao.dev/weishao/rules/detect"
	"weishao.dev/weishao/rules/lang"
)

// state is all that changes in a cell while readings come: what checkpoints copy.
type state struct {
	LastT    int64 // time of the last reading, Unix ms
	LastSlot int32
	Fired    int64 // event time of the last timer that went off
	Next     int64 // no timer goes off before
	Vals     []value
	Dets     []detect.Detector
	extra    *extra // nil: nothing of it
}

// value is one metric of one device, measured or derived.
type value struct {
	V     float64
	T     int64 // of the last measured reading; 0: none yet
	Since int64 // known without a break since; 0: not known
	Until int64 // known until, unless read again; 0 for derived metrics
}

func (v *value) known() bool { return v.Since != 0 }
func (v *value) lose()       { v.Since = 0 }

func (v *value) set(t int64, x float64, limit int64) {
	if !v.known() {
		v.Since = t
	}
	v.V, v.T, v.Until = x, t, t+limit
}

// extra is what few cells have.
type extra struct {
	Wins   []window
	Phases []phase // by instance; nil: all are idle, as nearly always
}

func (s *state) phase(i int) phase {
	if s.extra == nil || s.extra.Phases == nil {
		return phase{}
	}
	return s.extra.Phases[i]
}

func (c *cell) setPhase(s *state, i int, p phase) {
	if p == (phase{}) && (s.extra == nil || s.extra.Phases == nil) {
		return
	}
	if s.extra == nil {
		s.extra = &extra{}
	}
	if s.extra.Phases == nil {
		s.extra.Phases = make([]phase, len(c.insts))
	}
	s.extra.Phases[i] = p
}

func (s *state) clone() *state {
	c := &state{Vals: make([]value, len(s.Vals)), Dets: make([]detect.Detector, len(s.Dets))}
	for i, d := range s.Dets {
		c.Dets[i] = d.Clone()
	}
	c.copyPlain(s)
	return c
}

// copyFrom takes over a state of the same shape.
func (s *state) copyFrom(o *state) {
	s.copyPlain(o)
	for i, d := range s.Dets {
		d.CopyFrom(o.Dets[i])
	}
}

func (s *state) copyPlain(o *state) {
	s.LastT, s.LastSlot, s.Fired, s.Next = o.LastT, o.LastSlot, o.Fired, o.Next
	copy(s.Vals, o.Vals)
	switch {
	case o.extra != nil:
		if s.extra == nil {
			s.extra = &extra{Wins: make([]window, len(o.extra.Wins))}
		}
		s.extra.copyFrom(o.extra)
	case s.extra != nil:
		clear(s.extra.Phases)
	}
}

func (x *extra) copyFrom(o *extra) {
	for i := range x.Wins {
		x.Wins[i].copyFrom(&o.Wins[i])
	}
	if o.Phases == nil {
		clear(x.Phases)
	} else {
		x.Phases = append(x.Phases[:0], o.Phases...)
	}
}

// Stages of a phase.
const (
	idle     = iota
	pending  // When holds, not yet for long enough
	active   // raised
	clearing // raised, and Clear holds, not yet for long enough
)

// phase is how far a rule's instance has come.
type phase struct {
	Stage uint8
	Since int64 // pending: since When holds; clearing: since Clear holds
	Onset int64 // active, clearing: since when When had held
	Blind int64 // pending, clearing: since when the condition is unknown; 0: it is known
}

// Changes that an evaluation can make.
const (
	unchanged = iota
	raised
	cleared
)

// evaluate brings a phase to t, given what its conditions say then. On raised the
// onset is in Onset; on cleared, since says since when.
func (p *phase) evaluate(r *instance, m *moment) (change int, since int64) {
	if p.Stage == idle || p.Stage == pending {
		return p.rise(r.hold, r.when.truth(m), m.t), 0
	}
	var c lang.Truth
	if r.clear != nil {
		c = r.clear.truth(m)
	} else {
		c = r.when.truth(m).Not()
	}
	return p.fall(r.clearHold, c, m.t)
}

// rise waits for When. Unknown makes the hold wait; if that takes longer than the
// hold itself, it begins anew.
func (p *phase) rise(hold int64, when lang.Truth, t int64) int {
	if p.Stage == idle {
		if when != lang.True {
			return unchanged
		}
		*p = phase{Stage: pending, Since: t}
	}
	if !p.sees(when, hold, t) {
		if when == lang.False {
			*p = phase{}
		}
		return unchanged
	}
	if t < p.Since+hold {
		return unchanged
	}
	*p = phase{Stage: active, Onset: p.Since}
	return raised
}

func (p *phase) fall(hold int64, clear lang.Truth, t int64) (int, int64) {
	if p.Stage == active {
		if clear != lang.True {
			return unchanged, 0
		}
		p.Stage, p.Since, p.Blind = clearing, t, 0
	}
	if !p.sees(clear, hold, t) {
		if clear == lang.False {
			p.Stage, p.Since, p.Blind = active, 0, 0
		}
		return unchanged, 0
	}
	if t < p.Since+hold {
		return unchanged, 0
	}
	since := p.Since
	*p = phase{}
	return cleared, since
}

// sees notes whether the awaited condition is known to hold at t.
func (p *phase) sees(c lang.Truth, hold, t int64) bool {
	switch {
	case c == lang.Unknown:
		if p.Blind == 0 {
			p.Blind = t
		}
		return false
	case c == lang.False:
		return false
	case p.Blind != 0:
		if t-p.Blind > hold {
			p.Since = t
		}
		p.Blind = 0
	}
	return true
}

// due is when the phase changes by time alone; 0: it does not.
func (p *phase) due(r *instance) int64 {
	switch {
	case p.Blind != 0:
	case p.Stage == pending:
		return p.Since + r.hold
	case p.Stage == clearing:
		return p.Since + r.clearHold
	}
	return 0
}
