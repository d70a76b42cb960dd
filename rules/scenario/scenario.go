// Package scenario runs rules against made-up readings that say what the rules
// must answer: the tests that are shipped with a rule pack, and that people
// write for their own. The format is in docs/rules.md.
//
//	tests:
//	  - name: a leak that holds raises, and clears when aired
//	    interval: 10s
//	    input:
//	      - device: kitchen
//	        placement: kitchen_gas
//	        series: {gas.ch4: "0x6 0..30/12 30x6 0x30"}
//	    expect:
//	      - {event: raise, rule: gas-leak, from: 1m, to: 2m30s}
//	      - {event: clear, rule: gas-leak, from: 4m, to: 6m}
//
// A series is a list of items: "4" one value, "4x10" ten of them, "0..30/12"
// twelve values from 0 to 30, "_" no reading, "_x5" five, "open", "stuck" or any
// other fault quality by name.
package scenario

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/backtest"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// start is the moment of a test's first reading: an ordinary morning.
var start = time.Date(2026, 1, 5, 2, 0, 0, 0, time.UTC).UnixMilli()

// maxSamples bounds one series: four weeks at 10 s.
const maxSamples = 250_000

type file struct {
	Tests []test `yaml:"tests"`
}

type test struct {
	Pos      conf.Pos               `yaml:"-"`
	Name     string                 `yaml:"name"`
	Interval conf.At[conf.Duration] `yaml:"interval"`
	Input    []input                `yaml:"input"`
	Expect   []expect               `yaml:"expect"`
}

type input struct {
	Pos       conf.Pos                   `yaml:"-"`
	Device    conf.At[string]            `yaml:"device"`
	Placement string                     `yaml:"placement"`
	Series    map[string]conf.At[string] `yaml:"series"`
}

// expect is one verdict that must come. At is the exact time since the start;
// From and To are bounds, both inclusive.
type expect struct {
	Pos    conf.Pos                `yaml:"-"`
	Event  conf.At[string]         `yaml:"event"`
	Rule   string                  `yaml:"rule"`
	Hazard string                  `yaml:"hazard"`
	Device string                  `yaml:"device"`
	At     *conf.At[conf.Duration] `yaml:"at"`
	From   conf.Duration           `yaml:"from"`
	To     conf.Duration           `yaml:"to"`
}

// Result is what became of one test.
type Result struct {
	Pos      conf.Pos
	Name     string
	Problems []string // empty: passed
}

// Run runs a scenario file against rules. The error is about the file itself
// (conf.Errors); what a test found wrong is in its Result.
func Run(name string, data []byte, cat *telemetry.Catalogue, pack []record.File) ([]Result, error) {
	var f file
	if err := conf.Decode(name, data, &f); err != nil {
		return nil, err
	}
	var errs conf.Errors
	var results []Result
	for _, t := range f.Tests {
		readings, until := t.readings(cat, &errs)
		if len(errs) > 0 {
			continue
		}
		results = append(results, t.run(readings, until, pack))
	}
	return results, errs.Err()
}

