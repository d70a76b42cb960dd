package rules

import "weishao.dev/weishao/telemetry/record"

// Output takes what the engine finds, on the goroutine that calls Apply.
type Output interface {
	Verdict(Verdict)
	Derived(DerivedSample)
}

// Engine evaluates the rules over the log.
type Engine struct{}

// NewEngine is an engine that has read nothing.
func NewEngine() *Engine { return &Engine{} }

// Apply evaluates one record.
func (e *Engine) Apply(rec *record.Record, out Output) error { return nil }

// Active lists the raises that hold at present, in the order of their IDs.
func (e *Engine) Active() []Verdict { return nil }

// Pack is the rules in effect; nil before the first Rules record.
func (e *Engine) Pack() *Pack { return nil }

// Snapshot is the engine's state as bytes.
func (e *Engine) Snapshot() ([]byte, error) { return nil, nil }

// Restore takes a snapshot back into a new engine.
func (e *Engine) Restore(b []byte) error { return nil }

// Stirred reports whether some rule of the pack holds, or is in its hold, for a
// device: its readings are urgent.
func (e *Engine) Stirred(device string) bool { return false }
