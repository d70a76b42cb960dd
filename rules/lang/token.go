package lang

import "fmt"

type kind uint8

const (
	end      kind = iota
	word          // a metric, a function
	number        // with its unit, if it has one
	clock         // 22:00
	operator      // also and, or, not, parentheses and comma
)

type token struct {
	kind  kind
	off   int    // byte offset
	text  string // of a word or operator
	value float64
	unit  string
	hour  int // of a clock: minutes since midnight
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "the end"
	case number:
		return fmt.Sprintf("%q", (&Number{Value: t.value, Unit: t.unit}).String())
	case clock:
		return fmt.Sprintf("%q", clockText(t.hour))
	}
	return fmt.Sprintf("%q", t.text)
}

// Error is a mistake in an expression.
type Error struct {
	Off  int // byte offset of the offending token in the expression
	Text string
}

func (e Error) Error() string { return fmt.Sprintf("at %d: %s", e.Off, e.Text) }

func errorf(off int, format string, args ...any) Error {
	return Error{off, fmt.Sprintf(format, args...)}
}
