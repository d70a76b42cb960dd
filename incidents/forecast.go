package incidents

import (
	"cmp"
	"slices"
	"time"

	"weishao.dev/weishao/rules"
)

// handled is how long after the last of its hazard is over a forecast takes an
// incident for resolved. What is raised again before joins it and pages nobody.
const handled = 10 * time.Minute

// Forecast says which incidents verdicts would open and whom they would page first,
// without a database: for rules that are tried over recordings. It takes it that
// each incident is acknowledged after the same time, and resolved ten minutes after
// its hazard is over. The zero value knows no site, and so nobody to page by name.
type Forecast struct {
	Directory Directory     // nil: pages have no person
	AckAfter  time.Duration // until somebody takes it; 0: whoever is paged first does, at once
	list      []*Expected
	raised    map[string]*Expected // by verdict
}

// Expected is one incident of a forecast. Times are Unix ms of event time.
type Expected struct {
	Key      string // one hazard, or family of hazards, in one zone
	Hazard   rules.Hazard
	Severity rules.Severity
	Rule     string // that opened it
	Place    string
	Device   string // or the gateway
	Onset    int64
	Raised   int64
	Cleared  int64 // 0: it still holds
	Pages    []ExpectedPage

	holds []string // verdicts
}

// ExpectedPage is a page of an incident that opened or has become urgent, or one of
// those that follow until somebody takes it.
type ExpectedPage struct {
	At     int64
	Rule   string
	Hazard rules.Hazard
	Person string // "": nobody is known
}

// Add takes a verdict. They come in the order in which the engine gives them.
func (f *Forecast) Add(v rules.Verdict) {
	if f.raised == nil {
		f.raised = map[string]*Expected{}
	}
	if v.Event == rules.Raise {
		f.raise(v)
		return
	}
	e := f.raised[v.ID]
	if e == nil {
		return
	}
	e.Onset = min(e.Onset, v.Onset)
	if v.Cleared == 0 {
		return
	}
	e.holds = slices.DeleteFunc(e.holds, func(id string) bool { return id == v.ID })
	if len(e.holds) == 0 {
		e.Cleared = max(e.Cleared, v.Cleared)
	}
}

func (f *Forecast) raise(v rules.Verdict) {
	key, joins := keyOf(v)
	e := f.live(joins, v.Time)
	if e == nil {
		e = &Expected{Key: key, Hazard: v.Hazard, Severity: v.Severity, Rule: v.Rule, Place: v.Place, Device: orNode(v), Onset: v.Onset, Raised: v.Time}
		f.list = append(f.list, e)
		f.page(e, v)
	} else {
		f.join(e, v, key)
	}
	f.raised[v.ID] = e
	if v.Cleared != 0 {
		e.Cleared = max(e.Cleared, v.Cleared)
		return
	}
	e.Cleared = 0
	e.holds = append(e.holds, v.ID)
}

func (f *Forecast) join(e *Expected, v rules.Verdict, key string) {
	policy := DefaultPolicy()
	severity, hazard := higher(&Incident{Hazard: e.Hazard, Severity: e.Severity}, v)
	if policy.mode(v.Severity) == ModeEscalate && policy.mode(e.Severity) != ModeEscalate {
		f.page(e, v)
	}
	if severity {
		e.Severity = v.Severity
	}
	if hazard {
		e.Hazard, e.Key = v.Hazard, key
	}
	e.Onset = min(e.Onset, v.Onset)
}

// live finds the incident that a raise joins, the latest of the first key that has one.
func (f *Forecast) live(joins []string, at int64) *Expected {
	for _, key := range joins {
		for _, e := range slices.Backward(f.list) {
			if e.Key != key {
				continue
			}
			if e.Cleared == 0 || at-e.Cleared <= handled.Milliseconds() {
				return e
			}
			break
		}
	}
	return nil
}

func (f *Forecast) page(e *Expected, v rules.Verdict) {
	mode := DefaultPolicy().mode(v.Severity)
	if v.Over || mode == ModeNone {
		return
	}
	people := f.escalate(v, mode)
	if len(people) == 0 {
		people = []ExpectedPage{{At: v.Time}} // nobody is known
	}
	for _, p := range people {
		p.Rule, p.Hazard = v.Rule, v.Hazard
		e.Pages = append(e.Pages, p)
	}
}

// escalate goes along the chain as the hub does, until somebody takes the incident.
func (f *Forecast) escalate(v rules.Verdict, mode Mode) (pages []ExpectedPage) {
	if f.Directory == nil {
		return nil
	}
	place := cmp.Or(v.Place, v.Node)
	escalate, repeat := f.Directory.Times(place)
	c := clockState{mode: mode, round: 1}
	for at := v.Time; at <= v.Time+f.AckAfter.Milliseconds(); {
		chain, _ := f.Directory.Chain(place, time.UnixMilli(at))
		p := planStep(c, chain, orDefault(escalate), orDefault(repeat))
		if p.done {
			break
		}
		reached := false
		for _, id := range p.page {
			if contact, ok := f.Directory.Contact(id); ok && len(contact.Channels) > 0 {
				pages, reached = append(pages, ExpectedPage{At: at, Person: id}), true
			}
		}
		c.take(p)
		if reached && (mode == ModeOnce || f.AckAfter == 0) {
			break
		}
		if c.passOver(p, reached) {
			continue
		}
		at += p.wait.Milliseconds()
	}
	return pages
}

func orNode(v rules.Verdict) string {
	if v.Device == "" {
		return v.Node
	}
	return v.Device
}

// Incidents are those of all verdicts so far, in the order in which they opened.
func (f *Forecast) Incidents() []*Expected { return f.list }

// Difference is what a change of rules makes of one incident. Before is nil for one
// that is new, After for one that is gone; both are there where it stays.
type Difference struct{ Before, After *Expected }

// Earlier is by how many ms the incident is raised earlier; negative for later.
func (d Difference) Earlier() int64 {
	if d.Before == nil || d.After == nil {
		return 0
	}
	return d.Before.Raised - d.After.Raised
}

// Time is when the first of the two is raised.
func (d Difference) Time() int64 {
	switch {
	case d.Before == nil:
		return d.After.Raised
	case d.After == nil:
		return d.Before.Raised
	}
	return min(d.Before.Raised, d.After.Raised)
}

// Last is when the last of the two is raised.
func (d Difference) Last() int64 {
	switch {
	case d.Before == nil:
		return d.After.Raised
	case d.After == nil:
		return d.Before.Raised
	}
	return max(d.Before.Raised, d.After.Raised)
}

// Compare pairs the incidents of two forecasts over the same readings: those of one
// key whose times overlap, the first with the first.
func Compare(before, after []*Expected) []Difference {
	var list []Difference
	taken := map[*Expected]bool{}
	byKey := map[string][]*Expected{}
	for _, a := range after {
		byKey[a.Key] = append(byKey[a.Key], a)
	}
	for _, b := range before {
		d := Difference{Before: b}
		for _, a := range byKey[b.Key] {
			if !taken[a] && a.touches(b) {
				d.After, taken[a] = a, true
				break
			}
		}
		list = append(list, d)
	}
	for _, a := range after {
		if !taken[a] {
			list = append(list, Difference{After: a})
		}
	}
	slices.SortStableFunc(list, func(x, y Difference) int { return int(min(max(x.Time()-y.Time(), -1), 1)) })
	return list
}

func (e *Expected) touches(o *Expected) bool {
	return (e.Cleared == 0 || min(o.Onset, o.Raised) <= e.Cleared) && (o.Cleared == 0 || min(e.Onset, e.Raised) <= o.Cleared)
}
