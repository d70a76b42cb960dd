package web

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// ranges are the spans that the device page offers.
var ranges = []struct {
	Name string
	Span time.Duration
}{{"1h", time.Hour}, {"24h", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}}

// deviceView is one device's charts.
type deviceView struct {
	base
	Device   Device
	Where    where
	State    string // of the place
	Range    string // "1h", "24h", "7d", or "" for a custom one
	Ranges   []string
	From, To string // of a custom range, as datetime-local wants them
	BadRange bool
	Charts   []chartView
	Overdue  bool
}

// localTime is how <input type=datetime-local> writes a time, in the site's zone.
const localTime = "2006-01-02T15:04"

func (s *Server) officerDevice(w http.ResponseWriter, r *http.Request, u User) error {
	id := r.PathValue("id")
	devices, err := s.Inventory.Devices(r.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(devices, func(d Device) bool { return d.ID == id })
	if i < 0 {
		return notFound("there is no device " + id)
	}
	l, err := s.lookup(r.Context())
	if err != nil {
		return err
	}
	d := devices[i]
	v := deviceView{base: s.base(r, &u, "device", "device.metrics"), Device: d, Where: l.where(d.Place), State: l.places[d.Place].State}
	v.Title = id
	now := s.Clock.Now()
	v.Overdue = d.EndOfLife != 0 && int64(d.EndOfLife) < now.UnixMilli()
	from, to := v.choose(r, now, s.Location)
	v.Charts = s.deviceCharts(d, from.UnixMilli(), to.UnixMilli(), v.Range != "")
	return s.render(w, r, http.StatusOK, "device", v)
}

// choose reads the range: ?range=, or ?from=&to= in the site's zone, or an hour.
func (v *deviceView) choose(r *http.Request, now time.Time, loc *time.Location) (from, to time.Time) {
	for _, n := range ranges {
		v.Ranges = append(v.Ranges, n.Name)
	}
	q := r.URL.Query()
	span := time.Hour
	v.Range = "1h"
	for _, n := range ranges {
		if q.Get("range") == n.Name {
			v.Range, span = n.Name, n.Span
		}
	}
	from, to = now.Add(-span), now
	if q.Get("from") != "" || q.Get("to") != "" {
		a, err1 := parseLocal(q.Get("from"), loc)
		b, err2 := parseLocal(q.Get("to"), loc)
		if err1 == nil && err2 == nil && a.Before(b) && b.Sub(a) <= maxSpan {
			v.Range, from, to = "", a, b
		} else {
			v.BadRange = true
		}
	}
	v.From, v.To = from.In(loc).Format(localTime), to.In(loc).Format(localTime)
	return from, to
}

// parseLocal takes datetime-local with or without seconds.
func parseLocal(s string, loc *time.Location) (time.Time, error) {
	t, err := time.ParseInLocation(localTime, s, loc)
	if err != nil {
		t, err = time.ParseInLocation(localTime+":05", s, loc)
	}
	return t, err
}

// deviceCharts is one chart per metric: those that a rule watches first, then
// the measured, then the derived.
func (s *Server) deviceCharts(d Device, from, to int64, live bool) []chartView {
	lines := make(map[string][]line)
	for _, t := range s.Rules.Thresholds(d.Placement) {
		lines[t.Metric] = append(lines[t.Metric], line{t.Value, t.Severity, t.Rule})
	}
	charts := make([]chartView, 0, len(d.Values))
	for _, val := range d.Values {
		c := s.chart(d.ID, val.Metric, from, to)
		c.Live, c.Derived = live, val.Derived
		c.Lines = encodeLines(lines[val.Metric])
		charts = append(charts, *c)
	}
	rank := func(c chartView) int {
		switch {
		case c.Lines != "[]" && c.Lines != "null":
			return 0
		case !c.Derived:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(charts, func(a, b chartView) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.Metric, b.Metric)
	})
	return charts
}
