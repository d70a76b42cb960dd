package conf

import (
	"cmp"
	"time"
)

// Given is the value of a key, or def where it is not given. One that is not between
// least and most is a mistake.
func Given[T cmp.Ordered](errs *Errors, what string, v At[T], def, least, most T) T {
	if v.Pos.Line == 0 {
		return def
	}
	if v.V < least || v.V > most {
		errs.Add(v.Pos, "%s %v is not between %v and %v", what, v.V, least, most)
	}
	return v.V
}

// Span is Given for lengths of time.
func Span(errs *Errors, what string, v At[Duration], def, least, most time.Duration) time.Duration {
	return Given(errs, what, At[time.Duration]{V: time.Duration(v.V), Pos: v.Pos}, def, least, most)
}
