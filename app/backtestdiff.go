package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/backtest"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/readings"
	"weishao.dev/weishao/telemetry/record"
)

// shippedRules is what --against takes for the pack that comes with the program.
const shippedRules = "shipped"

// compareRules prints what the rules of opts change against others.
func (c *call) compareRules(in *readings.Reader, opts backtest.Options, cat *telemetry.Catalogue, against string, asJSON bool) error {
	var others []record.File
	if against != shippedRules {
		var err error
		if others, err = checkedRules(cat, against); err != nil {
			return c.report(err)
		}
	}
	before, after, err := forecasts(opts.Site)
	if err != nil {
		return c.report(err)
	}
	var bad badLines
	sum, _, err := backtest.Both(in.Tolerant(bad.note), opts, others, after.Add, before.Add)
	bad.report(c.stderr)
	if err != nil {
		return c.report(err)
	}
	d := diffOf(sum, before.Incidents(), after.Incidents())
	if asJSON {
		return c.printDiffJSON(d)
	}
	return c.printDiff(d)
}

// forecasts of the old and the new rules, at the same site.
func forecasts(file *record.File) (before, after *incidents.Forecast, err error) {
	before, after = &incidents.Forecast{}, &incidents.Forecast{}
	if file == nil {
		return before, after, nil
	}
	s, err := site.Load(file.Name, file.Data)
	if err != nil {
		return nil, nil, err
	}
	dir := incidents.FromSite(func() *site.Site { return s })()
	before.Directory, after.Directory = dir, dir
	return before, after, nil
}

// diffLine is one line of a comparison as JSON. Raised and Onset are those of the
// version that it is of; of an incident that both have, the one with --rules.
type diffLine struct {
	Event    string         `json:"event"` // new, gone, earlier, later, same
	Raised   string         `json:"raised"`
	Onset    string         `json:"onset"`
	Cleared  string         `json:"cleared,omitempty"`
	Was      string         `json:"was,omitempty"` // raised with --against
	ByS      float64        `json:"by_s,omitempty"`
	Hazard   rules.Hazard   `json:"hazard"`
	Severity rules.Severity `json:"severity"`
	Before   rules.Severity `json:"severity_before,omitempty"` // where it changes
	Place    string         `json:"place"`
	Device   string         `json:"device"`
	Rule     string         `json:"rule"`
}

// pagesLine is how many pages something or somebody would have caused or had.
type pagesLine struct {
	Event  string `json:"event"` // pages
	By     string `json:"by"`    // all, hazard, rule, person
	Name   string `json:"name"`
	Before int    `json:"before"`
	After  int    `json:"after"`
}

type diffSummary struct {
	Event    string         `json:"event"` // summary
	Readings int64          `json:"readings"`
	Devices  int            `json:"devices"`
	From     string         `json:"from"`
	To       string         `json:"to"`
	Counts   map[string]int `json:"incidents"`
}

type diff struct {
	lines []diffLine
	pages []pagesLine
	sum   diffSummary
}

func diffOf(sum backtest.Summary, before, after []*incidents.Expected) diff {
	d := diff{sum: diffSummary{"summary", sum.Readings, sum.Devices, stamp(sum.From), stamp(sum.To),
		map[string]int{"new": 0, "gone": 0, "earlier": 0, "later": 0, "same": 0}}}
	for _, one := range incidents.Compare(before, after) {
		l := lineOf(one)
		d.sum.Counts[l.Event]++
		d.lines = append(d.lines, l)
	}
	for _, by := range []struct {
		what string
		of   func(incidents.ExpectedPage) string
	}{
		{"all", func(incidents.ExpectedPage) string { return "all" }},
		{"hazard", func(p incidents.ExpectedPage) string { return string(p.Hazard) }},
		{"rule", func(p incidents.ExpectedPage) string { return p.Rule }},
		{"person", func(p incidents.ExpectedPage) string { return p.Person }},
	} {
		d.pages = append(d.pages, countPages(by.what, before, after, by.of)...)
	}
	return d
}

func lineOf(d incidents.Difference) diffLine {
	is, event := d.After, ""
	switch by := d.Earlier(); {
	case d.Before == nil:
		event = "new"
	case d.After == nil:
		event, is = "gone", d.Before
	case by > 0:
		event = "earlier"
	case by < 0:
		event = "later"
	default:
		event = "same"
	}
	l := diffLine{Event: event, Raised: stamp(is.Raised), Onset: stamp(is.Onset), Hazard: is.Hazard, Severity: is.Severity, Place: is.Place, Device: is.Device, Rule: is.Rule}
	if is.Cleared != 0 {
		l.Cleared = stamp(is.Cleared)
	}
	if d.Before != nil && d.After != nil {
		l.Was, l.ByS = stamp(d.Before.Raised), float64(max(d.Earlier(), -d.Earlier()))/1000
		if d.Before.Severity != is.Severity {
			l.Before = d.Before.Severity
		}
	}
	return l
}

// countPages counts under each name that one of the versions has; a page without a
// person is nobody's.
func countPages(what string, before, after []*incidents.Expected, of func(incidents.ExpectedPage) string) []pagesLine {
	counts := map[string]*pagesLine{}
	count := func(list []*incidents.Expected, add func(*pagesLine)) {
		for _, e := range list {
			for _, p := range e.Pages {
				name := of(p)
				if name == "" {
					continue
				}
				if counts[name] == nil {
					counts[name] = &pagesLine{Event: "pages", By: what, Name: name}
				}
				add(counts[name])
			}
		}
	}
	count(before, func(l *pagesLine) { l.Before++ })
	count(after, func(l *pagesLine) { l.After++ })
	var lines []pagesLine
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		lines = append(lines, *counts[name])
	}
	return lines
}

func (c *call) printDiffJSON(d diff) error {
	enc := json.NewEncoder(c.stdout)
	for _, l := range d.lines {
		_ = enc.Encode(l) // a closed pipe ends the process
	}
	for _, l := range d.pages {
		_ = enc.Encode(l)
	}
	return enc.Encode(d.sum)
}

func (c *call) printDiff(d diff) error {
	for _, l := range d.lines {
		if l.Event == "same" && l.Before == "" {
			continue
		}
		fmt.Fprintf(c.stdout, "%-7s  %s  %-15s %-8s  %s  %s", l.Event, l.Raised, l.Hazard, l.Severity, l.Device, l.Rule)
		if l.ByS != 0 {
			fmt.Fprintf(c.stdout, "  by %s, was %s", time.Duration(l.ByS*float64(time.Second)).Round(time.Millisecond), l.Was)
		}
		if l.Before != "" {
			fmt.Fprintf(c.stdout, "  was %s", l.Before)
		}
		fmt.Fprintln(c.stdout)
	}
	if len(d.pages) > 0 {
		fmt.Fprintf(c.stdout, "\n%-40s %8s %8s\n", "pages", "before", "after")
	}
	for _, l := range d.pages {
		fmt.Fprintf(c.stdout, "%-40s %8d %8d\n", fmt.Sprintf("%-8s %s", l.By, l.Name), l.Before, l.After)
	}
	if len(d.pages) > 0 {
		fmt.Fprintln(c.stdout)
	}
	n := d.sum.Counts
	_, err := fmt.Fprintf(c.stdout, "%d readings of %d devices from %s to %s: %d new, %d gone, %d earlier, %d later, %d the same\n",
		d.sum.Readings, d.sum.Devices, d.sum.From, d.sum.To, n["new"], n["gone"], n["earlier"], n["later"], n["same"])
	return err
}
