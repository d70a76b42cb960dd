package app

import (
	"context"
	"slices"
	"time"

	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/web"
)

// duty is web.Duty over the site in effect.
type duty struct {
	view  *live.View
	clock telemetry.Clock
}

func (d duty) OnDuty(context.Context) ([]web.Grid, error) {
	s, now := d.view.Site(), d.clock.Now()
	grids := []web.Grid{}
	for _, id := range sortedKeys(s.Levels) {
		if l := s.Levels[id]; l.Kind == site.Grid {
			grids = append(grids, gridOf(s, l, now))
		}
	}
	return grids, nil
}

func gridOf(s *site.Site, l *site.Level, now time.Time) web.Grid {
	on := s.OnDuty(l.ID, now)
	g := web.Grid{ID: l.ID, Name: l.Name, OnDuty: []web.Person{}, Gap: len(on) == 0, Until: web.Time(nextChange(s, l.ID, now))}
	for _, id := range on {
		g.OnDuty = append(g.OnDuty, personOf(s, id))
	}
	if l.Leader != "" {
		leader := personOf(s, l.Leader)
		g.Leader = &leader
	}
	return g
}

// nextChange is when others come on duty, Unix ms; 0 where that never happens. A
// roster repeats by the week, so a change comes within eight days or not at all.
func nextChange(s *site.Site, grid string, now time.Time) int64 {
	d := s.Duty[grid]
	if d == nil {
		return 0
	}
	local := now.In(s.Location)
	var times []time.Time
	for day := range 9 {
		for _, shift := range d.Shifts {
			for _, at := range []time.Duration{shift.From, shift.To} {
				// By the wall's clock: a day with a change of summer time has not 24 h.
				times = append(times, time.Date(local.Year(), local.Month(), local.Day()+day, int(at.Hours()), int(at.Minutes())%60, 0, 0, s.Location))
			}
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	on := s.OnDuty(grid, now)
	for _, t := range times {
		if t.After(now) && !slices.Equal(s.OnDuty(grid, t), on) {
			return t.UnixMilli()
		}
	}
	return 0
}

func (d duty) Person(id string) (web.Person, bool) {
	s := d.view.Site()
	if s.People[id] == nil {
		return web.Person{}, false
	}
	return personOf(s, id), true
}

func personOf(s *site.Site, id string) web.Person {
	p := s.People[id]
	if p == nil {
		return web.Person{ID: id, Name: site.Text{Zh: id, En: id}}
	}
	return web.Person{ID: id, Name: p.Name, Phone: p.Phone}
}
