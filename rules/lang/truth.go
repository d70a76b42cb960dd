package lang

// Truth is a value of Kleene's strong three-valued logic. The zero value is
// False; the order False < Unknown < True makes And a minimum and Or a maximum.
type Truth int8

const (
	False Truth = iota
	Unknown
	True
)

func (t Truth) String() string {
	switch t {
	case False:
		return "false"
	case True:
		return "true"
	}
	return "unknown"
}

// And is True when both are, False when one is False.
func (t Truth) And(u Truth) Truth { return min(t, u) }

// Or is True when one is True, False when both are False.
func (t Truth) Or(u Truth) Truth { return max(t, u) }

// Not swaps True and False and leaves Unknown.
func (t Truth) Not() Truth { return True - t }

// Of is the Truth of a bool.
func Of(b bool) Truth {
	if b {
		return True
	}
	return False
}
