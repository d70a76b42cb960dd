package rules

import (
	"cmp"
	"slices"

	"weishao.dev/weishao/rules/detect"
	"weishao.dev/weishao/rules/lang"
)

// This file says which devices belong together in a cell.

// arrange builds the cells of zones anew, where their devices, the site or the
// rules have changed, and carries the state over by name.
func (e *Engine) arrange(zones ...string) {
	var old []*cell
	var made []*cell
	found := map[*cell]bool{} // old
	for _, z := range zones {
		var devices []*device
		for d := e.zones[z]; d != nil; d = d.next {
			devices = append(devices, d)
		}
		slices.SortFunc(devices, func(a, b *device) int {
			return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.id, b.id))
		})
		for _, d := range devices {
			if d.cell != nil && !found[d.cell] {
				found[d.cell] = true
				old = append(old, d.cell)
			}
		}
		first := len(made)
		for here, rest := firstPlace(devices); len(here) > 0; here, rest = firstPlace(rest) {
			if e.together(here) {
				made = append(made, e.cellOf(ofPlace, here))
				continue
			}
			for _, d := range here {
				made = append(made, e.cellOf(ofDevice, []*device{d}))
			}
		}
		e.pack.neighbours(made[first:])
	}
	e.carry(old, made)
	for _, c := range made {
		e.add(c)
		c.ticks = e.ticks
		for i, d := range c.devices {
			d.cell, d.nth = c, int32(i)
		}
	}
}

// firstPlace cuts those of the first place off devices, which are sorted by place.
func firstPlace(devices []*device) (here, rest []*device) {
	n := 0
	for n < len(devices) && devices[n].place == devices[0].place {
		n++
	}
	return devices[:n:n], devices[n:]
}

// together reports whether a rule looks at several devices of the place: because
// it says any, all, count or apart of them, or because one device lacks a metric that
// another has; or whether a detector does.
func (e *Engine) together(devices []*device) bool {
	if len(devices) < 2 {
		return false
	}
	for _, d := range devices {
		if borrows(d, devices) {
			return true
		}
	}
	for _, r := range e.pack.Rules {
		for _, p := range r.programs() {
			if r.gathers(p, devices) {
				return true
			}
			for _, d := range devices {
				if !r.applies(d.placement) {
					continue
				}
				if d.kit.hasAny(p.Metrics) && slices.ContainsFunc(p.Metrics, func(m string) bool { return !d.kit.has(m) && anyHas(devices, m) }) {
					return true
				}
			}
		}
	}
	return false
}

// gathers reports whether a condition asks devices of the place by any, all, count or
// apart, and the rule has more than one of them to ask.
func (r *Rule) gathers(p *lang.Program, devices []*device) bool {
	grouped, asked := false, 0
	for _, d := range devices {
		if !r.applies(d.placement) {
			continue
		}
		grouped = grouped || d.kit.hasAny(p.Grouped)
		if slices.ContainsFunc(r.programs(), func(p *lang.Program) bool { return d.kit.hasAny(p.Metrics) || d.kit.hasAny(p.Grouped) }) {
			asked++
		}
	}
	return grouped && asked > 1
}

// borrows reports whether a detector of d has an input from another device.
func borrows(d *device, devices []*device) bool {
	for _, k := range detect.Kinds() {
		if k.Wants(d.kit.metrics) && slices.ContainsFunc(k.Inputs, func(in string) bool { return lender(k, in, d, devices) != nil }) {
			return true
		}
	}
	return false
}

// lender is the device from which a detector of d takes an input that d does not
// measure: the first of its place, by name, that does and may; nil if there is none.
func lender(k detect.Kind, input string, d *device, devices []*device) *device {
	if k.Borrows == nil || slices.Contains(d.kit.metrics, input) || !slices.Contains(d.kit.metrics, k.Inputs[0]) {
		return nil
	}
	for _, other := range devices {
		if other.place == d.place && slices.Contains(other.kit.metrics, input) && k.Borrows(d.placement, other.placement) {
			return other
		}
	}
	return nil
}

func anyHas(devices []*device, metric string) bool {
	return slices.ContainsFunc(devices, func(d *device) bool { return d.kit.has(metric) })
}

func (r *Rule) programs() []*lang.Program {
	if r.Clear == nil {
		return []*lang.Program{r.When}
	}
	return []*lang.Program{r.When, r.Clear}
}
