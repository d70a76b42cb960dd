package incidents

import (
	"cmp"
	"context"
	"slices"
	"time"

	"weishao.dev/weishao/rules"
)

// Label is what people found an incident to be: what rules that are tried over the
// same time can be measured by. Only real hazards and false alarms are labels.
type Label struct {
	ID       string         `json:"id"`
	Outcome  Outcome        `json:"outcome"`
	Hazard   rules.Hazard   `json:"hazard"`
	Severity rules.Severity `json:"severity"`
	Rule     string         `json:"rule"`
	Zone     string         `json:"zone"`
	Place    string         `json:"place"` // the first
	Node     string         `json:"node,omitempty"`
	Onset    Time           `json:"onset"`
	Opened   Time           `json:"opened"`
	Ended    Time           `json:"ended"` // when nothing held any more, or else when it was resolved
}

// Labels gives those of incidents that opened between two times, the first opened
// first.
func (s *Store) Labels(ctx context.Context, from, to time.Time) ([]Label, error) {
	f := Filter{State: []State{StateResolved, StateVerified}, From: from, To: to, Limit: MaxLimit}
	list := []Label{}
	for more := true; more; more = f.After != "" {
		items, next, err := s.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			if i.Outcome == OutcomeReal || i.Outcome == OutcomeFalseAlarm {
				list = append(list, labelOf(&i))
			}
		}
		f.After = next
	}
	slices.SortStableFunc(list, func(a, b Label) int { return cmp.Compare(a.Opened, b.Opened) })
	return list, nil
}

func labelOf(i *Incident) Label {
	l := Label{ID: i.ID, Outcome: i.Outcome, Hazard: i.Hazard, Severity: i.Severity, Rule: i.Rule, Zone: i.Zone, Node: i.Node,
		Onset: i.Onset, Opened: i.Opened, Ended: cmp.Or(i.Cleared, i.ResolvedAt)}
	if len(i.Places) > 0 {
		l.Place = i.Places[0]
	}
	return l
}

// Found is the incident of a forecast that is what a label is about: the first of the
// same zone and family of hazards that is there at the same time. Nil: none is.
func (l Label) Found(list []*Expected) *Expected {
	_, keys := keyOf(rules.Verdict{Hazard: l.Hazard, Zone: l.Zone, Place: l.Place, Node: l.Node})
	was := &Expected{Onset: int64(l.Onset), Raised: int64(l.Opened), Cleared: int64(l.Ended)}
	for _, e := range list {
		if slices.Contains(keys, e.Key) && was.touches(e) {
			return e
		}
	}
	return nil
}
