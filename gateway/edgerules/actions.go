package edgerules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
)

// place is what actuators are told of a device.
type place struct{ name, placement string }

// locate notes devices as actuators know them. A placement that was not given is the
// one that the engine makes up.
func (w *Watch) locate(node string, list []devices.Info) {
	for _, d := range list {
		id := node + "/" + d.ID
		w.where[id] = place{d.ID, site.Empty().Resolve(id, d.Placement, d.Metrics, "").Placement}
	}
}

// act has the actions of a rule that is raised carried out. The caller holds mu.
func (w *Watch) act(v rules.Verdict) {
	rule := w.engine.Pack().Rule(v.Rule)
	if rule == nil || v.Over { // an hour of the past needs no valve
		return
	}
	w.carryOut(rule, cmp.Or(v.Device, v.Place), v.Time)
}

// carryOut hands a rule's actions to the actuators that they are for. It waits for
// nobody. The caller holds mu.
func (w *Watch) carryOut(rule *rules.Rule, device string, at int64) {
	where := w.where[device]
	for _, action := range rule.Edge {
		for _, a := range w.actuators {
			if a.Answers(action.Verb, action.Target, where.name, where.placement) {
				a.Trip(actuator.Cause{Rule: rule.Name, Device: device, At: at})
			}
		}
	}
}

// acts reports whether a point says that an actuator does something else than before:
// that belongs to the alarm, and goes with it. The caller holds mu.
func (w *Watch) acts(device string, p telemetry.Point) bool {
	if p.Metric != actuator.MetricState && p.Metric != actuator.MetricLatched {
		return false
	}
	key := metricOf{device, p.Metric}
	last, known := w.acted[key]
	w.acted[key] = p
	return known && (last.Value != p.Value || last.Quality != p.Quality)
}

// Actuators are those that carry out actions.
func (w *Watch) Actuators() []*actuator.Actuator { return w.actuators }

// ErrHolds is in the chain of what refuses a reset.
var ErrHolds = errors.New("the danger is not over")

// Reset ends an actuator's latch, if what made it act is known to be over, or by
// force. Then only another raise makes it act again: of a rule that is raised
// already, that is when it has cleared and is raised anew, or after a restart.
func (w *Watch) Reset(id string, force bool) error {
	a, err := w.Actuator(id)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var holds []string
	for _, c := range a.Latch().Causes {
		if c.Rule == "" {
			continue // by hand
		}
		switch w.engine.Over(c.Rule, c.Device) {
		case lang.False:
			holds = append(holds, fmt.Sprintf("%s still holds at %s", c.Rule, c.Device))
		case lang.Unknown:
			holds = append(holds, fmt.Sprintf("it is not known whether %s still holds at %s", c.Rule, c.Device))
		}
	}
	if len(holds) > 0 && !force {
		return fmt.Errorf("%w: %s", ErrHolds, strings.Join(holds, "; "))
	}
	a.Reset()
	return nil
}

// Danger says why this is no moment to begin anew: an actuator has tripped, or a rule
// that would trip one holds or is on its way to, which an engine that began anew would
// have forgotten.
func (w *Watch) Danger() error {
	for _, a := range w.actuators {
		if a.Latch().Latched {
			return fmt.Errorf("%s has tripped: reset it first", a.ID())
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, s := range w.atEnd {
		if !s.acted {
			return fmt.Errorf("%s at %s is at the end of its range: push again when it is over", key.metric, key.device)
		}
	}
	for _, rule := range w.engine.Pack().Rules {
		for device, at := range w.where {
			if w.trips(rule, at) && w.engine.Over(rule.Name, device) == lang.False {
				return fmt.Errorf("%s holds at %s, or may soon: push again when it is over", rule.Name, device)
			}
		}
	}
	return nil
}

// trips reports whether a rule that is raised at a device makes an actuator act.
func (w *Watch) trips(rule *rules.Rule, at place) bool {
	return slices.ContainsFunc(rule.Edge, func(action rules.Action) bool {
		return slices.ContainsFunc(w.actuators, func(a *actuator.Actuator) bool {
			return a.Answers(action.Verb, action.Target, at.name, at.placement)
		})
	})
}

// Actuator finds one by its name.
func (w *Watch) Actuator(id string) (*actuator.Actuator, error) {
	names := make([]string, len(w.actuators))
	for i, a := range w.actuators {
		if a.ID() == id {
			return a, nil
		}
		names[i] = a.ID()
	}
	return nil, fmt.Errorf("there is no actuator %q (there are %s)%s", id, cmp.Or(strings.Join(names, ", "), "none"), telemetry.Suggest(id, names))
}

// Placements are those that the rules name, each once, sorted.
func (w *Watch) Placements() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, r := range w.engine.Pack().Rules {
		list = append(list, r.Placement...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Actions are those of the rules, each once, in the rules' order.
func (w *Watch) Actions() []rules.Action {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []rules.Action
	seen := map[rules.Action]bool{}
	for _, r := range w.engine.Pack().Rules {
		for _, a := range r.Edge {
			if !seen[a] {
				list = append(list, a)
			}
			seen[a] = true
		}
	}
	return list
}
