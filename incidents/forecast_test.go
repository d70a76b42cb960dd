package incidents

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

// Until somebody takes it, an incident is paged along the chain, one after another,
// and then again to all; what pages only once is taken as told.
func TestForecastEscalates(t *testing.T) {
	dir := newTown()
	dir.chain = []string{"a", "b"}
	at := func(s rules.Severity) rules.Verdict {
		return raise("a", func(v *rules.Verdict) { v.Time, v.Severity = 10*minute, s })
	}
	for _, c := range []struct {
		ack      time.Duration
		severity rules.Severity
		want     string
	}{
		{0, rules.Critical, "a 0s"},
		{90 * time.Second, rules.Critical, "a 0s, b 1m0s"},
		{3 * time.Minute, rules.Critical, "a 0s, b 1m0s, a 3m0s, b 3m0s"},
		{time.Hour, rules.Minor, "a 0s"},
	} {
		f := Forecast{Directory: dir, AckAfter: c.ack}
		f.Add(at(c.severity))
		var got []string
		for _, p := range f.Incidents()[0].Pages {
			got = append(got, fmt.Sprint(p.Person, " ", time.Duration(p.At-10*minute)*time.Millisecond))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s, taken after %s: got %q, want %q", c.severity, c.ack, got, c.want)
		}
	}
}

// A label finds the incident of its zone and family at its time.
func TestLabelFound(t *testing.T) {
	list := []*Expected{expect("z|fire", 1, 2, 10), expect("z|fire", 30, 31, 0), expect("z|gas_leak", 1, 2, 0)}
	for name, c := range map[string]struct {
		l    Label
		want int
	}{
		"at its time":      {Label{Hazard: rules.Smoke, Zone: "z", Onset: 5, Opened: 6, Ended: 20}, 0},
		"later":            {Label{Hazard: rules.Fire, Zone: "z", Onset: 25, Opened: 26, Ended: 40}, 1},
		"between the two":  {Label{Hazard: rules.Smoke, Zone: "z", Onset: 15, Opened: 16, Ended: 20}, -1},
		"CO of a fire":     {Label{Hazard: rules.CO, Zone: "z", Onset: 5, Opened: 6, Ended: 20}, 0},
		"another zone":     {Label{Hazard: rules.Smoke, Zone: "y", Onset: 5, Opened: 6, Ended: 20}, -1},
		"another hazard":   {Label{Hazard: rules.Overload, Zone: "z", Onset: 5, Opened: 6, Ended: 20}, -1},
		"its own hazard":   {Label{Hazard: rules.GasLeak, Zone: "z", Onset: 5, Opened: 6}, 2},
		"a place, no zone": {Label{Hazard: rules.GasLeak, Place: "z", Onset: 5, Opened: 6}, 2},
	} {
		want := (*Expected)(nil)
		if c.want >= 0 {
			want = list[c.want]
		}
		if got := c.l.Found(list); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
