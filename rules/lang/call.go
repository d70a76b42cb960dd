package lang

import (
	"slices"
	"strings"

	"weishao.dev/weishao/telemetry"
)

var functions = []string{"avg", "min", "max", "spread", "slope", "count", "changed", "quantile", "age", "between", "any", "all", "apart", "elsewhere"}

// Longest window that a rule may look back over.
const maxWindow = 7 * 86400e3 // ms

func (c *checker) call(e *Call) *Node {
	switch e.Func {
	case "between":
		return c.between(e)
	case "age":
		return c.age(e)
	case "elsewhere":
		return c.elsewhere(e)
	case "any", "all":
		return c.group(e)
	case "apart":
		return c.apart(e)
	case "count":
		if len(e.Args) == 1 {
			return c.group(e)
		}
	}
	fn := slices.Index(FnNames[:], e.Func)
	if fn < 0 {
		return c.fail(e.At, "unknown function %q%s", e.Func, suggestFunction(e.Func))
	}
	if Fn(fn) == FnQuantile {
		return c.quantile(e)
	}
	return c.window(e, Fn(fn))
}

// habits are what people call a function that has another name here.
var habits = map[string]string{"mean": "avg", "average": "avg", "rate": "slope", "derivative": "slope", "range": "spread", "delta": "spread", "percentile": "quantile", "median": "quantile"}

func suggestFunction(name string) string {
	if known, ok := habits[strings.ToLower(name)]; ok {
		return telemetry.Suggest(known, functions)
	}
	return telemetry.Suggest(name, functions)
}

func (c *checker) between(e *Call) *Node {
	n := &Node{Op: OpBetween, Off: e.At}
	if len(e.Args) == 2 {
		from, ok1 := e.Args[0].(*Clock)
		to, ok2 := e.Args[1].(*Clock)
		if ok1 && ok2 {
			n.From, n.To = from.Minutes, to.Minutes
			return n
		}
	}
	return c.fail(e.At, "between takes two times of day: between(22:00, 06:00)")
}

func (c *checker) age(e *Call) *Node {
	if len(e.Args) == 1 {
		if m, ok := e.Args[0].(*Metric); ok {
			n := c.metric(m)
			if n == nil {
				return nil
			}
			if n.Op == OpMetric {
				return &Node{Op: OpAge, Metric: n.Metric, Unit: "ms", Off: e.At, scale: timeUnits["ms"], subj: e.String()}
			}
		}
	}
	return c.fail(e.At, "age takes a metric: age(smoke) > 30s")
}

// apart checks how far a metric differs between the devices of the place.
func (c *checker) apart(e *Call) *Node {
	if c.grouped {
		return c.fail(e.At, "any, all, count and apart do not stand inside each other")
	}
	if len(e.Args) == 1 {
		if m, ok := e.Args[0].(*Metric); ok {
			x := c.metric(m)
			if x == nil {
				return nil
			}
			if x.Op == OpMetric {
				return &Node{Op: OpApart, X: x, Unit: x.Unit, Off: e.At, scale: x.scale, subj: x.subj}
			}
		}
	}
	return c.fail(e.At, "apart takes a metric, which is compared between the devices of the place: apart(temperature) > 5 °C; over time it is spread(temperature, 5m)")
}

// elsewhere asks whether a hazard is raised at another place of the zone. Which
// hazards there are, whoever loads the rule knows.
func (c *checker) elsewhere(e *Call) *Node {
	if c.grouped {
		return c.fail(e.At, "elsewhere asks other places, not a device: take it out of any, all or count")
	}
	if len(e.Args) == 1 {
		if m, ok := e.Args[0].(*Metric); ok {
			return &Node{Op: OpElsewhere, Hazard: m.Name, Off: m.At}
		}
	}
	return c.fail(e.At, "elsewhere takes a hazard that a rule has raised at another place of the zone: elsewhere(fire)")
}

