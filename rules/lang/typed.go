package lang

import "weishao.dev/weishao/telemetry"

// Op is what a Node does.
type Op uint8

const (
	OpConst     Op = iota // K
	OpMetric              // the last value of Metric
	OpWindow              // Fn over the readings of Metric in the last Window
	OpAge                 // ms since Metric was last measured
	OpNeg                 // −X
	OpAdd                 // X + Y
	OpSub                 // X − Y
	OpMul                 // X · Y
	OpDiv                 // X / Y
	OpCount               // of the devices: those for which X is true
	OpApart               // how far the metric X differs between the devices, 0 for one alone
	OpLess                // X < Y
	OpEqual               // X == Y
	OpNot                 // not X
	OpAnd                 // X and Y
	OpOr                  // X or Y
	OpAny                 // X is true for one of the devices
	OpAll                 // X is true for each of the devices
	OpElsewhere           // Hazard is raised at another place of the zone
	OpBetween             // local time of day is in [From, To), past midnight if To <= From
	OpChanged             // Metric changed its value in the last Window
)

// Fn is what a window computes.
type Fn uint8

const (
	FnAvg Fn = iota
	FnMin
	FnMax
	FnSpread
	FnSlope // per minute
	FnCount
	FnChanged
	FnQuantile // K of the node is the share
)

// FnNames are the functions as they are written.
var FnNames = [...]string{"avg", "min", "max", "spread", "slope", "count", "changed", "quantile"}

// Node is an expression that has been checked. Numbers are in the unit that
// Unit names, so a run of the program converts nothing.
type Node struct {
	Op       Op
	X, Y     *Node
	K        float64
	Metric   string
	Hazard   string
	Fn       Fn
	Window   int64 // ms
	From, To int   // minutes since midnight
	Unit     string
	Off      int

	scale  scale
	affine bool   // a temperature on a scale with a zero of its own, not a difference
	either bool   // affine, and as well a difference: temperature - 40 °C
	state  bool   // the constant on or off
	subj   string // the metric whose conversions apply
}

// Bool reports whether the node is a condition.
func (n *Node) Bool() bool { return n.Op >= OpLess }

// Program is a checked condition.
type Program struct {
	Text    string // as printed
	Root    *Node
	Metrics []string // outside any, all, count of devices and apart, sorted
	Grouped []string // inside them, sorted
	Others  []string // hazards that elsewhere asks for, sorted
	Timed   bool     // its truth may change with time alone
	Pairs   bool     // of one device alone it is never true
}

// pairs reports whether a condition is false where nothing can be apart.
func (n *Node) pairs() bool {
	switch n.Op {
	case OpAnd:
		return n.X.pairs() || n.Y.pairs()
	case OpOr:
		return n.X.pairs() && n.Y.pairs()
	case OpLess: // apart(x) > k
		return n.X.Op == OpConst && n.X.K >= 0 && n.Y.Op == OpApart
	}
	return false
}

// Walk calls f for each node, parents first; grouped is true inside any, all,
// count and apart.
func (n *Node) Walk(f func(n *Node, grouped bool)) { n.walk(f, false) }

func (n *Node) walk(f func(*Node, bool), grouped bool) {
	if n == nil {
		return
	}
	f(n, grouped)
	grouped = grouped || n.Op == OpAny || n.Op == OpAll || n.Op == OpCount || n.Op == OpApart
	n.X.walk(f, grouped)
	n.Y.walk(f, grouped)
}

func isTemperature(u telemetry.Unit) bool { return u.Dimension() == "temperature" }
