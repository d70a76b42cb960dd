package rules

import "weishao.dev/weishao/telemetry"

// Severity orders how much a verdict matters.
type Severity string

const (
	Critical Severity = "critical"
	Major    Severity = "major"
	Minor    Severity = "minor"
	Advisory Severity = "advisory"
)

// Hazard is what a rule finds.
type Hazard string

const (
	GasLeak        Hazard = "gas_leak"
	CO             Hazard = "co"
	Smoke          Hazard = "smoke"
	Fire           Hazard = "fire"
	FlyingWire     Hazard = "flying_wire"
	Overload       Hazard = "overload"
	LeakageCurrent Hazard = "leakage_current"
	Overheat       Hazard = "overheat"
	Unsupervised   Hazard = "unsupervised"
	FaultHazard    Hazard = "fault"
)

// Event is what became of a verdict.
type Event string

const (
	Raise   Event = "raise"   // the rule holds
	Clear   Event = "clear"   // it holds no longer
	Revised Event = "revised" // late readings moved or removed an interval that had been raised
)

// Verdict is one change of what a rule says about a place. It is a pure
// function of the log: the same log gives the same verdicts byte for byte.
type Verdict struct {
	ID       string   `json:"id"`    // of the raise it belongs to: derived from its log position, rule and place
	Pos      uint64   `json:"pos"`   // log position of the record that caused this event
	Index    int      `json:"index"` // order among the verdicts of that record, from 0
	Event    Event    `json:"event"`
	Time     int64    `json:"time"`              // event time at which it was decided, Unix ms
	Onset    int64    `json:"onset"`             // event time since which the condition holds
	Cleared  int64    `json:"cleared,omitempty"` // event time since which it holds no longer
	Over     bool     `json:"over,omitempty"`    // found in a drained backlog and already past: history, pages nobody
	Rule     string   `json:"rule"`
	Hazard   Hazard   `json:"hazard"`
	Severity Severity `json:"severity"`
	Place    string   `json:"place"`
	Zone     string   `json:"zone"`
	Node     string   `json:"node,omitempty"`   // the gateway, for a verdict about a gateway
	Places   []string `json:"places,omitempty"` // all places concerned, for a dead gateway
	Device   string   `json:"device,omitempty"` // the device that decided

	Value      float64    `json:"value"`                // of the metric that decided
	Metric     string     `json:"metric,omitempty"`     // the metric that decided; may be derived
	Threshold  float64    `json:"threshold"`            // what it was compared with, in the metric's unit
	Likelihood float64    `json:"likelihood,omitempty"` // 0 where the rule has no detector
	Likely     string     `json:"likely,omitempty"`     // the derived metric that Likelihood is of
	Reason     string     `json:"reason,omitempty"`     // for unsupervised and fault: which kind ("silent", "gateway dead", "stuck", "forked", ...)
	Evidence   []Evidence `json:"evidence,omitempty"`   // the readings that decided, newest last, at most 32
	Features   []Feature  `json:"features,omitempty"`   // of a raise: by what the detectors decided
}

// Evidence is one reading that decided.
type Evidence struct {
	Device  string  `json:"device"`
	Metric  string  `json:"metric"`
	Time    int64   `json:"time"`
	Value   float64 `json:"value"`
	Quality string  `json:"quality,omitempty"`
}

// DerivedSample is one value of a derived metric, for the charts.
type DerivedSample struct {
	Device string
	telemetry.Point
}
