package site

import (
	"slices"
	"time"
)

// DefaultEscalate is how long a page may go unacknowledged before the next one
// is paged, and DefaultEscalate again until the chain is repeated.
const DefaultEscalate = 60 * time.Second

// covers reports whether the shift is on at t, which must be in the site's zone.
func (s Shift) covers(t time.Time) bool {
	now := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	if s.From < s.To {
		return s.Days[t.Weekday()] && now >= s.From && now < s.To
	}
	// Past midnight: the part before belongs to today's shift, the part after to
	// the one that began yesterday.
	yesterday := (t.Weekday() + 6) % 7
	return s.Days[t.Weekday()] && now >= s.From || s.Days[yesterday] && now < s.To
}

// OnDuty lists the people on a grid's roster at t, in the roster's order.
func (s *Site) OnDuty(grid string, t time.Time) []string {
	d := s.Duty[grid]
	if d == nil {
		return nil
	}
	t = t.In(s.Location)
	var on []string
	for _, shift := range d.Shifts {
		if shift.covers(t) && !slices.Contains(on, shift.Person) {
			on = append(on, shift.Person)
		}
	}
	return on
}

// GridOf is the grid a place belongs to, or nil for a place outside any.
func (s *Site) GridOf(p *Place) *Level {
	if p == nil {
		return nil
	}
	return p.Level.Up(Grid)
}

// DutyFor is the duty of a place's grid. A place outside any grid, or in one
// without a roster, has the default times and no shifts.
func (s *Site) DutyFor(p *Place) *Duty {
	if g := s.GridOf(p); g != nil {
		if d := s.Duty[g.ID]; d != nil {
			return d
		}
		return &Duty{Grid: g, Escalate: DefaultEscalate, Repeat: DefaultEscalate}
	}
	return &Duty{Escalate: DefaultEscalate, Repeat: DefaultEscalate}
}

// Chain is who to page about a place at t, in this order: those on duty, the
// rest of the roster's people never, then the grid's leader, then the leaders
// above. gap says that nobody is on duty. A place outside any grid concerns
// everybody's chain, since a hazard at a place nobody was named for must still
// wake someone.
func (s *Site) Chain(p *Place, t time.Time) (people []string, gap bool) {
	var grids []*Level
	if g := s.GridOf(p); g != nil {
		grids = []*Level{g}
	} else {
		grids = s.grids()
	}
	add := func(id string) {
		if id != "" && !slices.Contains(people, id) {
			people = append(people, id)
		}
	}
	for _, g := range grids {
		for _, id := range s.OnDuty(g.ID, t) {
			add(id)
		}
	}
	gap = len(people) == 0
	for _, g := range grids {
		for l := g; l != nil; l = l.Parent {
			add(l.Leader)
		}
	}
	if len(people) == 0 { // no roster and no leader: whoever runs the system must hear of it
		for _, id := range sortedKeys(s.People) {
			if s.People[id].Role == "operator" {
				add(id)
			}
		}
	}
	return people, gap
}

func (s *Site) grids() []*Level {
	var list []*Level
	for _, id := range sortedKeys(s.Levels) {
		if l := s.Levels[id]; l.Kind == Grid {
			list = append(list, l)
		}
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string {
	list := keys(m)
	slices.Sort(list)
	return list
}
