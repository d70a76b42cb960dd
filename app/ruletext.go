package app

import (
	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/web"
)

// ruleText tells people what the rules in effect say: web.Rules, and the texts
// of incidents.
type ruleText struct {
	pack func() *rules.Pack // nil before the first
}

func (r ruleText) Rule(name string) (web.Rule, bool) {
	rule := r.pack().Rule(name)
	if rule == nil {
		return web.Rule{}, false
	}
	return web.Rule{Name: rule.Name, Message: rule.Message, Do: rule.Do, Text: rule.Text}, true
}

func (r ruleText) Thresholds(placement string) []web.Threshold {
	p := r.pack()
	if p == nil {
		return nil
	}
	var list []web.Threshold
	for _, t := range p.Thresholds(placement) {
		list = append(list, web.Threshold{Rule: t.Rule, Severity: string(t.Severity), Metric: t.Metric, Value: t.Value})
	}
	return list
}

// incident is what an incident keeps of a rule.
func (r ruleText) incident(name string) incidents.RuleText {
	rule := r.pack().Rule(name)
	if rule == nil {
		return incidents.RuleText{}
	}
	text := incidents.RuleText{Message: rule.Message, Do: rule.Do}
	if rule.When != nil {
		text.When = rule.When.Text
	}
	return text
}
