package lang

import (
	"testing"

	"pgregory.net/rapid"
)

var truths = []Truth{False, Unknown, True}

// Kleene's strong logic, as its tables are printed.
func TestTruthTables(t *testing.T) {
	and := [3][3]Truth{{False, False, False}, {False, Unknown, Unknown}, {False, Unknown, True}}
	or := [3][3]Truth{{False, Unknown, True}, {Unknown, Unknown, True}, {True, True, True}}
	not := [3]Truth{True, Unknown, False}
	for i, a := range truths {
		if got := a.Not(); got != not[i] {
			t.Errorf("not %v: got %v", a, got)
		}
		for j, b := range truths {
			if got := a.And(b); got != and[i][j] {
				t.Errorf("%v and %v: got %v", a, b, got)
			}
			if got := a.Or(b); got != or[i][j] {
				t.Errorf("%v or %v: got %v", a, b, got)
			}
		}
	}
	if Of(true) != True || Of(false) != False {
		t.Error("a bool is another truth")
	}
	for i, want := range []string{"false", "unknown", "true"} {
		if got := truths[i].String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// formula is a tree of and, or, not over three variables.
func formula(depth int) *rapid.Generator[func([3]Truth) Truth] {
	return rapid.Custom(func(t *rapid.T) func([3]Truth) Truth {
		kinds := 4
		if depth == 0 {
			kinds = 1
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 1:
			x := formula(depth-1).Draw(t, "x")
			return func(v [3]Truth) Truth { return x(v).Not() }
		case 2:
			x, y := formula(depth-1).Draw(t, "x"), formula(depth-1).Draw(t, "y")
			return func(v [3]Truth) Truth { return x(v).And(y(v)) }
		case 3:
			x, y := formula(depth-1).Draw(t, "x"), formula(depth-1).Draw(t, "y")
			return func(v [3]Truth) Truth { return x(v).Or(y(v)) }
		}
		i := rapid.IntRange(0, 2).Draw(t, "variable")
		return func(v [3]Truth) Truth { return v[i] }
	})
}

// What is known stays when more becomes known: a reading that comes late can
// settle a condition, but never turn it round.
func TestKnowingMoreTurnsNothingRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := formula(5).Draw(t, "formula")
		var less, more [3]Truth
		for i := range less {
			less[i] = rapid.SampledFrom(truths).Draw(t, "before")
			if more[i] = less[i]; less[i] == Unknown {
				more[i] = rapid.SampledFrom(truths).Draw(t, "after")
			}
		}
		if before, after := f(less), f(more); before != Unknown && after != before {
			t.Fatalf("with %v %v, with %v %v", less, before, more, after)
		}
	})
}

func TestLawsOfLogic(t *testing.T) {
	for _, a := range truths {
		for _, b := range truths {
			if a.And(b).Not() != a.Not().Or(b.Not()) || a.And(b) != b.And(a) || a.Or(b) != b.Or(a) || a.Not().Not() != a || a.And(a.Or(b)) != a {
				t.Errorf("no lattice with De Morgan's laws: %v, %v", a, b)
			}
			for _, c := range truths {
				if a.And(b.Or(c)) != a.And(b).Or(a.And(c)) || a.And(b.And(c)) != a.And(b).And(c) {
					t.Errorf("not distributive or associative: %v, %v, %v", a, b, c)
				}
			}
		}
	}
}
