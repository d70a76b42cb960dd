package lang

import "weishao.dev/weishao/telemetry"

// sum checks x + y and x - y. Temperatures have a zero of their own: two of them
// differ by so many degrees, and degrees may be added to one, but two of them do
// not add.
func (c *checker) sum(x, y *Node, e *Binary) *Node {
	op, affine := OpAdd, x.affine
	if e.Op == "-" {
		op = OpSub
	}
	switch {
	case x.affine && y.affine && op == OpAdd:
		return c.fail(e.At, "two temperatures do not add up: %s", e)
	case x.affine && y.affine:
		affine = false
	case y.affine && op == OpSub && x.Op != OpConst:
		return c.fail(e.At, "a temperature cannot be taken from a difference of temperatures: %s", e)
	case y.affine:
		affine = true
	}
	differ := x.affine != y.affine // a constant on the other side is a difference
	x, y = c.meet(x, y, e, "added to", differ)
	if x == nil {
		return nil
	}
	n := &Node{Op: op, X: x, Y: y, Unit: x.Unit, Off: e.At, scale: x.scale, affine: affine, subj: or(x.subj, y.subj)}
	if x.Op == OpConst && y.Op == OpConst { // fold, so that it converts as one quantity
		k := *x
		k.Off = e.At
		if k.K += y.K; op == OpSub {
			k.K = x.K - y.K
		}
		return &k
	}
	return n
}

func (c *checker) compare(x, y *Node, e *Binary) *Node {
	if x.Op == OpConst && y.Op == OpConst {
		return c.fail(e.At, "%s compares two constants", e)
	}
	if x.affine != y.affine && x.Op != OpConst && y.Op != OpConst && x.scale.same(y.scale) {
		return c.fail(e.At, "a temperature cannot be compared with a difference of temperatures: %s", e)
	}
	x, y = c.meet(x, y, e, "compared with", !x.affine && !y.affine)
	if x == nil {
		return nil
	}
	less := func(x, y *Node) *Node { return &Node{Op: OpLess, X: x, Y: y, Off: e.At} }
	not := func(x *Node) *Node { return &Node{Op: OpNot, X: x, Off: e.At} }
	equal := &Node{Op: OpEqual, X: x, Y: y, Off: e.At}
	switch e.Op {
	case "<":
		return less(x, y)
	case ">":
		return less(y, x)
	case "<=":
		return not(less(y, x))
	case ">=":
		return not(less(x, y))
	case "!=":
		return not(equal)
	}
	return equal
}

// meet brings x and y to one unit: a constant to that of the other side, else
// the right side to that of the left. differ says that temperatures here are
// differences, which 10 K and 18 °F state as well as 10 °C.
func (c *checker) meet(x, y *Node, e *Binary, verb string, differ bool) (*Node, *Node) {
	switch {
	case x.Op == OpConst && y.Op != OpConst:
		if k := c.constant(x, y, verb, differ); k != nil {
			return k, y
		}
		return nil, nil
	case y.Op == OpConst:
		if k := c.constant(y, x, verb, differ || x.Op == OpConst); k != nil {
			return x, k
		}
		return nil, nil
	case !x.scale.same(y.scale):
		c.fail(e.At, "%s (%s) cannot be %s %s (%s)", e.X, x.scale, verb, e.Y, y.scale)
		return nil, nil
	}
	if f := y.scale.into(x.scale); f != 1 {
		one, _ := scaleOf("1")
		y = &Node{Op: OpMul, X: y, Y: &Node{Op: OpConst, K: f, Unit: "1", scale: one, Off: y.Off}, Unit: x.Unit, Off: y.Off, scale: x.scale, subj: y.subj, affine: y.affine}
	}
	return x, y
}

// constant converts k into the unit of what it meets.
func (c *checker) constant(k, with *Node, verb string, differ bool) *Node {
	what := or(with.subj, "it")
	conv := *k
	conv.Unit, conv.scale, conv.affine = with.Unit, with.scale, with.affine
	switch {
	case k.Unit == with.Unit || k.Unit == "" && with.scale.unit == "1":
		return &conv
	case k.Unit == "" && len(with.scale.dim) == 0 && with.Unit == "":
		conv.K = float64(k.K * k.scale.into(with.scale))
		return &conv
	case k.Unit == "":
		return c.fail(k.Off, "%s is in %s: write %s %s", what, with.scale, k.number(), or(with.Unit, "with its unit"))
	case !differ && telemetry.Unit(k.Unit).Known() && telemetry.Unit(with.Unit).Known():
		v, err := c.cat.Convert(k.K, telemetry.Unit(k.Unit), telemetry.Unit(with.Unit), what)
		if err != nil {
			return c.fail(k.Off, "%v", err)
		}
		conv.K = v
		return &conv
	case k.scale.same(with.scale):
		conv.K = float64(k.K * k.scale.into(with.scale))
		return &conv
	case telemetry.Unit(k.Unit).Known() && telemetry.Unit(with.Unit).Known():
		v, err := c.cat.Convert(k.K, telemetry.Unit(k.Unit), telemetry.Unit(with.Unit), what)
		if err != nil {
			return c.fail(k.Off, "%v", err)
		}
		conv.K = v
		return &conv
	}
	return c.fail(k.Off, "%s cannot be %s %s for %s", or(k.Unit, "a bare number"), verb, with.scale, what)
}

func (n *Node) number() string { return (&Number{Value: n.K}).String() }
