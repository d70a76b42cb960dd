package rules

import (
	"cmp"
	"slices"
	"strings"

	"weishao.dev/weishao/rules/detect"
	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/telemetry"
)

// This file builds cells: which devices belong together, and which slot each name
// in a condition means there.

// arrange builds the cells of zones anew, where their devices, the site or the
// rules have changed, and carries the state over by name.
func (e *Engine) arrange(zones ...string) {
	var old []*cell
	var made []*cell
	for _, z := range zones {
		devices := e.zones[z]
		slices.SortFunc(devices, func(a, b *device) int {
			return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.id, b.id))
		})
		for _, d := range devices {
			if d.cell != nil && !slices.Contains(old, d.cell) {
				old = append(old, d.cell)
			}
		}
		if e.joined(devices) {
			made = append(made, e.build("z:"+z, devices))
			continue
		}
		for here, rest := firstPlace(devices); len(here) > 0; here, rest = firstPlace(rest) {
			if e.together(here) {
				made = append(made, e.build("p:"+here[0].place, here))
				continue
			}
			for _, d := range here {
				made = append(made, e.build("d:"+d.id, []*device{d}))
			}
		}
	}
	e.carry(old, made)
	e.cells = append(e.cells, made...)
	for _, c := range made {
		for _, d := range c.devices {
			d.cell = c
			d.lookUp()
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

// joined reports whether a rule looks from one place of a zone at another.
func (e *Engine) joined(devices []*device) bool {
	if len(devices) < 2 || devices[0].place == devices[len(devices)-1].place {
		return false
	}
	for _, r := range e.pack.Rules {
		for _, p := range r.programs() {
			if len(p.Other) > 0 && slices.ContainsFunc(devices, func(d *device) bool { return r.looksAt(d, p.Other, devices) }) {
				return true
			}
		}
	}
	return false
}

// looksAt reports whether the rule, asked at another place, asks d for one of the
// metrics.
func (r *Rule) looksAt(d *device, metrics []string, devices []*device) bool {
	return r.applies(d.placement) && d.hasAny(metrics) && slices.ContainsFunc(devices, func(from *device) bool {
		return from.place != d.place && r.applies(from.placement) && (from.hasAny(r.When.Metrics) || from.hasAny(r.When.Grouped))
	})
}

// together reports whether a rule looks at several devices of the place: because
// it says any, all or count, or because one device lacks a metric that another has;
// or whether a detector does.
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
			for _, d := range devices {
				if !r.applies(d.placement) {
					continue
				}
				if len(p.Grouped) > 0 {
					return true
				}
				if d.hasAny(p.Metrics) && slices.ContainsFunc(p.Metrics, func(m string) bool { return !d.has(m) && anyHas(devices, m) }) {
					return true
				}
			}
		}
	}
	return false
}

// borrows reports whether a detector of d has an input from another device.
func borrows(d *device, devices []*device) bool {
	for _, k := range detect.Kinds() {
		if k.Wants(d.metrics) && slices.ContainsFunc(k.Inputs, func(in string) bool { return lender(k, in, d, devices) != nil }) {
			return true
		}
	}
	return false
}

// lender is the device from which a detector of d takes an input that d does not
// measure: the first of its place, by name, that does and may; nil if there is none.
func lender(k detect.Kind, input string, d *device, devices []*device) *device {
	if k.Borrows == nil || slices.Contains(d.metrics, input) || !slices.Contains(d.metrics, k.Inputs[0]) {
		return nil
	}
	for _, other := range devices {
		if other.place == d.place && slices.Contains(other.metrics, input) && k.Borrows(d.placement, other.placement) {
			return other
		}
	}
	return nil
}

func anyHas(devices []*device, metric string) bool {
	return slices.ContainsFunc(devices, func(d *device) bool { return d.has(metric) })
}

func (r *Rule) programs() []*lang.Program {
	if r.Clear == nil {
		return []*lang.Program{r.When}
	}
	return []*lang.Program{r.When, r.Clear}
}