// readings lays all series of a test side by side in order of time; until is
// when the longest ends.
func (t *test) readings(cat *telemetry.Catalogue, errs *conf.Errors) (list []telemetry.Reading, until int64) {
	step := time.Duration(t.Interval.V).Milliseconds()
	if step <= 0 {
		errs.Add(t.Pos, "test %q needs an interval, such as 10s", t.Name)
		return nil, 0
	}
	for _, in := range t.Input {
		for metric, text := range in.Series {
			m, ok := cat.Lookup(metric)
			if !ok {
				errs.Add(text.Pos, "unknown metric %q%s", metric, telemetry.Suggest(metric, cat.Names()))
				continue
			}
			points, err := parseSeries(text.V)
			if err != nil {
				errs.Add(text.Pos, "%v", err)
				continue
			}
			for i, p := range points {
				at := start + int64(i)*step
				until = max(until, at)
				if p.missing {
					continue
				}
				if bad := m.Check(p.value); bad != telemetry.BadNone && !p.quality.Fault() {
					errs.Add(text.Pos, "%g is no value of %s: its range is %g to %g %s", p.value, metric, m.Min, m.Max, m.Unit)
					break
				}
				list = append(list, telemetry.Reading{Device: in.Device.V, Point: telemetry.Point{Metric: metric, Time: at, Value: p.value, Quality: p.quality}})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b telemetry.Reading) int {
		if a.Time != b.Time {
			return int(a.Time - b.Time)
		}
		return strings.Compare(a.Device+a.Metric, b.Device+b.Metric)
	})
	return list, until + step
}

func (t *test) run(list []telemetry.Reading, until int64, pack []record.File) Result {
	res := Result{Pos: t.Pos, Name: t.Name}
	placements := map[string]string{}
	for _, in := range t.Input {
		placements[in.Device.V] = in.Placement
	}
	var got []rules.Verdict
	opts := backtest.Options{Rules: pack, Placements: placements, Interval: time.Duration(t.Interval.V).Milliseconds(), Until: until}
	if _, err := backtest.Run(each(list), opts, func(v rules.Verdict) { got = append(got, v) }); err != nil {
		res.Problems = append(res.Problems, err.Error())
		return res
	}
	for _, e := range t.Expect {
		i := slices.IndexFunc(got, e.matches)
		if i < 0 {
			res.Problems = append(res.Problems, fmt.Sprintf("%s: expected %s did not come", e.Pos, e))
			continue
		}
		got = slices.Delete(got, i, i+1)
	}
	for _, v := range got {
		res.Problems = append(res.Problems, fmt.Sprintf("%s: came and was not expected: {event: %s, rule: %s, hazard: %s, device: %s, at: %s}",
			t.Pos, v.Event, v.Rule, v.Hazard, v.Device, since(v.Time)))
	}
	return res
}

func each(list []telemetry.Reading) iter.Seq2[telemetry.Reading, error] {
	return func(yield func(telemetry.Reading, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func since(t int64) time.Duration { return time.Duration(t-start) * time.Millisecond }

func (e expect) matches(v rules.Verdict) bool {
	at := since(v.Time)
	switch {
	case string(v.Event) != e.Event.V,
		e.Rule != "" && e.Rule != v.Rule,
		e.Hazard != "" && e.Hazard != string(v.Hazard),
		e.Device != "" && e.Device != v.Device,
		e.At != nil && at != time.Duration(e.At.V),
		at < time.Duration(e.From),
		e.To != 0 && at > time.Duration(e.To):
		return false
	}
	return true
}

func (e expect) String() string {
	s := "{event: " + e.Event.V
	for _, f := range [][2]string{{"rule", e.Rule}, {"hazard", e.Hazard}, {"device", e.Device}} {
		if f[1] != "" {
			s += ", " + f[0] + ": " + f[1]
		}
	}
	switch {
	case e.At != nil:
		s += ", at: " + time.Duration(e.At.V).String()
	case e.To != 0:
		s += fmt.Sprintf(", from: %s, to: %s", time.Duration(e.From), time.Duration(e.To))
	}
	return s + "}"
}

type sample struct {
	value   float64
	quality telemetry.Quality
	missing bool
}

// parseSeries reads the compact notation.
func parseSeries(text string) ([]sample, error) {
	var list []sample
	for _, item := range strings.Fields(text) {
		next, err := parseItem(item)
		if err != nil {
			return nil, err
		}
		if list = append(list, next...); len(list) > maxSamples {
			return nil, fmt.Errorf("more than %d samples", maxSamples)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("an empty series: write values such as \"0x6 0..30/12\"")
	}
	return list, nil
}

func parseItem(item string) ([]sample, error) {
	if from, rest, ok := strings.Cut(item, ".."); ok {
		return parseRamp(item, from, rest)
	}
	head, count, times := strings.Cut(item, "x")
	n := 1
	if times {
		var err error
		if n, err = parseCount(count); err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
	}
	var s sample
	if head == "_" {
		s.missing = true
	} else if v, err := parseValue(head); err == nil {
		s.value = v
	} else if q, err := telemetry.ParseQuality(head); err == nil && head != "" && q.Fault() {
		s.quality = q
	} else {
		return nil, fmt.Errorf("%q is neither a value nor _ nor a fault quality", item)
	}
	return slices.Repeat([]sample{s}, n), nil
}

func parseRamp(item, from, rest string) ([]sample, error) {
	to, count, ok := strings.Cut(rest, "/")
	a, err1 := parseValue(from)
	b, err2 := parseValue(to)
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("%q is no ramp: write from..to/count, such as 0..30/12", item)
	}
	n, err := parseCount(count)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", item, err)
	}
	list := make([]sample, n)
	for i := range list {
		list[i].value = b
		if n > 1 {
			list[i].value = a + float64((b-a)*float64(i))/float64(n-1)
		}
	}
	return list, nil
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxSamples {
		return 0, fmt.Errorf("%q is not a count between 1 and %d", s, maxSamples)
	}
	return n, nil
}

func parseValue(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(s, "xX_") {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return v, nil
}
