// Package rules finds hazards in the log: what a rule says about a place, over
// which interval.
package rules

import (
	"time"

	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Pack is a set of rules that has been checked against a catalogue.
type Pack struct {
	Rules []*Rule // by name
}

// Rule is one rule of a pack.
type Rule struct {
	Name        string
	Hazard      Hazard
	Severity    Severity
	Placement   []string      // empty: any
	When, Clear *lang.Program // Clear is nil where it is "not When"
	Hold        time.Duration
	ClearHold   time.Duration
	Edge        []Action
	Message, Do site.Text
	Text        string // the rule as written
}

// Action is what a gateway does by itself while a rule holds: "close gas_valve".
type Action struct{ Verb, Target string }

// Threshold is one level that a rule compares a metric with, in the metric's unit.
type Threshold struct {
	Rule     string
	Severity Severity
	Metric   string
	Value    float64
}

// Shipped is the pack that comes with the program.
func Shipped() []record.File { return nil }

// Load checks files as one pack; mistakes come as conf.Errors, all at once.
func Load(cat *telemetry.Catalogue, files []record.File) (*Pack, error) { return &Pack{}, nil }

// Rule finds a rule by name; nil where there is none. "unsupervised" and "fault"
// are built in.
func (p *Pack) Rule(name string) *Rule { return nil }

// Thresholds are the levels that the metrics of a placement are compared with.
func (p *Pack) Thresholds(placement string) []Threshold { return nil }
