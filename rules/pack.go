package rules

import (
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/site"
)

// Pack is a set of rules that has been checked against a catalogue.
type Pack struct {
	Rules      []*Rule           // sorted by name
	Placements []conf.At[string] // that they name, as the files do
}

// Rule is one rule of a pack.
type Rule struct {
	Name        string
	Hazard      Hazard
	Severity    Severity
	Placement   []string // of the devices it is for; empty: all
	When        *lang.Program
	Clear       *lang.Program // nil: when When is false
	Hold        time.Duration // how long When must hold
	ClearHold   time.Duration // how long Clear must hold
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

// Names of the rules that no pack holds: they are the engine's own.
const (
	UnsupervisedRule = "unsupervised"
	FaultRule        = "fault"
)

var builtin = map[string]*Rule{
	UnsupervisedRule: {
		Name: UnsupervisedRule, Hazard: Unsupervised, Severity: Minor,
		Message: site.Text{Zh: "这里没有在监测", En: "Nobody is watching here"},
		Do: site.Text{
			Zh: "传感器或网关没有信号。先看楼里有没有停电、网关和路由器的灯亮不亮，插头松了就插好。半小时内没恢复就报给运维，这段时间多去转一转。",
			En: "A sensor or gateway gives no signal. Look whether the building has power and the lights of gateway and router are on; push loose plugs in. Not back within half an hour: tell the operator, and walk by more often until then.",
		},
		Text: "nothing heard for twice the device's interval and 6 s, or a certificate of death",
	},
	FaultRule: {
		Name: FaultRule, Hazard: FaultHazard, Severity: Minor,
		Message: site.Text{Zh: "传感器或网关有故障", En: "A sensor or gateway is faulty"},
		Do: site.Text{
			Zh: "这个设备现在测不出来，不等于没有危险。量程已满（saturated）要当真：按报警处理，去现场看。其他故障报给运维检修或更换。",
			En: "This device measures nothing now; that does not mean there is no danger. At the end of its range (saturated): take it for an alarm and go and look. Any other fault: have the operator repair or replace it.",
		},
		Text: "a fault quality for 30 s, or a gateway whose card was cloned or restored",
	},
}

// Rule finds a rule by name, the engine's own included; nil where there is none.
func (p *Pack) Rule(name string) *Rule {
	if r := builtin[name]; r != nil {
		return r
	}
	if p == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(p.Rules, name, func(r *Rule, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return nil
	}
	return p.Rules[i]
}

// applies reports whether the rule is for devices of a placement.
func (r *Rule) applies(placement string) bool {
	return len(r.Placement) == 0 || slices.Contains(r.Placement, placement)
}

// Thresholds are the levels that the metrics of a placement are compared with, in
// the order of the rules' names.
func (p *Pack) Thresholds(placement string) []Threshold {
	if p == nil {
		return nil
	}
	var list []Threshold
	for _, r := range p.Rules {
		if !r.applies(placement) {
			continue
		}
		r.When.Root.Walk(func(n *lang.Node, _ bool) {
			if n.Op != lang.OpLess {
				return
			}
			m, k := n.X, n.Y
			if m.Op == lang.OpConst {
				m, k = k, m
			}
			if m.Op == lang.OpMetric && k.Op == lang.OpConst {
				t := Threshold{Rule: r.Name, Severity: r.Severity, Metric: m.Metric, Value: k.K}
				if !slices.Contains(list, t) {
					list = append(list, t)
				}
			}
		})
	}
	return list
}
