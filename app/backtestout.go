package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/backtest"
)

// tell prints what the rules would have said.
func (t *trial) tell() error {
	print := t.printVerdict
	if t.json {
		print = t.printVerdictJSON
	}
	f := t.forecast()
	told := map[string]bool{}
	sum, err := t.one(func(v rules.Verdict) {
		f.Add(v)
		if v.Event == rules.Raise && v.Time >= t.opts.From {
			told[v.ID] = true
		}
		if told[v.ID] {
			print(v)
		}
	})
	if err != nil {
		return t.report(err)
	}
	var r report
	if t.site != nil {
		r.pages = pagesBy("person", t.opts.From, nil, f.Incidents())
	}
	r.labels = labelled(t.labels, nil, f.Incidents())
	if t.json {
		for _, p := range r.pages {
			_ = json.NewEncoder(t.stdout).Encode(pagesOf{p.Event, p.By, p.Name, p.After}) // a closed pipe ends the process
		}
		r.labels.printJSON(t.stdout)
		return t.printSummary(sum, true)
	}
	r.print(t.stdout, false)
	return t.printSummary(sum, false)
}

// backtestLine is one line of `rules backtest --json`.
type backtestLine struct {
	Event      rules.Event    `json:"event"`
	Time       string         `json:"time"`
	Onset      string         `json:"onset"`
	Rule       string         `json:"rule"`
	Hazard     rules.Hazard   `json:"hazard"`
	Severity   rules.Severity `json:"severity"`
	Place      string         `json:"place"`
	Device     string         `json:"device"`
	Value      *float64       `json:"value"` // null where nothing was measured: unsupervised and fault
	Likelihood float64        `json:"likelihood"`
	Cleared    string         `json:"cleared,omitempty"` // of revised alone, which nothing else explains
}

type summaryLine struct {
	Event    string               `json:"event"`
	Readings int64                `json:"readings"`
	Devices  int                  `json:"devices"`
	From     string               `json:"from"`
	To       string               `json:"to"`
	Raised   map[rules.Hazard]int `json:"raised"`
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func (c *call) printVerdictJSON(v rules.Verdict) {
	l := backtestLine{Event: v.Event, Time: stamp(v.Time), Onset: stamp(v.Onset), Rule: v.Rule, Hazard: v.Hazard, Severity: v.Severity,
		Place: v.Place, Device: v.Device, Likelihood: v.Likelihood}
	if measured(v) {
		l.Value = &v.Value
	}
	if v.Event == rules.Revised && v.Cleared != 0 {
		l.Cleared = stamp(v.Cleared)
	}
	_ = json.NewEncoder(c.stdout).Encode(l) // a closed pipe ends the process
}

// measured reports whether a verdict rests on a number: one about the watching
// itself does not.
func measured(v rules.Verdict) bool {
	return v.Hazard != rules.Unsupervised && v.Hazard != rules.FaultHazard
}

func (c *call) printVerdict(v rules.Verdict) {
	who := v.Device
	if who == "" {
		who = v.Node
	}
	fmt.Fprintf(c.stdout, "%s  %-7s %-15s %-8s  %s  %s", stamp(v.Time), v.Event, v.Hazard, v.Severity, who, v.Rule)
	switch {
	case v.Metric == "":
	case measured(v):
		fmt.Fprintf(c.stdout, "  %s = %.4g", v.Metric, v.Value)
	default:
		fmt.Fprintf(c.stdout, "  %s", v.Metric)
	}
	if v.Reason != "" {
		fmt.Fprintf(c.stdout, "  (%s)", v.Reason)
	}
	fmt.Fprintf(c.stdout, "  since %s\n", stamp(v.Onset))
}

func (c *call) printSummary(s backtest.Summary, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.stdout).Encode(summaryLine{"summary", s.Readings, s.Devices, stamp(s.From), stamp(s.To), s.Raised})
	}
	fmt.Fprintf(c.stdout, "%d readings of %d devices from %s to %s: ", s.Readings, s.Devices, stamp(s.From), stamp(s.To))
	if len(s.Raised) == 0 {
		_, err := fmt.Fprintln(c.stdout, "nothing raised")
		return err
	}
	var parts []string
	for h, n := range s.Raised {
		parts = append(parts, fmt.Sprintf("%s %d", h, n))
	}
	slices.Sort(parts)
	_, err := fmt.Fprintf(c.stdout, "raised %s\n", strings.Join(parts, ", "))
	return err
}
