package lang

import (
	"fmt"
	"math"

	"weishao.dev/weishao/telemetry"
)

// sum checks x + y and x - y. Temperatures have a zero of their own: two of them
// differ by so many degrees, and degrees may be added to one, but two of them do
// not add. A constant beside a temperature is a difference, except in 40 °C -
// temperature, where it must be a temperature; temperature - 40 °C may be either.
func (c *checker) sum(x, y *Node, e *Binary) *Node {
	op := OpAdd
	if e.Op == "-" {
		op = OpSub
	}
	var affine, either bool
	differ := x.affine != y.affine // a constant on the other side is a difference
	switch {
	case x.affine && y.affine && op == OpAdd:
		return c.fail(e.At, "two temperatures do not add up: %s", e)
	case x.affine && y.affine:
	case y.affine && op == OpSub && x.Op != OpConst:
		return c.fail(e.At, "a temperature cannot be taken from a difference of temperatures: %s", e)
	case y.affine && op == OpSub:
		differ = false
	case x.affine && op == OpSub && y.Op == OpConst:
		affine, either = true, true
		if c.otherZero(y, x) {
			return c.fail(y.Off, "a temperature of %s, or a difference of as much? Write it in %s, where both are the same", quantity(y), x.scale)
		}
	default:
		affine, either = x.affine || y.affine, x.either || y.either
	}
	x, y = c.meet(x, y, e, "added to", differ)
	if x == nil {
		return nil
	}
	if x.Op == OpConst && y.Op == OpConst { // fold, so that it converts as one quantity
		k := *x
		k.Off = e.At
		if k.K += y.K; op == OpSub {
			k.K = x.K - y.K
		}
		return c.finite(&k)
	}
	return &Node{Op: op, X: x, Y: y, Unit: x.Unit, Off: e.At, scale: x.scale, affine: affine, either: either, subj: or(x.subj, y.subj)}
}

// otherZero reports whether a constant's unit counts temperatures from another
// zero than what it meets.
func (c *checker) otherZero(k, with *Node) bool {
	zero, err := c.cat.Convert(0, telemetry.Unit(or(k.Unit, "1")), telemetry.Unit(with.Unit), "")
	return err == nil && zero != 0
}

// finite refuses a constant that has become too large to compute with.
func (c *checker) finite(k *Node) *Node {
	if math.IsInf(k.K, 0) || k.K != k.K {
		return c.fail(k.Off, "this number is too large to compute with")
	}
	return k
}

func (c *checker) compare(x, y *Node, e *Binary) *Node {
	if x.Op == OpConst && y.Op == OpConst {
		return c.fail(e.At, "%s compares two constants", e)
	}
	either := x.either || y.either
	if x.affine != y.affine && !either && x.Op != OpConst && y.Op != OpConst && x.scale.same(y.scale) {
		return c.fail(e.At, "a temperature cannot be compared with a difference of temperatures: %s", e)
	}
	for _, side := range [][2]*Node{{x, y}, {y, x}} {
		if k, with := side[0], side[1]; with.either && k.Op == OpConst && c.otherZero(k, with) {
			return c.fail(k.Off, "a temperature of %s, or a difference of as much? Write it in %s, where both are the same", quantity(k), with.scale)
		}
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
	case x.affine && y.affine && c.otherZero(y, x):
		c.fail(e.At, "%s (%s) and %s (%s) count from different zeros", e.X, x.scale, e.Y, y.scale)
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
	bare := k.Unit == ""
	catalogued := telemetry.Unit(k.Unit).Known() && telemetry.Unit(with.Unit).Known()
	switch {
	case k.Unit == with.Unit && !bare || bare && with.scale.unit == "1":
		return &conv
	case bare && !(len(with.scale.dim) == 0 && with.Unit == ""):
		return c.fail(k.Off, "%s is in %s: write %s", what, with.scale, hint(k.K, with))
	case k.state:
		return c.fail(k.Off, "%s is in %s, it is not on or off", what, with.scale)
	case k.scale.same(with.scale) && (differ || !catalogued):
		conv.K = float64(k.K * k.scale.into(with.scale))
		return c.finite(&conv)
	case catalogued:
		if v, err := c.cat.Convert(k.K, telemetry.Unit(k.Unit), telemetry.Unit(with.Unit), what); err == nil {
			conv.K = v
			return c.finite(&conv)
		}
	}
	return c.fail(k.Off, "%s cannot be %s %s for %s", or(k.Unit, "a bare number"), verb, with.scale, what)
}

// hint is how a bare number that meets something with a unit is written: the
// units that people use for it stand in for those that nobody writes.
func hint(v float64, with *Node) string {
	switch {
	case with.Unit == "ms":
		return plain(v) + "s or " + plain(v) + "m"
	case with.Unit == "1/min":
		return plain(float64(v*100)) + " %/min"
	}
	return plain(v) + " " + or(with.Unit, "with its unit")
}

func plain(v float64) string { return (&Number{Value: v}).String() }

// quantity is a constant as it is written.
func quantity(k *Node) string { return fmt.Sprintf("%s %s", plain(k.K), or(k.Unit, "")) }
