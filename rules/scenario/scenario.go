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
//
// Every verdict that comes must be expected, and the other way about: a test
// without expectations says that nothing may be raised.
package scenario

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/backtest"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// node is the gateway on which a test's devices are.
const node = "scenario/test/"

// Runner runs scenario files against one set of rules.
type Runner struct {
	site    *record.File // nil: none
	files   []record.File
	cat     *telemetry.Catalogue
	devices map[string]*site.Device // of the site
	names   []string                // rules that a test can expect
	hazards []string
}

// New makes a Runner for rules, which are the shipped pack if empty, at a site,
// which is nil for none. The error, if any, is of type conf.Errors.
func New(at *record.File, files []record.File) (*Runner, error) {
	r := &Runner{site: at, files: files, cat: telemetry.NewCatalogue(telemetry.LEL{})}
	if at != nil {
		s, err := site.Load(at.Name, at.Data)
		if err != nil {
			return nil, err
		}
		r.cat, r.devices = s.Catalogue, s.Devices
	}
	if len(files) == 0 {
		r.files = rules.Shipped()
	}
	pack, err := rules.Load(r.cat, r.files)
	if err != nil {
		return nil, err
	}
	own := []*rules.Rule{pack.Rule(rules.UnsupervisedRule), pack.Rule(rules.FaultRule)}
	for _, rule := range append(own, pack.Rules...) {
		r.names = append(r.names, rule.Name)
		if !slices.Contains(r.hazards, string(rule.Hazard)) {
			r.hazards = append(r.hazards, string(rule.Hazard))
		}
	}
	return r, nil
}

// Result is what became of one test.
type Result struct {
	Pos      conf.Pos
	Name     string
	Problems []string // empty: passed
}

// Run runs a scenario file. The error is about the file itself (conf.Errors), and
// then no test has run; what a test found wrong is in its Result.
func (r *Runner) Run(name string, data []byte) ([]Result, error) {
	var f file
	if err := conf.Decode(name, data, &f); err != nil {
		return nil, err
	}
	var errs conf.Errors
	if len(f.Tests) == 0 {
		errs.Add(conf.Pos{File: name, Line: 1, Column: 1}, "the file has no tests")
	}
	inputs := make([]func() Result, 0, len(f.Tests))
	for i := range f.Tests {
		t := &f.Tests[i]
		r.check(t, &errs)
		list, until := r.readings(t, &errs)
		inputs = append(inputs, func() Result { return r.run(t, list, until) })
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	var results []Result
	for _, run := range inputs {
		results = append(results, run())
	}
	return results, nil
}

// id is the device's full name.
func (in *input) id() string {
	if _, _, _, ok := telemetry.SplitDevice(in.Device.V); ok {
		return in.Device.V
	}
	return node + in.Device.V
}

func (r *Runner) run(t *test, list []telemetry.Reading, until int64) Result {
	res := Result{Pos: t.Pos, Name: t.Name.V}
	opts := backtest.Options{Rules: r.files, Site: r.site, Placements: map[string]string{}, Interval: t.step(), Until: until}
	for i := range t.Input {
		opts.Placements[t.Input[i].id()] = t.Input[i].Placement.V
	}
	if opts.Site == nil {
		opts.Site = t.site()
	}
	var got []came
	_, err := backtest.Run(each(list), opts, func(v rules.Verdict) {
		v.Device = strings.TrimPrefix(v.Device, node)
		got = append(got, came{v, time.Duration(v.Time-t.start()) * time.Millisecond})
	})
	if err != nil {
		res.Problems = append(res.Problems, fmt.Sprintf("%s: %v", t.Pos, err))
		return res
	}
	res.Problems = compare(t, got)
	return res
}

// site is one with the places that a test names; nil where it names none.
func (t *test) site() *record.File {
	var places, devices []string
	for i := range t.Input {
		in := &t.Input[i]
		if in.Place.V == "" {
			continue
		}
		if p := fmt.Sprintf("{id: %q}", in.Place.V); !slices.Contains(places, p) {
			places = append(places, p)
		}
		devices = append(devices, fmt.Sprintf("{id: %q, place: %q, placement: %q}", in.id(), in.Place.V, in.Placement.V))
	}
	if len(places) == 0 {
		return nil
	}
	text := fmt.Sprintf("communities: [{id: c, grids: [{id: g, buildings: [{id: b, places: [%s]}]}]}]\ndevices: [%s]\n",
		strings.Join(places, ", "), strings.Join(devices, ", "))
	return &record.File{Name: "(the test's places)", Data: []byte(text)}
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
