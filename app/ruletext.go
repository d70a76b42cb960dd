package app

import (
	"fmt"
	"strings"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/detect"
	"weishao.dev/weishao/site"
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
	text := incidents.RuleText{Message: rule.Message, Do: rule.Do, Text: rule.Text}
	if rule.When != nil {
		text.When, text.Text = rule.When.Text, conditions(rule)
	}
	return text
}

// conditions is when a rule is raised and when it ends, as in a rule file.
func conditions(r *rules.Rule) string {
	lines := []string{"when: " + r.When.Text}
	add := func(key, value string) { lines = append(lines, key+": "+value) }
	if r.Hold > 0 {
		add("hold", short(r.Hold))
	}
	if r.Clear != nil {
		add("clear", r.Clear.Text)
	}
	if r.ClearHold > 0 {
		add("clear_hold", short(r.ClearHold))
	}
	return strings.Join(lines, "\n")
}

// short is a time as rule files have it: 90s, 5m, 2h.
func short(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprint(int64(d/time.Hour), "h")
	case d%time.Minute == 0:
		return fmt.Sprint(int64(d/time.Minute), "m")
	case d%time.Second == 0:
		return fmt.Sprint(int64(d/time.Second), "s")
	}
	return d.String()
}

// Feature is what a detector's feature is called.
func (ruleText) Feature(name string) site.Text {
	zh, en, ok := detect.FeatureText(name)
	if !ok {
		return site.Text{Zh: name, En: name}
	}
	return site.Text{Zh: zh, En: en}
}
