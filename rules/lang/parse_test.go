package lang

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
)

// anyExpr draws a tree of any shape that grammar allows, sensible or not.
func anyExpr(depth int) *rapid.Generator[Expr] {
	return rapid.Custom(func(t *rapid.T) Expr {
		kinds := 6
		if depth == 0 {
			kinds = 3
		}
		sub := func(label string) Expr { return anyExpr(depth-1).Draw(t, label) }
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			units := append(telemetry.Units(), "", "ms", "s", "m", "min", "h", "d", "Hz/min", "%/s")
			unit := rapid.SampledFrom(units).Filter(func(u string) bool { return u != "1" }) // nobody can write that one
			value := rapid.OneOf(rapid.SampledFrom([]float64{0, 0.1, 10, 1e-5, 1e15, 1e21, 2.5e-300, 5e-324, 1.7e308}), rapid.Float64Range(0, 1e6))
			return &Number{Value: value.Draw(t, "value"), Unit: unit.Draw(t, "unit")}
		case 1:
			return &Metric{Name: rapid.SampledFrom([]string{"gas.ch4", "power_factor", "on", "min", "e5", "a.b.c", "_x", "ANDy", "notable"}).Draw(t, "metric")}
		case 2:
			return &Clock{Minutes: rapid.IntRange(0, 1440).Draw(t, "clock")}
		case 3:
			return &Unary{Op: rapid.SampledFrom([]string{"not", "-"}).Draw(t, "op"), X: sub("x")}
		case 4:
			op := rapid.SampledFrom([]string{"or", "and", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/"}).Draw(t, "op")
			return &Binary{Op: op, X: sub("x"), Y: sub("y")}
		}
		c := &Call{Func: rapid.SampledFrom([]string{"any", "slope", "not_known", "min"}).Draw(t, "func")}
		for range rapid.IntRange(0, 3).Draw(t, "args") {
			c.Args = append(c.Args, sub("arg"))
		}
		return c
	})
}

// same compares trees but for where their tokens stand.
func same(a, b Expr) bool {
	switch a := a.(type) {
	case *Number:
		b, ok := b.(*Number)
		return ok && a.Value == b.Value && a.Unit == b.Unit
	case *Metric:
		b, ok := b.(*Metric)
		return ok && a.Name == b.Name
	case *Clock:
		b, ok := b.(*Clock)
		return ok && a.Minutes == b.Minutes
	case *Unary:
		b, ok := b.(*Unary)
		return ok && a.Op == b.Op && same(a.X, b.X)
	case *Binary:
		b, ok := b.(*Binary)
		return ok && a.Op == b.Op && same(a.X, b.X) && same(a.Y, b.Y)
	case *Call:
		b, ok := b.(*Call)
		if !ok || a.Func != b.Func || len(a.Args) != len(b.Args) {
			return false
		}
		for i := range a.Args {
			if !same(a.Args[i], b.Args[i]) {
				return false
			}
		}
		return true
	}
	return false
}

// Every tree that can be built prints as text that parses back to it.
func TestPrintedTreesParseBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyExpr(5).Draw(t, "expression")
		text := e.String()
		if len(text) > maxText {
			return
		}
		back, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !same(e, back) {
			t.Fatalf("%s reads back as %s", text, back)
		}
	})
}