// build makes the fixed part of a cell.
func (e *Engine) build(key string, devices []*device) *cell {
	b := builder{cat: e.site.Catalogue, c: &cell{key: key, devices: devices, loc: e.site.Location}, at: map[slotKey]int{}}
	for _, d := range devices {
		b.measured(d, e.pack.Rules)
		b.detectors(d)
	}
	for _, r := range e.pack.Rules {
		for here, rest := firstPlace(devices); len(here) > 0; here, rest = firstPlace(rest) {
			b.rule(r, here)
		}
	}
	for i := range b.c.slots {
		b.connect(i)
	}
	return b.c
}

type slotKey struct {
	dev    *device
	metric string
}

type builder struct {
	cat *telemetry.Catalogue
	c   *cell
	at  map[slotKey]int
}

// slot finds or makes the slot of a metric of a device; -1 if it has none.
func (b *builder) slot(d *device, metric string) int {
	if i, ok := b.at[slotKey{d, metric}]; ok {
		return i
	}
	if !slices.Contains(d.metrics, metric) {
		return -1
	}
	return b.add(slot{dev: d, metric: metric, det: -1})
}

func (b *builder) add(s slot) int {
	b.c.slots = append(b.c.slots, s)
	b.at[slotKey{s.dev, s.metric}] = len(b.c.slots) - 1
	return len(b.c.slots) - 1
}

// measured adds the slots of what a device measures and a detector or a rule asks
// for, in the order in which it announces its metrics: that in which it measures.
func (b *builder) measured(d *device, rules []*Rule) {
	for _, m := range d.metrics {
		asked := slices.ContainsFunc(detect.Kinds(), func(k detect.Kind) bool { return k.Wants(d.metrics) && k.Input(m) >= 0 })
		for _, r := range rules {
			for _, p := range r.programs() {
				asked = asked || slices.Contains(p.Metrics, m) || slices.Contains(p.Grouped, m)
			}
		}
		if asked {
			b.slot(d, m)
		}
	}
}

// detectors adds those of a device, with the slots of their outputs.
func (b *builder) detectors(d *device) {
	for _, k := range detect.Kinds() {
		if !k.Wants(d.metrics) {
			continue
		}
		det := len(b.c.dets)
		for i, in := range k.Inputs {
			from := d
			if other := lender(k, in, d, b.c.devices); other != nil {
				from = other
			}
			if s := b.slot(from, in); s >= 0 {
				b.c.slots[s].feeds = append(b.c.slots[s].feeds, feed{det, i})
			}
		}
		made := detector{kind: k, dev: d, placement: d.placement, rating: d.rating}
		for i, out := range k.Outputs {
			made.outs = append(made.outs, b.add(slot{dev: d, metric: out, det: det, out: i, move: b.move(out)}))
		}
		b.c.dets = append(b.c.dets, made)
	}
}

// move is the change of a derived metric that is worth a point on a chart.
func (b *builder) move(metric string) float64 {
	if m, ok := b.cat.Lookup(metric); ok && strings.HasSuffix(string(m.Unit), "/min") {
		return chartRate
	}
	return chartMove
}

// rule makes the instances of a rule at a place: one for each device there that has
// one of its metrics, or one for the place if it asks only groups of devices.
func (b *builder) rule(r *Rule, here []*device) {
	var group []*device
	for _, d := range here {
		if r.applies(d.placement) {
			group = append(group, d)
		}
	}
	if len(group) == 0 {
		return
	}
	if len(r.When.Metrics) == 0 {
		if slices.ContainsFunc(group, func(d *device) bool { return d.hasAny(r.When.Grouped) }) {
			b.instance(r, nil, group)
		}
		return
	}
	for _, d := range group {
		if d.hasAny(r.When.Metrics) {
			b.instance(r, d, group)
		}
	}
}

