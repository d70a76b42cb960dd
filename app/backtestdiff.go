package app

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/backtest"
)

// compare prints what the rules of --rules change against those of --against.
func (t *trial) compare() error {
	before, after := t.forecast(), t.forecast()
	sum, err := t.both(after.Add, before.Add)
	if err != nil {
		return t.report(err)
	}
	d := t.diffOf(sum, before.Incidents(), after.Incidents())
	if t.json {
		return d.printJSON(t.stdout)
	}
	return d.print(t.stdout)
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

type diffSummary struct {
	Event    string         `json:"event"` // summary
	Readings int64          `json:"readings"`
	Devices  int            `json:"devices"`
	From     string         `json:"from"`
	To       string         `json:"to"`
	Counts   map[string]int `json:"incidents"`
}

type diff struct {
	lines  []diffLine
	report report
	sum    diffSummary
}

func (t *trial) diffOf(sum backtest.Summary, before, after []*incidents.Expected) diff {
	d := diff{sum: diffSummary{"summary", sum.Readings, sum.Devices, stamp(sum.From), stamp(sum.To),
		map[string]int{"new": 0, "gone": 0, "earlier": 0, "later": 0, "same": 0}}}
	for _, one := range incidents.Compare(before, after) {
		if one.Last() < t.opts.From {
			continue
		}
		l := lineOf(one)
		d.sum.Counts[l.Event]++
		d.lines = append(d.lines, l)
	}
	for _, by := range []string{"all", "hazard", "rule", "person"} {
		d.report.pages = append(d.report.pages, pagesBy(by, t.opts.From, before, after)...)
	}
	d.report.labels = labelled(t.labels, before, after)
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

func (d diff) printJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	for _, l := range d.lines {
		_ = enc.Encode(l) // a closed pipe ends the process
	}
	for _, l := range d.report.pages {
		_ = enc.Encode(l)
	}
	d.report.labels.printJSON(w)
	return enc.Encode(d.sum)
}

func (d diff) print(w io.Writer) error {
	for _, l := range d.lines {
		if l.Event == "same" && l.Before == "" {
			continue
		}
		fmt.Fprintf(w, "%-7s  %s  %-15s %-8s  %s  %s", l.Event, l.Raised, l.Hazard, l.Severity, l.Device, l.Rule)
		if l.ByS != 0 {
			fmt.Fprintf(w, "  by %s, was %s", time.Duration(l.ByS*float64(time.Second)).Round(time.Millisecond), l.Was)
		}
		if l.Before != "" {
			fmt.Fprintf(w, "  was %s", l.Before)
		}
		fmt.Fprintln(w)
	}
	d.report.print(w, true)
	n := d.sum.Counts
	_, err := fmt.Fprintf(w, "%d readings of %d devices from %s to %s: %d new, %d gone, %d earlier, %d later, %d the same\n",
		d.sum.Readings, d.sum.Devices, d.sum.From, d.sum.To, n["new"], n["gone"], n["earlier"], n["later"], n["same"])
	return err
}
