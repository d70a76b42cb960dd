package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/site"
)

// How many rows of each table the one printed sheet holds; the page has all.
const (
	paperEvidence = 20 // the last ones: nearest to the decision
	paperSteps    = 10 // the first ones, without the pages, which have their own table
	paperPages    = 7  // the last ones
)

// incidentsView is the list of incidents with its filters.
type incidentsView struct {
	base
	Rows     []closedRow
	Older    string // address of the next page; empty at the end
	States   []string
	Hazards  []string
	State    string
	Hazard   string
	From, To string // dates, in the site's zone
}

func (s *Server) officerIncidents(w http.ResponseWriter, r *http.Request, u User) error {
	q := r.URL.Query()
	p := newParams(q)
	p.get("lang")
	v := incidentsView{
		base: s.base(r, &u, "incidents", "incidents.title"), States: allStates, Hazards: allHazards,
		State: p.oneOf("state", allStates), Hazard: p.oneOf("hazard", allHazards), From: p.get("from"), To: p.get("to"),
	}
	filter := incidents.Filter{
		Place: p.get("place"), From: s.day(p, "from", v.From, 0), To: s.day(p, "to", v.To, 1), After: p.get("after"), Limit: defaultLimit,
	}
	set(&filter.State, p.someOf("state", allStates))
	set(&filter.Hazard, p.someOf("hazard", allHazards))
	if err := p.err(); err != nil {
		return err
	}
	items, next, err := s.Incidents.List(r.Context(), filter)
	if err != nil {
		return err
	}
	l, err := s.lookup(r.Context())
	if err != nil {
		return err
	}
	for _, inc := range items {
		row := closedRow{Incident: inc}
		if len(inc.Places) > 0 {
			row.Where = l.where(inc.Places[0])
		}
		v.Rows = append(v.Rows, row)
	}
	if next != "" {
		q.Set("after", next)
		v.Older = (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String()
	}
	return s.render(w, r, http.StatusOK, "incidents", v)
}

// day is the start of a date in the site's zone, plus days; zero for no date.
func (s *Server) day(p *params, name, value string, plus int) time.Time {
	if value == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, value, s.Location)
	if err != nil {
		p.fail(name, fmt.Sprintf("%s cannot be %q", name, value), "a date such as 2026-11-24")
		return time.Time{}
	}
	return t.AddDate(0, 0, plus)
}

// incidentView is one incident's whole history: the sheet that is printed.
type incidentView struct {
	base
	Card     cardView
	Rule     Rule
	Charts   []chartView
	Steps    []step
	Evidence []evidenceRow
	Pages    []pageRow
	Beyond   beyond
}

// beyond is how many rows paper leaves out.
type beyond struct{ Evidence, Steps, Pages int }

// step is one line of what happened.
type step struct {
	At   incidents.Time
	Kind incidents.Kind
	Who  site.Text
	Text []string // already in words: place, value, outcome, note
	Page bool     // of sending a page
	Over bool     // beyond what paper holds
}

// evidenceRow is one reading that decided.
type evidenceRow struct {
	incidents.Evidence
	Label site.Text
	Unit  string
	Over  bool // beyond what paper holds
}

// pageRow is one attempt to page somebody.
type pageRow struct {
	incidents.Event
	Name site.Text
	Over bool
}

