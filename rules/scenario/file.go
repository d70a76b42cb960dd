package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
)

// The shape of a scenario file.

type file struct {
	Tests []test `yaml:"tests"`
}

type test struct {
	Pos      conf.Pos               `yaml:"-"`
	Name     conf.At[string]        `yaml:"name"`
	Start    conf.At[time.Time]     `yaml:"start"`
	Interval conf.At[conf.Duration] `yaml:"interval"`
	Input    []input                `yaml:"input"`
	Expect   []expect               `yaml:"expect"`
}

type input struct {
	Pos       conf.Pos                   `yaml:"-"`
	Device    conf.At[string]            `yaml:"device"`
	Place     conf.At[string]            `yaml:"place"`
	Placement conf.At[string]            `yaml:"placement"`
	Series    map[string]conf.At[string] `yaml:"series"`
}

// expect is one verdict that must come. At is the exact time since the start;
// From and To are bounds, both inclusive.
type expect struct {
	Pos    conf.Pos               `yaml:"-"`
	Event  conf.At[string]        `yaml:"event"`
	Rule   conf.At[string]        `yaml:"rule"`
	Hazard conf.At[string]        `yaml:"hazard"`
	Device conf.At[string]        `yaml:"device"`
	At     conf.At[conf.Duration] `yaml:"at"`
	From   conf.At[conf.Duration] `yaml:"from"`
	To     conf.At[conf.Duration] `yaml:"to"`
}

// defaultStart is the moment of a test's first reading: an ordinary morning.
var defaultStart = time.Date(2026, 1, 5, 10, 0, 0, 0, time.FixedZone("", 8*3600))

// maxLength bounds a test: evaluating longer ones is what backtest is for.
const maxLength = 31 * 24 * time.Hour

func (t *test) start() int64 {
	if t.Start.Pos.Line == 0 {
		return defaultStart.UnixMilli()
	}
	return t.Start.V.UnixMilli()
}

func (t *test) step() int64 { return time.Duration(t.Interval.V).Milliseconds() }

// check finds the mistakes of a test but for those in its series.
func (r *Runner) check(t *test, errs *conf.Errors) {
	if t.Name.V == "" {
		errs.Add(t.Pos, "a test needs a name that says what must happen")
	}
	if t.step() <= 0 {
		errs.Add(or(t.Interval.Pos, t.Pos), "test %q needs an interval, such as 10s", t.Name.V)
	}
	if len(t.Input) == 0 {
		errs.Add(t.Pos, "test %q has no input: name a device and its series", t.Name.V)
	}
	var devices []string
	for i := range t.Input {
		in := &t.Input[i]
		r.checkInput(in, errs)
		if slices.Contains(devices, in.Device.V) {
			errs.Add(in.Device.Pos, "device %q is here twice: give it all its series in one place", in.Device.V)
		}
		devices = append(devices, in.Device.V)
	}
	for i := range t.Expect {
		r.checkExpect(&t.Expect[i], devices, errs)
	}
}

func (r *Runner) checkInput(in *input, errs *conf.Errors) {
	_, known := r.devices[in.Device.V]
	switch {
	case !known && !telemetry.ValidName(in.Device.V):
		errs.Add(or(in.Device.Pos, in.Pos), "%q cannot name a device: letters, digits, '.', '_' or '-', or group/node/device as in the site file", in.Device.V)
	case known && (in.Place.V != "" || in.Placement.V != ""):
		errs.Add(or(in.Place.Pos, in.Placement.Pos), "device %q stands where the site file says: take place and placement out", in.Device.V)
	case in.Place.V != "" && r.site != nil:
		errs.Add(in.Place.Pos, "with a site file a device has its place there: name it as group/node/device")
	case in.Place.V != "" && !telemetry.ValidName(in.Place.V):
		errs.Add(in.Place.Pos, "%q cannot name a place here: letters, digits, '.', '_' or '-'", in.Place.V)
	case in.Place.V != "" && in.Placement.V == "":
		errs.Add(in.Place.Pos, "a device with a place needs a placement too, such as room_smoke")
	case in.Placement.V != "" && !telemetry.ValidName(in.Placement.V):
		errs.Add(in.Placement.Pos, "%q cannot be a placement", in.Placement.V)
	case len(in.Series) == 0:
		errs.Add(in.Pos, "device %q has no series, such as series: {gas.ch4: \"0x6 0..30/12\"}", in.Device.V)
	}
}

var events = []string{string(rules.Raise), string(rules.Clear), string(rules.Revised)}

func (r *Runner) checkExpect(e *expect, devices []string, errs *conf.Errors) {
	known := func(what string, got conf.At[string], list []string) {
		if got.V != "" && !slices.Contains(list, got.V) {
			errs.Add(got.Pos, "unknown %s %q%s", what, got.V, telemetry.Suggest(got.V, list))
		}
	}
	if e.Event.V == "" {
		errs.Add(e.Pos, "an expectation needs an event: one of %s", strings.Join(events, ", "))
	}
	known("event", e.Event, events)
	known("rule", e.Rule, r.names)
	known("hazard", e.Hazard, r.hazards)
	known("device", e.Device, devices)
	switch exact, bounds := e.At.Pos.Line != 0, e.From.Pos.Line != 0 || e.To.Pos.Line != 0; {
	case exact && bounds:
		errs.Add(e.At.Pos, "at says it all: take from and to out")
	case e.To.Pos.Line != 0 && e.To.V < e.From.V:
		errs.Add(e.To.Pos, "to is before from")
	}
}

func or(at, otherwise conf.Pos) conf.Pos {
	if at.Line == 0 {
		return otherwise
	}
	return at
}

// readings lays all series of a test side by side in order of time; until is
// when the longest ends.
func (r *Runner) readings(t *test, errs *conf.Errors) (list []telemetry.Reading, until int64) {
	start, step := t.start(), t.step()
	for _, in := range t.Input {
		for metric, text := range in.Series {
			points, err := r.series(metric, text.V)
			if err == nil && int64(len(points))*step > maxLength.Milliseconds() {
				err = fmt.Errorf("the series takes longer than %d days", maxLength/(24*time.Hour))
			}
			if err != nil {
				errs.Add(text.Pos, "%v", err)
				continue
			}
			for i, p := range points {
				at := start + int64(i)*step
				until = max(until, at)
				if !p.missing {
					list = append(list, telemetry.Reading{Device: in.id(), Point: telemetry.Point{Metric: metric, Time: at, Value: p.value, Quality: p.quality}})
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b telemetry.Reading) int {
		switch {
		case a.Time < b.Time:
			return -1
		case a.Time > b.Time:
			return 1
		}
		return strings.Compare(a.Device+a.Metric, b.Device+b.Metric)
	})
	return list, until + step
}

// series reads one series and refuses what a sensor of the metric cannot say.
func (r *Runner) series(metric, text string) ([]sample, error) {
	m, ok := r.cat.Lookup(metric)
	switch {
	case !ok:
		return nil, fmt.Errorf("unknown metric %q%s", metric, telemetry.Suggest(metric, r.cat.Names()))
	case m.Derived:
		return nil, fmt.Errorf("%s is computed by a detector: give what it is computed from", metric)
	}
	points, err := parseSeries(text)
	if err != nil {
		return nil, err
	}
	for _, p := range points {
		if !p.missing && !p.quality.Fault() && m.Check(p.value) != telemetry.BadNone {
			return nil, fmt.Errorf("%g is no value of %s: its range is %g to %g %s", p.value, metric, m.Min, m.Max, m.Unit)
		}
	}
	return points, nil
}
