package lang

import (
	"fmt"
	"strconv"
	"strings"
)

func (e *Number) String() string {
	v := strconv.FormatFloat(e.Value, 'g', -1, 64)
	if e.Value >= 1e-4 && e.Value < 1e15 {
		v = strconv.FormatFloat(e.Value, 'f', -1, 64)
	}
	switch {
	case e.Unit == "":
		return v
	case timeUnits[e.Unit].num != 0:
		return v + e.Unit
	}
	return v + " " + e.Unit
}

func clockText(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

func (e *Clock) String() string  { return clockText(e.Minutes) }
func (e *Metric) String() string { return e.Name }

func (e *Unary) String() string {
	if e.Op == "not" {
		return "not " + within(e.X, powerNot)
	}
	return "-" + within(e.X, powerSign)
}

// String prints with as few parentheses as parse back to the same tree: the
// right side binds tighter, and comparisons do not chain on either side.
func (e *Binary) String() string {
	pw := power(e.Op)
	left := pw
	if pw == powerCompare {
		left = pw + 1
	}
	return within(e.X, left) + " " + e.Op + " " + within(e.Y, pw+1)
}

func (e *Call) String() string {
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		args[i] = a.String()
	}
	return e.Func + "(" + strings.Join(args, ", ") + ")"
}

// within prints x as an operand of something that binds with the given power.
func within(x Expr, floor int) string {
	pw := powerSign
	switch x := x.(type) {
	case *Binary:
		pw = power(x.Op)
	case *Unary:
		if x.Op == "not" {
			pw = powerNot
		}
	}
	if pw < floor {
		return "(" + x.String() + ")"
	}
	return x.String()
}