// group checks any, all and count over the devices of the place.
func (c *checker) group(e *Call) *Node {
	if len(e.Args) != 1 {
		return c.fail(e.At, "%s takes one condition, which is asked of each device of the place: %s(smoke > 0.3 dB/m)", e.Func, e.Func)
	}
	if c.grouped {
		return c.fail(e.At, "any, all, count and apart do not stand inside each other")
	}
	c.grouped = true
	x := c.node(e.Args[0])
	c.grouped = false
	if x == nil {
		return nil
	}
	if !x.Bool() {
		return c.fail(e.Args[0].Off(), "%s asks a condition of each device; %s is a number%s", e.Func, e.Args[0], countHint(e))
	}
	metrics := false
	x.Walk(func(n *Node, _ bool) { metrics = metrics || n.Metric != "" })
	if !metrics {
		return c.fail(e.At, "%s asks nothing of a device: name a metric in it", e.Func)
	}
	switch e.Func {
	case "any":
		return &Node{Op: OpAny, X: x, Off: e.At}
	case "all":
		return &Node{Op: OpAll, X: x, Off: e.At}
	}
	one, _ := scaleOf("1")
	return &Node{Op: OpCount, X: x, Off: e.At, Unit: "1", scale: one, subj: e.String()}
}

func countHint(e *Call) string {
	if e.Func == "count" {
		return "; to count readings write count(" + e.Args[0].String() + ", 5m)"
	}
	return ""
}

func (c *checker) window(e *Call, fn Fn) *Node {
	if len(e.Args) != 2 {
		return c.fail(e.At, "%s takes a metric and how far to look back: %s(temperature, 5m)", e.Func, e.Func)
	}
	m, ok := e.Args[0].(*Metric)
	if !ok || m.Name == "on" || m.Name == "off" {
		return c.fail(e.Args[0].Off(), "%s looks at one metric, not at %s", e.Func, e.Args[0])
	}
	x := c.metric(m)
	d, ok := e.Args[1].(*Number)
	if !ok || timeUnits[d.Unit].num == 0 {
		return c.fail(e.Args[1].Off(), "%s looks back over a length of time, such as 30s or 5m, not over %s", e.Func, e.Args[1])
	}
	if x == nil {
		return nil
	}
	span := float64(d.Value * timeUnits[d.Unit].num)
	if span < 1000 || span > maxWindow || span != float64(int64(span)) {
		return c.fail(d.At, "%s is not between 1s and 7d", d)
	}
	n := &Node{Op: OpWindow, Fn: fn, Metric: x.Metric, Window: int64(span), Unit: x.Unit, Off: e.At, scale: x.scale, affine: x.affine, subj: x.subj}
	switch fn {
	case FnSpread:
		n.affine = false
	case FnSlope:
		n.affine = false
		n.scale = x.scale.over(timeUnits["min"])
		n.Unit = perMinute(x.Unit)
		n.scale.unit = n.Unit
		n.subj = e.String()
	case FnCount:
		one, _ := scaleOf("1")
		n.Unit, n.scale, n.affine, n.subj = "1", one, false, e.String()
	case FnChanged:
		return &Node{Op: OpChanged, Fn: fn, Metric: x.Metric, Window: int64(span), Off: e.At}
	}
	return n
}

// quantile takes the share out and checks the rest as a window.
func (c *checker) quantile(e *Call) *Node {
	if len(e.Args) != 3 {
		return c.fail(e.At, "quantile takes a metric, a share, and how far to look back: quantile(power, 0.9, 5m)")
	}
	share, ok := e.Args[1].(*Number)
	if !ok || share.Unit != "" && share.Unit != "%" {
		return c.fail(e.Args[1].Off(), "quantile takes a share of the readings, such as 0.9 or 90 %%, not %s", e.Args[1])
	}
	q := share.Value
	if share.Unit == "%" {
		q /= 100
	}
	if q <= 0 || q >= 1 {
		return c.fail(share.At, "%s is not between 0 and 1%s", share, quantileHint(e, q))
	}
	n := c.window(&Call{At: e.At, Func: e.Func, Args: []Expr{e.Args[0], e.Args[2]}}, FnQuantile)
	if n != nil {
		n.K = q
	}
	return n
}

func quantileHint(e *Call, q float64) string {
	switch q {
	case 0:
		return ": write min(" + e.Args[0].String() + ", " + e.Args[2].String() + ")"
	case 1:
		return ": write max(" + e.Args[0].String() + ", " + e.Args[2].String() + ")"
	}
	if q > 1 && q < 100 {
		return ": 90 % is 0.9"
	}
	return ""
}

func perMinute(u string) string {
	if u == "1" {
		return "1/min"
	}
	return strings.TrimSpace(u) + "/min"
}
