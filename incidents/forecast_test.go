package incidents

import (
	"fmt"
	"strings"
	"testing"

	"weishao.dev/weishao/rules"
)

const minute = int64(60_000)

func expect(key string, onset, raised, cleared int64) *Expected {
	return &Expected{Key: key, Onset: onset, Raised: raised, Cleared: cleared}
}

func TestForecast(t *testing.T) {
	at := func(m int64, f ...func(*rules.Verdict)) func(*rules.Verdict) {
		return func(v *rules.Verdict) {
			v.Time, v.Onset = m*minute, m*minute
			for _, g := range f {
				g(v)
			}
		}
	}
	severity := func(s rules.Severity) func(*rules.Verdict) { return func(v *rules.Verdict) { v.Severity = s } }
	over := func(id string, m int64) rules.Verdict {
		return raise(id, at(m, func(v *rules.Verdict) { v.Event, v.Cleared = rules.Clear, m*minute }))
	}
	for name, c := range map[string]struct {
		in   []rules.Verdict
		want string
	}{
		"back within ten minutes is the same": {[]rules.Verdict{raise("a", at(1)), over("a", 2), raise("b", at(11))}, "1-0 1 pages"},
		"later is another":                    {[]rules.Verdict{raise("a", at(1)), over("a", 2), raise("b", at(13)), over("b", 20)}, "1-2 1 pages, 13-20 1 pages"},
		"one of two still holds":              {[]rules.Verdict{raise("a", at(1)), raise("b", at(2)), over("a", 3)}, "1-0 1 pages"},
		"become urgent":                       {[]rules.Verdict{raise("a", at(1, severity(rules.Minor))), raise("b", at(2, severity(rules.Critical)))}, "1-0 2 pages"},
		"urgent already":                      {[]rules.Verdict{raise("a", at(1, severity(rules.Major))), raise("b", at(2, severity(rules.Critical)))}, "1-0 1 pages"},
		"smoke is part of fire":               {[]rules.Verdict{raise("a", hazard(rules.Smoke), at(1)), raise("b", hazard(rules.Fire), at(2))}, "1-0 1 pages"},
		"history pages nobody":                {[]rules.Verdict{raise("a", at(1, func(v *rules.Verdict) { v.Over, v.Cleared = true, 3*minute }))}, "1-3 0 pages"},
		"a clear of nothing":                  {[]rules.Verdict{over("a", 1)}, ""},
	} {
		var f Forecast
		for _, v := range c.in {
			f.Add(v)
		}
		var got []string
		for _, e := range f.Incidents() {
			got = append(got, fmt.Sprintf("%d-%d %d pages", e.Raised/minute, e.Cleared/minute, len(e.Pages)))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	before := []*Expected{expect("a", 0, 5, 20), expect("a", 30, 35, 40), expect("b", 0, 1, 9), expect("c", 0, 4, 0)}
	after := []*Expected{expect("a", 0, 2, 50), expect("b", 10, 11, 19), expect("c", 0, 6, 0)}
	var got []string
	for _, d := range Compare(before, after) {
		s := "gone"
		switch {
		case d.Before == nil:
			s = "new"
		case d.After != nil:
			s = fmt.Sprint(d.Earlier())
		}
		got = append(got, fmt.Sprintf("%d %s", d.Time(), s))
	}
	const want = "1 gone, 2 3, 4 -2, 11 new, 35 gone"
	if got := strings.Join(got, ", "); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
