package actuator

import "slices"

// Cause is what made an actuator act.
type Cause struct {
	Rule   string `json:"rule,omitempty"`   // empty: a hand, or a state that was lost
	Device string `json:"device,omitempty"` // "group/node/device", where a rule was raised
	At     int64  `json:"at"`               // Unix ms; of the last raise
}

// Latch is what an actuator must remember. Its methods return what becomes of it, and
// are all there is that changes it.
type Latch struct {
	Latched  bool    `json:"latched"`
	Silenced bool    `json:"silenced,omitempty"` // a siren, while latched
	Since    int64   `json:"since,omitempty"`    // Unix ms
	Causes   []Cause `json:"causes,omitempty"`   // since it latched, each rule and device once
}

// Trip latches. A raise ends a silence: it is news.
func (l Latch) Trip(c Cause) Latch {
	if !l.Latched {
		l = Latch{Since: c.At}
	}
	l.Latched, l.Silenced = true, false
	l.Causes = slices.DeleteFunc(slices.Clone(l.Causes), func(o Cause) bool { return o.Rule == c.Rule && o.Device == c.Device })
	l.Causes = append(l.Causes, c)
	return l
}

// Silence makes a latched siren quiet until the next raise.
func (l Latch) Silence() Latch {
	l.Silenced = l.Latched
	return l
}

// Reset ends it. Nothing but a deliberate act leads here.
func (l Latch) Reset() Latch { return Latch{} }

// Acts reports whether the output has to act.
func (l Latch) Acts() bool { return l.Latched && !l.Silenced }
