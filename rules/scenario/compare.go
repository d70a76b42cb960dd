package scenario

import (
	"fmt"
	"slices"
	"time"

	"weishao.dev/weishao/rules"
)

// came is a verdict and its event time since the test's start.
type came struct {
	v  rules.Verdict
	at time.Duration
}

func (c came) String() string {
	s := fmt.Sprintf("{event: %s, rule: %s, hazard: %s", c.v.Event, c.v.Rule, c.v.Hazard)
	if c.v.Device != "" {
		s += ", device: " + c.v.Device
	}
	s += ", at: " + c.at.String() + "}"
	if c.v.Reason != "" {
		s += " (" + c.v.Reason + ")"
	}
	return s
}

// compare finds for each expectation, in their order, the first verdict that fits
// it and that none before took, and says what is left on either side.
func compare(t *test, got []came) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	var missing []expect
	for _, e := range t.Expect {
		if i := slices.IndexFunc(got, func(c came) bool { return e.about(c) && e.inTime(c) }); i >= 0 {
			got = slices.Delete(got, i, i+1)
		} else {
			missing = append(missing, e)
		}
	}
	for _, e := range missing {
		i := slices.IndexFunc(got, e.about)
		if i < 0 {
			say("%s: expected %s did not come", e.Pos, e)
			continue
		}
		say("%s: expected %s came at %s", e.Pos, e, got[i].at)
		got = slices.Delete(got, i, i+1)
	}
	for _, c := range got {
		say("%s: came and was not expected: %s", t.Pos, c)
	}
	return problems
}

func (e expect) about(c came) bool {
	return e.Event.V == string(c.v.Event) &&
		(e.Rule.V == "" || e.Rule.V == c.v.Rule) &&
		(e.Hazard.V == "" || e.Hazard.V == string(c.v.Hazard)) &&
		(e.Device.V == "" || e.Device.V == c.v.Device)
}

func (e expect) inTime(c came) bool {
	if e.At.Pos.Line != 0 {
		return c.at == time.Duration(e.At.V)
	}
	return c.at >= time.Duration(e.From.V) && (e.To.Pos.Line == 0 || c.at <= time.Duration(e.To.V))
}

func (e expect) String() string {
	s := "{event: " + e.Event.V
	for _, f := range [][2]string{{"rule", e.Rule.V}, {"hazard", e.Hazard.V}, {"device", e.Device.V}} {
		if f[1] != "" {
			s += ", " + f[0] + ": " + f[1]
		}
	}
	if e.At.Pos.Line != 0 {
		s += ", at: " + time.Duration(e.At.V).String()
	}
	if e.From.Pos.Line != 0 {
		s += ", from: " + time.Duration(e.From.V).String()
	}
	if e.To.Pos.Line != 0 {
		s += ", to: " + time.Duration(e.To.V).String()
	}
	return s + "}"
}