func (b *builder) instance(r *Rule, d *device, group []*device) {
	in := &instance{rule: r, dev: d, at: group[0].place, likelihood: -1}
	for _, p := range r.programs() {
		n := b.bind(p.Root, d, group, in)
		in.timed = in.timed || p.Timed
		if in.when == nil {
			in.when = n
		} else {
			in.clear = n
		}
	}
	b.c.insts = append(b.c.insts, in)
}

// bind makes a condition of a program. A metric is that of the device itself, or
// of the first of the group that has it.
func (b *builder) bind(n *lang.Node, d *device, group []*device, in *instance) *node {
	if n == nil {
		return nil
	}
	out := &node{op: n.Op, fn: n.Fn, k: n.K, slot: -1, win: -1, span: n.Window, from: n.From, to: n.To}
	if n.Metric != "" {
		out.slot = b.find(n.Metric, d, group)
		if n.Op == lang.OpWindow || n.Op == lang.OpChanged {
			out.win = b.window(windowOf{out.slot, n.Window, n.Op == lang.OpWindow && n.Fn == lang.FnQuantile})
		}
		b.ask(in, out.slot)
		return out
	}
	switch n.Op {
	case lang.OpAny, lang.OpAll, lang.OpCount:
		for _, one := range group {
			if has := metricsOf(n.X); slices.ContainsFunc(has, one.has) {
				out.each = append(out.each, b.bind(n.X, one, []*device{one}, in))
			}
		}
		return out
	case lang.OpElsewhere:
		has := metricsOf(n.X)
		for _, one := range b.c.devices {
			if one.place != in.at && in.rule.applies(one.placement) && slices.ContainsFunc(has, one.has) {
				out.each = append(out.each, b.bind(n.X, one, []*device{one}, in))
			}
		}
		return out
	}
	out.x, out.y = b.bind(n.X, d, group, in), b.bind(n.Y, d, group, in)
	return out
}

func metricsOf(n *lang.Node) (list []string) {
	n.Walk(func(n *lang.Node, _ lang.Op) {
		if n.Metric != "" {
			list = append(list, n.Metric)
		}
	})
	return list
}

func (b *builder) find(metric string, d *device, group []*device) int {
	if d != nil && d.has(metric) {
		return b.slot(d, metric)
	}
	for _, other := range group {
		if other.has(metric) {
			return b.slot(other, metric)
		}
	}
	return -1
}

func (b *builder) window(of windowOf) int {
	if of.slot < 0 {
		return -1
	}
	for i, w := range b.c.wins {
		if w == of {
			return i
		}
	}
	b.c.wins = append(b.c.wins, of)
	return len(b.c.wins) - 1
}

// ask notes that an instance depends on a slot.
func (b *builder) ask(in *instance, slot int) {
	if slot < 0 {
		return
	}
	s := &b.c.slots[slot]
	if at := len(b.c.insts); !slices.Contains(s.insts, at) {
		s.insts = append(s.insts, at) // the instance is added when all of it is bound
	}
	if in.likelihood < 0 && s.dev.place == in.at && strings.HasSuffix(s.metric, "likelihood") {
		in.likelihood = slot
	}
	if s.det < 0 && !slices.Contains(in.evidence, slot) {
		in.evidence = append(in.evidence, slot)
	}
}

// connect finishes a slot: windows over it, and for an input of a detector, who
// asks for what the detector makes of it.
func (b *builder) connect(i int) {
	s := &b.c.slots[i]
	for w := range b.c.wins {
		if b.c.wins[w].slot == i {
			s.wins = append(s.wins, w)
		}
	}
	for _, f := range s.feeds {
		for _, out := range b.c.dets[f.det].outs {
			for _, in := range b.c.slots[out].insts {
				if !slices.Contains(s.insts, in) {
					s.insts = append(s.insts, in)
				}
				if inst := b.c.insts[in]; !slices.Contains(inst.evidence, i) {
					inst.evidence = append(inst.evidence, i)
				}
			}
		}
	}
	slices.Sort(s.insts)
}
