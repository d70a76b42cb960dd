package site

import (
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// rungs says which lists each level of the hierarchy may have.
var rungs = map[LevelKind][]LevelKind{
	Community: {Grid},
	Grid:      {Area, Building},
	Area:      {Building},
	Building:  {Unit, Dwelling},
	Unit:      {Dwelling},
}

func (f *fileLevel) children() map[LevelKind][]fileLevel {
	return map[LevelKind][]fileLevel{Grid: f.Grids, Area: f.Areas, Building: f.Buildings, Unit: f.Units, Dwelling: f.Dwellings}
}

var kindOrder = []LevelKind{Community, Grid, Area, Building, Unit, Dwelling}

func (l *loader) level(f fileLevel, kind LevelKind, parent *Level) *Level {
	level := &Level{ID: f.ID.V, Kind: kind, Name: f.Name, Leader: f.Leader.V, Parent: parent}
	switch {
	case f.ID.V == "":
		l.errs.Add(f.Pos, "this %s needs an id", kind)
	case !validID(f.ID.V):
		l.errs.Add(f.ID.Pos, "%q cannot be an id", f.ID.V)
	case l.Levels[f.ID.V] != nil:
		l.errs.Add(f.ID.Pos, "id %q is here twice; ids are unique in the site", f.ID.V)
	default:
		l.Levels[f.ID.V] = level
	}
	l.person(f.Leader)
	if f.Duty != nil {
		l.duty(level, f)
	}
	for _, p := range f.Places {
		l.filePlace(p, level)
	}
	children := f.children()
	for _, k := range kindOrder {
		if len(children[k]) > 0 && !allowed(kind, k) {
			l.errs.Add(children[k][0].Pos, "a %s has no %ss", kind, k)
			continue
		}
		for _, c := range children[k] {
			level.Children = append(level.Children, l.level(c, k, level))
		}
	}
	return level
}

func allowed(parent, child LevelKind) bool {
	return slices.Contains(rungs[parent], child)
}

func (l *loader) person(ref conf.At[string]) {
	if ref.V != "" && l.People[ref.V] == nil {
		l.errs.Add(ref.Pos, "unknown person %q%s", ref.V, telemetry.Suggest(ref.V, keys(l.People)))
	}
}

func (l *loader) filePlace(f filePlace, level *Level) {
	switch {
	case !validID(f.ID.V):
		l.errs.Add(or(f.ID.Pos, f.Pos), "%q cannot be a place's id", f.ID.V)
		return
	case l.Places[f.ID.V] != nil:
		l.errs.Add(f.ID.Pos, "place %q is here twice", f.ID.V)
		return
	}
	p := &Place{ID: f.ID.V, Name: f.Name, Level: level}
	p.Zone = l.zoneOf(f, level)
	l.Places[p.ID] = p
	level.Places = append(level.Places, p)
}

// zoneOf is the zone a place names, or the one it has by its nature: a dwelling
// is a zone, and so is everything that a stairwell, a unit or a building shares
// at one level.
func (l *loader) zoneOf(f filePlace, level *Level) *Zone {
	building := level.Up(Building)
	id := f.Zone.V
	if id == "" {
		id = level.ID
		if l.Zones[id] == nil {
			l.Zones[id] = &Zone{ID: id, Name: level.Name}
		}
	}
	z := l.Zones[id]
	switch {
	case z == nil:
		l.errs.Add(f.Zone.Pos, "unknown zone %q%s", id, telemetry.Suggest(id, keys(l.Zones)))
		return &Zone{ID: id}
	case z.Building == nil:
		z.Building = building
	case building != z.Building:
		l.errs.Add(f.ID.Pos, "zone %q is in another building: what burns together stands together", id)
	}
	return z
}

func (l *loader) duty(level *Level, f fileLevel) {
	if level.Kind != Grid {
		l.errs.Add(f.Pos, "duty belongs to a grid, not to a %s", level.Kind)
		return
	}
	d := &Duty{Grid: level, Escalate: l.escalate(f.Duty.Escalate), Repeat: l.escalate(f.Duty.Repeat)}
	for _, s := range f.Duty.Roster {
		l.person(s.Person)
		d.Shifts = append(d.Shifts, Shift{Person: s.Person.V, Days: l.days(s.Days), From: l.timeOfDay(s.From), To: l.timeOfDay(s.To)})
	}
	l.Duty[level.ID] = d
}

func (l *loader) escalate(d conf.At[conf.Duration]) time.Duration {
	if d.Pos.Line == 0 {
		return DefaultEscalate
	}
	v := time.Duration(d.V)
	if v < minEscalate || v > maxEscalate {
		l.errs.Add(d.Pos, "%s is not possible here: between %s and %s", v, minEscalate, maxEscalate)
	}
	return v
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (l *loader) days(list []conf.At[string]) (days [7]bool) {
	if len(list) == 0 {
		return [7]bool{true, true, true, true, true, true, true}
	}
	for _, d := range list {
		known := false
		for i, n := range dayNames {
			if strings.EqualFold(n, d.V) {
				days[i], known = true, true
			}
		}
		if !known {
			l.errs.Add(d.Pos, "unknown day %q (one of %s)", d.V, strings.Join(dayNames, ", "))
		}
	}
	return days
}

// timeOfDay reads "08:00"; "24:00" is the end of the day.
func (l *loader) timeOfDay(s conf.At[string]) time.Duration {
	if s.V == "" || s.V == "24:00" {
		return 0
	}
	t, err := time.Parse("15:04", s.V)
	if err != nil {
		l.errs.Add(s.Pos, "%q is not a time of day: write \"08:00\", in quotes", s.V)
		return 0
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}
