package lang

import (
	"errors"
	"slices"

	"weishao.dev/weishao/telemetry"
)

// Check gives an expression its meaning: a condition whose dimensions add up,
// with constants converted into the units of what they meet. The error joins
// every Error found.
func Check(e Expr, cat *telemetry.Catalogue) (*Program, error) {
	c := &checker{cat: cat}
	root := c.node(e)
	if root != nil && !root.Bool() {
		c.fail(e.Off(), "a condition belongs here, such as gas.ch4 > 10 %%LEL; %s is a number", e)
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	p := &Program{Text: e.String(), Root: root, Pairs: root.pairs()}
	root.Walk(func(n *Node, grouped bool) {
		switch n.Op {
		case OpElsewhere:
			p.Others = append(p.Others, n.Hazard)
		case OpBetween, OpAge, OpChanged:
			p.Timed = true
		case OpWindow:
			p.Timed = p.Timed || n.Fn == FnCount
		}
		switch {
		case n.Metric == "":
		case grouped:
			p.Grouped = append(p.Grouped, n.Metric)
		default:
			p.Metrics = append(p.Metrics, n.Metric)
		}
	})
	p.Metrics, p.Grouped, p.Others = unique(p.Metrics), unique(p.Grouped), unique(p.Others)
	return p, nil
}

// Compile is Parse and Check.
func Compile(text string, cat *telemetry.Catalogue) (*Program, error) {
	e, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return Check(e, cat)
}

// Each takes an error of Parse, Check or Compile apart.
func Each(err error, f func(Error)) {
	var e Error
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			Each(one, f)
		}
	} else if errors.As(err, &e) {
		f(e)
	} else if err != nil {
		f(Error{Text: err.Error()})
	}
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

type checker struct {
	cat     *telemetry.Catalogue
	errs    []error
	grouped bool
}

func (c *checker) fail(off int, format string, args ...any) *Node {
	c.errs = append(c.errs, errorf(off, format, args...))
	return nil
}

// node checks e; nil when a mistake was found below it and reported.
func (c *checker) node(e Expr) *Node {
	switch e := e.(type) {
	case *Number:
		s, _ := scaleOf(or(e.Unit, "1"))
		return &Node{Op: OpConst, K: e.Value, Unit: e.Unit, Off: e.At, scale: s}
	case *Clock:
		return c.fail(e.At, "a time of day belongs into between(22:00, 06:00)")
	case *Metric:
		return c.metric(e)
	case *Unary:
		return c.unary(e)
	case *Call:
		return c.call(e)
	case *Binary:
		return c.binary(e)
	}
	return nil
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (c *checker) metric(e *Metric) *Node {
	if e.Name == "on" || e.Name == "off" {
		s, _ := scaleOf("1")
		n := &Node{Op: OpConst, Unit: "1", Off: e.At, scale: s, state: true}
		if e.Name == "on" {
			n.K = 1
		}
		return n
	}
	m, ok := c.cat.Lookup(e.Name)
	if !ok {
		return c.fail(e.At, "unknown metric %q%s", e.Name, telemetry.Suggest(e.Name, c.cat.Names()))
	}
	s, ok := scaleOf(string(m.Unit))
	if !ok {
		return c.fail(e.At, "metric %s has a unit, %s, that cannot be computed with", m.Name, m.Unit)
	}
	return &Node{Op: OpMetric, Metric: m.Name, Unit: string(m.Unit), Off: e.At, scale: s, affine: isTemperature(m.Unit), subj: m.Name}
}

func (c *checker) unary(e *Unary) *Node {
	x := c.node(e.X)
	switch {
	case x == nil:
		return nil
	case e.Op == "not":
		if !x.Bool() {
			return c.fail(e.X.Off(), "not takes a condition; %s is a number", e.X)
		}
		return &Node{Op: OpNot, X: x, Off: e.At}
	case x.Bool():
		return c.fail(e.X.Off(), "- takes a number; %s is a condition", e.X)
	case x.Op == OpConst:
		k := *x
		k.K, k.Off = -x.K, e.At
		return &k
	}
	if x.affine {
		return c.fail(e.At, "a temperature cannot be negated, only a difference of temperatures: %s", e)
	}
	return &Node{Op: OpNeg, X: x, Unit: x.Unit, Off: e.At, scale: x.scale, subj: x.subj}
}

func (c *checker) binary(e *Binary) *Node {
	x, y := c.node(e.X), c.node(e.Y)
	if x == nil || y == nil {
		return nil
	}
	logic := e.Op == "and" || e.Op == "or"
	for _, side := range []struct {
		n *Node
		e Expr
	}{{x, e.X}, {y, e.Y}} {
		if logic && !side.n.Bool() {
			return c.fail(side.e.Off(), "%s joins conditions; %s is a number", e.Op, side.e)
		}
		if !logic && side.n.Bool() {
			return c.fail(side.e.Off(), "%s takes numbers; %s is a condition", e.Op, side.e)
		}
	}
	switch e.Op {
	case "and":
		return &Node{Op: OpAnd, X: x, Y: y, Off: e.At}
	case "or":
		return &Node{Op: OpOr, X: x, Y: y, Off: e.At}
	case "*":
		return c.product(OpMul, x, y, e)
	case "/":
		return c.product(OpDiv, x, y, e)
	case "+", "-":
		return c.sum(x, y, e)
	}
	return c.compare(x, y, e)
}

func (c *checker) product(op Op, x, y *Node, e *Binary) *Node {
	switch {
	case y.Op == OpConst && op == OpDiv && y.K == 0:
		return c.fail(y.Off, "division by zero")
	case x.affine || y.affine:
		return c.fail(e.At, "a temperature cannot be multiplied or divided, only a difference of temperatures: %s", e)
	}
	n := &Node{Op: op, X: x, Y: y, Off: e.At, scale: x.scale.times(y.scale)}
	if op == OpDiv {
		n.scale = x.scale.over(y.scale)
	}
	// A bare factor leaves the unit as it is.
	if y.scale.unit == "1" {
		n.Unit, n.scale, n.subj = x.Unit, x.scale, x.subj
	} else if x.scale.unit == "1" && op == OpMul {
		n.Unit, n.scale, n.subj = y.Unit, y.scale, y.subj
	} else {
		return n
	}
	if x.Op == OpConst && y.Op == OpConst { // fold, so that it converts as one quantity
		n.Op, n.X, n.Y, n.K = OpConst, nil, nil, float64(x.K*y.K)
		if op == OpDiv {
			n.K = x.K / y.K
		}
		return c.finite(n)
	}
	return n
}