func TestPrecedence(t *testing.T) {
	for text, want := range map[string]string{
		"a or b and c":                     "a or b and c",
		"(a or b) and c":                   "(a or b) and c",
		"a or (b and c)":                   "a or b and c",
		"(a or b) or c":                    "a or b or c",
		"a or (b or c)":                    "a or (b or c)",
		"not a and b":                      "not a and b",
		"(not a) and b":                    "not a and b",
		"not (a and b)":                    "not (a and b)",
		"not (a < b)":                      "not a < b",
		"not not a":                        "not not a",
		"a and not b or c":                 "a and not b or c",
		"a - (b - c) - d":                  "a - (b - c) - d",
		"a / (b * c)":                      "a / (b * c)",
		"(a + b) * -c":                     "(a + b) * -c",
		"-(a + b)":                         "-(a + b)",
		"- - a":                            "--a",
		"a-1":                              "a - 1",
		"a\n\t<\r\n10\n%LEL":               "a < 10 %LEL",
		"a>=10%LEL and b<.5dB/m":           "a >= 10 %LEL and b < 0.5 dB/m",
		"a ≥ 2 × 300W":                     "a >= 2 * 300 W",
		"a > −5 ℃":                         "a > -5 ℃",
		"p > 30 μg/m³":                     "p > 30 µg/m³",
		"max(t, 5 min) > 40 °C":            "max(t, 5min) > 40 °C",
		"between(6:00,24:00)":              "between(06:00, 24:00)",
		"count( any ( x , 1 h ) )":         "count(any(x, 1h))",
		"f()":                              "f()",
		"1e3 W < p":                        "1000 W < p",
		"x > 5 and y":                      "x > 5 and y",
		"a/b > 5 A/min":                    "a / b > 5 A/min",
		"i > 5 A/b":                        "i > 5 A / b",
		"10 W + 5 kW*2 < power or contact": "10 W + 5 kW * 2 < power or contact",
	} {
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got := e.String(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// FuzzParse: no text makes the parser panic or run away; what it takes prints
// and parses back to the same; every refusal stands inside the text.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"gas.ch4 > 10 %LEL", "slope(temperature, 1m) > 8 °C/min and temperature > 40 °C", "count(smoke > 0.3 dB/m) >= 2",
		"power > 100 W and power_factor < 0.7 and between(22:00, 06:00)", "not (contact == on or age(co) > 30s)", "-(-(1e-9))",
		"a < b < c", "a + not b", "1e999", "99:99", "((((", "5 furlongs", "a && b", "（a）", "\x80", "5 %", "2 * 40 °C < temperature", "changed(contact, 1m) == on",
		"temperature - 40 °C > 5 K", "40 °C - temperature < 3 °F", "power / 0 > 1 W", "1e308 W * 1e308 < power", "gas.ch4 > 2 * 1e307 %vol",
	} {
		f.Add(s)
	}
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			inside(t, text, err)
			return
		}
		printed := e.String()
		if len(printed) <= maxText { // spaces may have made it longer than may be read
			back, err := Parse(printed)
			if err != nil || !same(e, back) || back.String() != printed {
				t.Fatalf("%q prints as %q, which reads back as %v, %v", text, printed, back, err)
			}
		}
		p, err := Check(e, cat)
		if err != nil {
			inside(t, text, err)
			return
		}
		finite(t, text, p)
	})
}

// finite checks what every program keeps to: constants that can be computed
// with, and conditions where conditions belong.
func finite(t *testing.T, text string, p *Program) {
	t.Helper()
	if p.Root == nil || !p.Root.Bool() {
		t.Fatalf("%q is a program, but no condition", text)
	}
	p.Root.Walk(func(n *Node, _ bool) {
		if n.K-n.K != 0 {
			t.Fatalf("%q has the constant %g", text, n.K)
		}
		if (n.Metric != "") != (n.Op == OpMetric || n.Op == OpWindow || n.Op == OpAge || n.Op == OpChanged) {
			t.Fatalf("%q has a node %d of metric %q", text, n.Op, n.Metric)
		}
	})
}

func inside(t *testing.T, text string, err error) {
	t.Helper()
	n := 0
	Each(err, func(e Error) {
		n++
		if e.Off < 0 || e.Off > len(text) || e.Text == "" {
			t.Fatalf("%q: %q stands at %d", text, e.Text, e.Off)
		}
	})
	if n == 0 {
		t.Fatalf("%q: %v says nothing", text, err)
	}
}

func TestNothingExhaustsTheStack(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", maxText), strings.Repeat("-", maxText), strings.Repeat("not ", maxText/4), strings.Repeat("f(", maxText/2),
		strings.Repeat("a + (", maxText/5), strings.Repeat("a or ", maxText/5) + "a", strings.Repeat("a ", maxText),
	} {
		e, err := Parse(text)
		if err == nil {
			_, err = Check(e, telemetry.NewCatalogue(telemetry.LEL{}))
		}
		if err == nil {
			t.Errorf("%.20q... was taken", text)
		}
	}
}

func TestEachTakesErrorsApart(t *testing.T) {
	var got []Error
	Each(errors.Join(Error{1, "a"}, errors.Join(Error{2, "b"}, errors.New("c"))), func(e Error) { got = append(got, e) })
	if len(got) != 3 || got[0] != (Error{1, "a"}) || got[1] != (Error{2, "b"}) || got[2] != (Error{0, "c"}) {
		t.Errorf("got %v", got)
	}
	Each(nil, func(e Error) { t.Errorf("no error has %v", e) })
}
