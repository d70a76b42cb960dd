package lang

// Expr is a node of the syntax tree: one of the pointer types below.
type Expr interface {
	Off() int // byte offset of the token that the node is known by
	String() string
}

// Number is a quantity: a value and its unit as written, "" for a bare number.
type Number struct {
	At    int
	Value float64
	Unit  string
}

// Clock is a time of day in minutes since midnight, 0 to 1440.
type Clock struct{ At, Minutes int }

// Metric is a metric of the catalogue, or on and off, by name.
type Metric struct {
	At   int
	Name string
}

// Unary is "not" or "-" before X.
type Unary struct {
	At int
	Op string
	X  Expr
}

// Binary is X Op Y, where Op is one of or and < <= > >= == != + - * /.
type Binary struct {
	At   int
	Op   string
	X, Y Expr
}

// Call is Func(Args...).
type Call struct {
	At   int
	Func string
	Args []Expr
}

func (e *Number) Off() int { return e.At }
func (e *Clock) Off() int  { return e.At }
func (e *Metric) Off() int { return e.At }
func (e *Unary) Off() int  { return e.At }
func (e *Binary) Off() int { return e.At }
func (e *Call) Off() int   { return e.At }