func (s *Server) officerIncident(w http.ResponseWriter, r *http.Request, u User) error {
	inc, err := s.incident(r)
	if err != nil {
		return err
	}
	l, err := s.lookup(r.Context())
	if err != nil {
		return err
	}
	v := incidentView{base: s.base(r, &u, "incident", "incident.title"), Card: s.card(u, inc, l), Charts: s.evidenceCharts(&inc)}
	if v.Card.Chart != nil {
		v.Charts = slices.Concat([]chartView{*v.Card.Chart}, v.Charts)
	}
	if rule, ok := s.Rules.Rule(inc.Rule); ok {
		v.Rule = rule
	}
	f := formatter{lang: language(r), loc: s.Location, clock: s.Clock}
	for _, e := range inc.Timeline {
		v.Steps = append(v.Steps, s.step(f, l, e))
		if isAttempt(e.Kind) {
			v.Pages = append(v.Pages, pageRow{Event: e, Name: s.name(e.Person)})
		}
	}
	for _, e := range inc.Evidence {
		c := s.chart(e.Device, e.Metric, 0, 0)
		v.Evidence = append(v.Evidence, evidenceRow{Evidence: e, Label: c.Label, Unit: c.Unit})
	}
	v.fitPaper()
	return s.render(w, r, http.StatusOK, "incident", v)
}

// fitPaper marks the rows that the printed sheet has no room for.
func (v *incidentView) fitPaper() {
	v.Beyond.Evidence = max(len(v.Evidence)-paperEvidence, 0)
	for i := range v.Beyond.Evidence {
		v.Evidence[i].Over = true
	}
	v.Beyond.Pages = max(len(v.Pages)-paperPages, 0)
	for i := range v.Beyond.Pages {
		v.Pages[i].Over = true
	}
	shown := 0
	for i, st := range v.Steps {
		if st.Page {
			v.Steps[i].Over = true
			continue
		}
		if shown++; shown > paperSteps {
			v.Steps[i].Over = true
			v.Beyond.Steps++
		}
	}
}

// isAttempt: an event that is about sending one page.
func isAttempt(k incidents.Kind) bool {
	return strings.HasPrefix(string(k), "page_") && k != incidents.KindPageQueued || k == incidents.KindNoChannel
}

// step puts a timeline event into words.
func (s *Server) step(f formatter, l lookup, e incidents.Event) step {
	st := step{At: e.Time, Kind: e.Kind, Who: s.name(e.Who), Page: strings.HasPrefix(string(e.Kind), "page_")}
	add := func(text string) {
		if text != "" {
			st.Text = append(st.Text, text)
		}
	}
	if e.Person != "" {
		add(strings.TrimSpace(s.name(e.Person).In(f.lang) + " " + e.Channel))
	}
	if e.Place != "" {
		w := l.where(e.Place)
		names := make([]string, 0, 4)
		for _, n := range append(w.Way, w.Room) {
			names = append(names, n.In(f.lang))
		}
		add(strings.Join(names, " "))
	}
	if e.Metric != "" && e.Value != nil {
		c := s.chart(e.Device, e.Metric, 0, 0)
		add(c.Label.In(f.lang) + " " + quantity(*e.Value, c.Unit))
	}
	if e.Severity != "" {
		add(f.label("severity", e.Severity))
	}
	if e.Hazard != "" {
		add(f.label("hazard", e.Hazard))
	}
	if e.Outcome != "" {
		add(f.label("outcome", e.Outcome))
	}
	if e.Reason != "" {
		add(f.label("reason", e.Reason))
	}
	add(e.Text)
	return st
}

// quantity is a number with its unit; the unit 1 is not written.
func quantity(v float64, unit string) string {
	if unit == "" || unit == "1" {
		return number(v)
	}
	return number(v) + " " + unit
}

// evidenceCharts is a chart for each further metric among the evidence, the
// same span as the deciding one, at most three.
func (s *Server) evidenceCharts(inc *incidents.Incident) []chartView {
	why := s.whyChart(inc)
	if why == nil {
		return nil
	}
	var out []chartView
	for _, e := range inc.Evidence {
		same := func(c chartView) bool { return c.Device == e.Device && c.Metric == e.Metric }
		if len(out) == 3 || same(*why) || e.Metric == why.Over || slices.ContainsFunc(out, same) {
			continue
		}
		c := s.chart(e.Device, e.Metric, why.From, why.To)
		c.Onset, c.Live = why.Onset, why.Live
		out = append(out, *c)
	}
	return out
}
