package web

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the incident filters allow.
var (
	allStates     = []string{"open", "notified", "acknowledged", "on_site", "resolved", "verified"}
	allHazards    = []string{"gas_leak", "co", "smoke", "fire", "flying_wire", "overload", "leakage_current", "overheat", "unsupervised", "fault"}
	allSeverities = []string{"critical", "major", "minor", "advisory"}
	allOutcomes   = []string{"real", "false_alarm", "test", "drill"}
	allPlaces     = []string{Normal, Hazard, Unsupervised}
)

// params reads query parameters and keeps the first mistake. Every parameter
// given must be asked for before err is called, so that a misspelt filter is
// an error and not an unfiltered answer.
type params struct {
	q     url.Values
	known []string
	bad   *problem
}

func newParams(q url.Values) *params { return &params{q: q} }

func (p *params) get(name string) string {
	p.known = append(p.known, name)
	return p.q.Get(name)
}

func (p *params) fail(name, detail string, allowed ...string) {
	if p.bad == nil {
		p.bad = badParameter(name, detail, allowed...)
	}
}

// err is the first mistake: a bad value, or a parameter that nobody asked for.
func (p *params) err() error {
	for name := range p.q {
		if !slices.Contains(p.known, name) {
			p.fail(name, fmt.Sprintf("unknown parameter %q", name), p.known...)
		}
	}
	if p.bad != nil {
		return p.bad
	}
	return nil
}

// required is a value that must be there.
func (p *params) required(name, what string) string {
	v := p.get(name)
	if v == "" {
		p.fail(name, name+" is needed: "+what)
	}
	return v
}

// oneOf is a value of a fixed set, or empty.
func (p *params) oneOf(name string, allowed []string) string {
	v := p.get(name)
	if v != "" && !slices.Contains(allowed, v) {
		p.fail(name, fmt.Sprintf("%s cannot be %q", name, v), allowed...)
	}
	return v
}

// someOf is a comma-separated or repeated choice of a fixed set.
func (p *params) someOf(name string, allowed []string) []string {
	p.known = append(p.known, name)
	var out []string
	for _, v := range p.q[name] {
		for one := range strings.SplitSeq(v, ",") {
			switch {
			case one == "":
			case !slices.Contains(allowed, one):
				p.fail(name, fmt.Sprintf("%s cannot be %q", name, one), allowed...)
			default:
				out = append(out, one)
			}
		}
	}
	return out
}

// integer is a number in [lo, hi], or def where there is none.
func (p *params) integer(name string, lo, hi, def int) int {
	v := p.get(name)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		p.fail(name, fmt.Sprintf("%s cannot be %q", name, v), fmt.Sprintf("%d to %d", lo, hi))
		return def
	}
	return n
}

// time is RFC 3339 or Unix milliseconds, or def where there is none.
func (p *params) time(name string, def int64) int64 {
	v := p.get(name)
	if v == "" {
		return def
	}
	if ms, err := strconv.ParseInt(v, 10, 64); err == nil && ms >= 0 && ms < 1e14 {
		return ms
	}
	// A '+' of a zone offset that was not escaped arrives as a space.
	if t, err := time.Parse(time.RFC3339Nano, strings.Replace(v, " ", "+", 1)); err == nil {
		return t.UnixMilli()
	}
	p.fail(name, fmt.Sprintf("%s cannot be %q", name, v), "RFC 3339 such as 2026-11-24T03:00:00Z", "Unix milliseconds")
	return def
}

// step is a duration in ms, 0 for raw, or def where there is none.
func (p *params) step(name string, def int64) int64 {
	v := p.get(name)
	switch v {
	case "":
		return def
	case "0", "raw":
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < time.Second || d > 366*24*time.Hour || d%time.Second != 0 {
		p.fail(name, fmt.Sprintf("%s cannot be %q", name, v), "raw", "whole seconds such as 10s, 1m, 1h, 24h")
		return def
	}
	return d.Milliseconds()
}

// span is [from, to) that ends now and lasts def unless given.
func (p *params) span(now time.Time, def time.Duration) (from, to int64) {
	to = p.time("to", now.UnixMilli())
	from = p.time("from", to-def.Milliseconds())
	if from >= to {
		p.fail("from", "from must lie before to")
	}
	return from, to
}
