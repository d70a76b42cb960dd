package app

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/rules"
)

// report is what a backtest counts beside incidents.
type report struct {
	pages  []pagesLine
	labels labelReport
}

// pagesLine is how many pages something or somebody would have caused or had.
type pagesLine struct {
	Event  string `json:"event"` // pages
	By     string `json:"by"`    // all, hazard, rule, person
	Name   string `json:"name"`
	Before int    `json:"before"`
	After  int    `json:"after"`
}

// pagesOf is a pagesLine where there is one version.
type pagesOf struct {
	Event string `json:"event"`
	By    string `json:"by"`
	Name  string `json:"name"`
	Pages int    `json:"pages"`
}

// pagesBy counts pages from a time on under each name that one of the versions has; a
// page without a person is nobody's.
func pagesBy(by string, from int64, before, after []*incidents.Expected) []pagesLine {
	name := map[string]func(incidents.ExpectedPage) string{
		"all":    func(incidents.ExpectedPage) string { return "all" },
		"hazard": func(p incidents.ExpectedPage) string { return string(p.Hazard) },
		"rule":   func(p incidents.ExpectedPage) string { return p.Rule },
		"person": func(p incidents.ExpectedPage) string { return p.Person },
	}[by]
	counts := map[string][2]int{}
	for version, list := range [2][]*incidents.Expected{before, after} {
		for _, e := range list {
			for _, p := range e.Pages {
				if n := name(p); n != "" && p.At >= from {
					c := counts[n]
					c[version]++
					counts[n] = c
				}
			}
		}
	}
	var lines []pagesLine
	for _, n := range slices.Sorted(maps.Keys(counts)) {
		c := counts[n]
		lines = append(lines, pagesLine{"pages", by, n, c[0], c[1]})
	}
	return lines
}

// print writes the counts as tables, with a column for the other version where two
// were compared.
func (r report) print(w io.Writer, compared bool) {
	row := func(what string, before, after any) {
		if compared {
			fmt.Fprintf(w, "%-56s %8v %8v\n", what, before, after)
		} else {
			fmt.Fprintf(w, "%-56s %8v\n", what, after)
		}
	}
	head := func(what string) {
		fmt.Fprintln(w)
		if compared {
			row(what, "before", "after")
		} else {
			row(what, "", "number")
		}
	}
	if len(r.pages) > 0 {
		head("pages")
		for _, l := range r.pages {
			row(fmt.Sprintf("%-8s %s", l.By, l.Name), l.Before, l.After)
		}
	}
	if len(r.labels.lines) > 0 {
		head("incidents that people have judged")
		r.labels.print(row)
	}
	if len(r.pages)+len(r.labels.lines) > 0 {
		fmt.Fprintln(w)
	}
}

// labelLine is one judged incident and what became of it. Times are those at which it
// is raised; empty where it is not.
type labelLine struct {
	Event    string            `json:"event"` // label
	Incident string            `json:"incident"`
	Outcome  incidents.Outcome `json:"outcome"`
	Hazard   rules.Hazard      `json:"hazard"`
	Severity rules.Severity    `json:"severity"`
	Place    string            `json:"place"`
	Rule     string            `json:"rule"`
	Opened   string            `json:"opened"` // by the hub
	Before   string            `json:"raised_before,omitempty"`
	Raised   string            `json:"raised,omitempty"`
	ByS      float64           `json:"earlier_s,omitempty"` // than the hub did; negative for later
}

// labelReport is how two versions of rules, or one, do by what people found.
type labelReport struct{ lines []labelLine }

func labelled(labels []incidents.Label, before, after []*incidents.Expected) labelReport {
	var r labelReport
	for _, l := range labels {
		line := labelLine{Event: "label", Incident: l.ID, Outcome: l.Outcome, Hazard: l.Hazard, Severity: l.Severity, Place: l.Place, Rule: l.Rule, Opened: l.Opened.String()}
		if e := l.Found(before); e != nil {
			line.Before = stamp(e.Raised)
		}
		if e := l.Found(after); e != nil {
			line.Raised = stamp(e.Raised)
			line.ByS = float64(int64(l.Opened)-e.Raised) / 1000
		}
		r.lines = append(r.lines, line)
	}
	return r
}

func (r labelReport) printJSON(w io.Writer) {
	for _, l := range r.lines {
		_ = json.NewEncoder(w).Encode(l) // a closed pipe ends the process
	}
}

// print writes how many of each outcome are raised, and a row for each real hazard that
// is missed or raised at another time than by the hub.
func (r labelReport) print(row func(what string, before, after any)) {
	for _, o := range []struct {
		outcome incidents.Outcome
		is      string
	}{{incidents.OutcomeReal, "found"}, {incidents.OutcomeFalseAlarm, "raised"}} {
		all, before, after := 0, 0, 0
		for _, l := range r.lines {
			if l.Outcome != o.outcome {
				continue
			}
			all++
			if l.Before != "" {
				before++
			}
			if l.Raised != "" {
				after++
			}
		}
		row(fmt.Sprintf("%s, %s of %d", o.outcome, o.is, all), before, after)
		for _, l := range r.lines {
			if l.Outcome != o.outcome || o.outcome != incidents.OutcomeReal {
				continue
			}
			switch what := fmt.Sprintf("  %s %s %s", l.Opened, l.Hazard, l.Incident); {
			case l.Raised == "":
				row(what, mark(l.Before), "missed")
			case l.ByS != 0:
				row(what, mark(l.Before), later(l.ByS))
			}
		}
	}
}

func mark(raised string) string {
	if raised == "" {
		return "missed"
	}
	return "found"
}

// later says by how many seconds something came earlier.
func later(s float64) string {
	d := time.Duration(s * float64(time.Second)).Round(time.Second)
	if d < 0 {
		return (-d).String() + " later"
	}
	return d.String() + " earlier"
}
