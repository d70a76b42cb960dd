package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"weishao.dev/weishao/incidents"
)

const (
	maxCards    = 60             // more open incidents than this are a flood; the rest are counted
	closedShown = 5              // handled incidents below the cards
	closedSince = 12 * time.Hour // and how far back
)

// wardenView is the page that a warden on duty has open.
type wardenView struct {
	base
	Cards   []cardView
	Beyond  int // open incidents that are not shown
	Closed  []closedRow
	Counts  counts
	Duty    []Grid
	NoWatch []where // places that are not watched, where no incident says so
}

// counts is places by state.
type counts struct{ Normal, Hazard, Unsupervised int }

// Watched is how many places are supervised.
func (c counts) Watched() int { return c.Normal + c.Hazard }

func (c *counts) add(state string) {
	switch state {
	case Hazard:
		c.Hazard++
	case Unsupervised:
		c.Unsupervised++
	default:
		c.Normal++
	}
}

// closedRow is one line of what was handled recently.
type closedRow struct {
	incidents.Incident
	Where where
}

func (s *Server) wardenPage(w http.ResponseWriter, r *http.Request, u User) error {
	ctx := r.Context()
	l, err := s.lookup(ctx)
	if err != nil {
		return err
	}
	v := wardenView{base: s.base(r, &u, "warden", "warden.title")}
	if v.Cards, v.Beyond, err = s.openCards(ctx, u, l); err != nil {
		return err
	}
	if v.Closed, err = s.closedRows(ctx, l); err != nil {
		return err
	}
	if v.Duty, err = s.Duty.OnDuty(ctx); err != nil {
		return err
	}
	for _, p := range l.places {
		v.Counts.add(p.State)
	}
	return s.render(w, r, http.StatusOK, "warden", v)
}

// openCards is what is to be handled, the most urgent first.
func (s *Server) openCards(ctx context.Context, u User, l lookup) (cards []cardView, beyond int, err error) {
	open, _, err := s.Incidents.List(ctx, incidents.Filter{State: openStates, Limit: maxLimit})
	if err != nil {
		return nil, 0, err
	}
	slices.SortStableFunc(open, moreUrgent)
	if len(open) > maxCards {
		beyond, open = len(open)-maxCards, open[:maxCards]
	}
	for _, inc := range open {
		full, err := s.Incidents.Get(ctx, inc.ID)
		if errors.Is(err, incidents.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		cards = append(cards, s.card(u, full, l))
	}
	return cards, beyond, nil
}

// moreUrgent puts critical and major before the rest, whether or not somebody
// has taken them: whoever acknowledged a gas leak still wants it on top. Within
// each, what nobody has taken comes first.
func moreUrgent(a, b incidents.Incident) int {
	rest := func(i incidents.Incident) int { return severityRank(i) / 2 }
	waiting := func(i incidents.Incident) int {
		if i.State == incidents.StateOpen || i.State == incidents.StateNotified {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(rest(a), rest(b)),
		cmp.Compare(waiting(a), waiting(b)),
		cmp.Compare(severityRank(a), severityRank(b)),
		cmp.Compare(b.Opened, a.Opened),
	)
}

// severityRank is 0 for critical. A severity that is not known ranks with major.
func severityRank(i incidents.Incident) int {
	if n := slices.Index(allSeverities, string(i.Severity)); n >= 0 {
		return n
	}
	return 1
}

func (s *Server) closedRows(ctx context.Context, l lookup) ([]closedRow, error) {
	closed, _, err := s.Incidents.List(ctx, incidents.Filter{
		State: []incidents.State{incidents.StateResolved, incidents.StateVerified}, From: s.Clock.Now().Add(-closedSince), Limit: closedShown,
	})
	rows := make([]closedRow, 0, len(closed))
	for _, inc := range closed {
		row := closedRow{Incident: inc}
		if len(inc.Places) > 0 {
			row.Where = l.where(inc.Places[0])
		}
		rows = append(rows, row)
	}
	return rows, err
}

// cardPageView is one incident on a page of its own: where a page sent to a
// phone links to, and where its forms work without scripts.
type cardPageView struct {
	base
	Card  cardView
	Alone bool
}

func (s *Server) incidentCardPage(w http.ResponseWriter, r *http.Request, u User) error {
	inc, err := s.incident(r)
	if err != nil {
		return err
	}
	l, err := s.lookup(r.Context())
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "card", cardPageView{s.base(r, &u, "card", "warden.title"), s.card(u, inc, l), true})
}

// actForm answers the forms of the pages, for browsers in which the scripts do
// not run or have not loaded yet.
func (s *Server) actForm(w http.ResponseWriter, r *http.Request, u User) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	what := r.PathValue("what")
	if !slices.Contains([]string{"ack", "arrive", "resolve", "verify"}, what) {
		return notFound("no such action")
	}
	if !u.may(what) {
		return newProblem(http.StatusForbidden, "forbidden", "the role "+string(u.Role)+" may not do this")
	}
	body := actBody{Outcome: r.PostFormValue("outcome"), Note: r.PostFormValue("note")}
	if err := body.check(what); err != nil {
		return err
	}
	_, err := s.perform(r.Context(), action{
		incident: r.PathValue("id"), what: incidents.Action(what), by: u.ID, key: r.PostFormValue("key"),
		outcome: incidents.Outcome(body.Outcome), note: body.Note,
	})
	if err != nil {
		return err
	}
	back := u.home()
	if r.PostFormValue("back") == "officer" && u.mayInspect() {
		back = "/officer/incidents/" + r.PathValue("id")
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}
