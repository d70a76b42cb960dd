package rules

import (
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/rules/detect"
	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/telemetry"
)

// layout is the fixed part of a cell: which slot each name in a condition means
// there. Cells whose devices measure the same in the same placements share one, so a
// device costs only what it changes. Devices are numbers in the cell's list.
type layout struct {
	slots   []slot
	dets    []detector
	wins    []windowOf
	insts   []*instance
	derived int     // how many slots are derived
	of      [][]int // by device and metric of its kit: the slot, or -1 if nobody asks for it
	loc     *time.Location
}

// slot is one metric of one device.
type slot struct {
	dev    int
	metric string
	det    int     // of a derived metric, which detector; else -1
	out    int     // and which of its outputs
	nth    int     // of the derived ones
	move   float64 // change of a derived metric that charts show
	feeds  []feed
	wins   []int // windows over it
	insts  []int // instances that ask for it, or for what a detector makes of it
}

// feed says that a slot is an input of a detector.
type feed struct{ det, input int }

type detector struct {
	kind      detect.Kind
	dev       int
	placement string  // that it was made for
	rating    float64 // likewise
	outs      []int   // slots
}

type windowOf struct {
	slot   int
	span   int64 // ms
	sketch bool  // for quantiles
}

// instance is one rule at one device, or at one place.
type instance struct {
	rule            *Rule
	dev             int // whose metrics it asks for; -1: of several
	when, clear     *node
	hold, clearHold int64    // ms
	timed           bool     // its truth may change with time alone
	evidence        []int    // measured slots that decide
	likelihood      int      // slot of a likelihood, or -1
	others          []string // hazards that it asks other places for
}

// about reports whether the instance says something of a device of its cell.
func (in *instance) about(dev int) bool { return in.dev == dev || in.dev < 0 }

func (e *Engine) build(devices []*device) *layout {
	b := builder{cat: e.site.Catalogue, devices: devices, l: &layout{loc: e.site.Location}, at: map[slotKey]int{}}
	for i := range devices {
		b.measured(i, e.pack.Rules)
		b.detectors(i)
	}
	for _, r := range e.pack.Rules {
		b.rule(r)
	}
	for i := range b.l.slots {
		b.connect(i)
	}
	for i := range devices {
		b.lookUp(i)
	}
	return b.l
}

type slotKey struct {
	dev    int
	metric string
}

type builder struct {
	cat     *telemetry.Catalogue
	devices []*device
	l       *layout
	at      map[slotKey]int
}

// lookUp notes the slots of a device's metrics.
func (b *builder) lookUp(d int) {
	var slots []int
	for _, m := range b.devices[d].kit.metrics {
		slots = append(slots, slices.IndexFunc(b.l.slots, func(s slot) bool { return s.dev == d && s.metric == m && s.det < 0 }))
	}
	b.l.of = append(b.l.of, slots)
}

// slot finds or makes the slot of a metric of a device; -1 if it has none.
func (b *builder) slot(d int, metric string) int {
	if i, ok := b.at[slotKey{d, metric}]; ok {
		return i
	}
	if !slices.Contains(b.devices[d].kit.metrics, metric) {
		return -1
	}
	return b.add(slot{dev: d, metric: metric, det: -1})
}

func (b *builder) add(s slot) int {
	b.l.slots = append(b.l.slots, s)
	b.at[slotKey{s.dev, s.metric}] = len(b.l.slots) - 1
	return len(b.l.slots) - 1
}

// measured adds the slots of what a device measures and a detector or a rule asks
// for, in the order in which it announces its metrics: that in which it measures.
func (b *builder) measured(d int, rules []*Rule) {
	metrics := b.devices[d].kit.metrics
	for _, m := range metrics {
		asked := slices.ContainsFunc(detect.Kinds(), func(k detect.Kind) bool { return k.Wants(metrics) && k.Input(m) >= 0 })
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
func (b *builder) detectors(d int) {
	dev := b.devices[d]
	for _, k := range detect.Kinds() {
		if !k.Wants(dev.kit.metrics) {
			continue
		}
		det := len(b.l.dets)
		for i, in := range k.Inputs {
			from := d
			if other := lender(k, in, dev, b.devices); other != nil {
				from = slices.Index(b.devices, other)
			}
			if s := b.slot(from, in); s >= 0 {
				b.l.slots[s].feeds = append(b.l.slots[s].feeds, feed{det, i})
			}
		}
		made := detector{kind: k, dev: d, placement: dev.placement, rating: dev.rating}
		for i, out := range k.Outputs {
			made.outs = append(made.outs, b.add(slot{dev: d, metric: out, det: det, out: i, nth: b.l.derived, move: b.move(out)}))
			b.l.derived++
		}
		b.l.dets = append(b.l.dets, made)
	}
}

// move is the change of a derived metric that is worth a point on a chart.
func (b *builder) move(metric string) float64 {
	m, _ := b.cat.Lookup(metric)
	switch {
	case strings.HasSuffix(string(m.Unit), "/min"):
		return chartRate
	case strings.HasSuffix(metric, ".trace"):
		return chartTrace
	}
	return chartMove
}

// rule makes the instances of a rule: one for each device that has one of its
// metrics, or one for the place if it asks only groups of devices.
func (b *builder) rule(r *Rule) {
	var group []int
	for d, dev := range b.devices {
		if r.applies(dev.placement) {
			group = append(group, d)
		}
	}
	if len(group) == 0 {
		return
	}
	if len(r.When.Metrics) == 0 {
		asked := 0
		for _, d := range group {
			if b.devices[d].kit.hasAny(r.When.Grouped) {
				asked++
			}
		}
		if asked > 1 || asked == 1 && !r.When.Pairs {
			b.instance(r, -1, group)
		}
		return
	}
	for _, d := range group {
		if b.devices[d].kit.hasAny(r.When.Metrics) {
			b.instance(r, d, group)
		}
	}
}

func (b *builder) instance(r *Rule, d int, group []int) {
	in := &instance{rule: r, dev: d, likelihood: -1, others: r.others(), hold: r.Hold.Milliseconds(), clearHold: r.ClearHold.Milliseconds()}
	for _, p := range r.programs() {
		n := b.bind(p.Root, d, group, in)
		in.timed = in.timed || p.Timed
		if in.when == nil {
			in.when = n
		} else {
			in.clear = n
		}
	}
	b.l.insts = append(b.l.insts, in)
}

// bind makes a condition of a program. A metric is that of the device itself, or
// of the first of the group that has it.
func (b *builder) bind(n *lang.Node, d int, group []int, in *instance) *node {
	if n == nil {
		return nil
	}
	out := &node{op: n.Op, fn: n.Fn, k: n.K, slot: -1, win: -1, span: n.Window, from: n.From, to: n.To, hazard: Hazard(n.Hazard)}
	if n.Metric != "" {
		out.slot = b.find(n.Metric, d, group)
		if n.Op == lang.OpWindow || n.Op == lang.OpChanged {
			out.win = b.window(windowOf{out.slot, n.Window, n.Op == lang.OpWindow && n.Fn == lang.FnQuantile})
		}
		b.ask(in, out.slot)
		return out
	}
	switch n.Op {
	case lang.OpAny, lang.OpAll, lang.OpCount, lang.OpApart:
		for _, one := range group {
			if b.devices[one].kit.hasAny(metricsOf(n.X)) {
				out.each = append(out.each, b.bind(n.X, one, []int{one}, in))
			}
		}
		return out
	}
	out.x, out.y = b.bind(n.X, d, group, in), b.bind(n.Y, d, group, in)
	return out
}

func metricsOf(n *lang.Node) (list []string) {
	n.Walk(func(n *lang.Node, _ bool) {
		if n.Metric != "" {
			list = append(list, n.Metric)
		}
	})
	return list
}

func (b *builder) find(metric string, d int, group []int) int {
	if d >= 0 && b.devices[d].kit.has(metric) {
		return b.slot(d, metric)
	}
	for _, other := range group {
		if b.devices[other].kit.has(metric) {
			return b.slot(other, metric)
		}
	}
	return -1
}

func (b *builder) window(of windowOf) int {
	if of.slot < 0 {
		return -1
	}
	for i, w := range b.l.wins {
		if w == of {
			return i
		}
	}
	b.l.wins = append(b.l.wins, of)
	return len(b.l.wins) - 1
}

// ask notes that an instance depends on a slot.
func (b *builder) ask(in *instance, slot int) {
	if slot < 0 {
		return
	}
	s := &b.l.slots[slot]
	if at := len(b.l.insts); !slices.Contains(s.insts, at) {
		s.insts = append(s.insts, at) // the instance is added when all of it is bound
	}
	if in.likelihood < 0 && strings.HasSuffix(s.metric, "likelihood") {
		in.likelihood = slot
	}
	if s.det < 0 && !slices.Contains(in.evidence, slot) {
		in.evidence = append(in.evidence, slot)
	}
}

// connect finishes a slot: windows over it, and for an input of a detector, who
// asks for what the detector makes of it.
func (b *builder) connect(i int) {
	s := &b.l.slots[i]
	for w := range b.l.wins {
		if b.l.wins[w].slot == i {
			s.wins = append(s.wins, w)
		}
	}
	for _, f := range s.feeds {
		for _, out := range b.l.dets[f.det].outs {
			for _, in := range b.l.slots[out].insts {
				if !slices.Contains(s.insts, in) {
					s.insts = append(s.insts, in)
				}
				if inst := b.l.insts[in]; !slices.Contains(inst.evidence, i) {
					inst.evidence = append(inst.evidence, i)
				}
			}
		}
	}
	slices.Sort(s.insts)
}
