package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/site"
)

// cardView is one incident as the warden's page shows it.
type cardView struct {
	incidents.Incident
	Title     site.Text // the rule's message; empty: the hazard's name says it
	Unit      string
	Decided   site.Text // the metric that decided, by name
	Where     where
	More      []where // the other places
	NodeName  site.Text
	Chart     *chartView
	Features  []featureRow
	Paged     []paging
	AckName   site.Text
	HereName  site.Text
	DoneName  site.Text
	Waiting   bool // nobody has taken it
	Loud      bool // sounds until somebody has
	MayAct    bool
	MayVerify bool
	Key       string // idempotency key of the card's forms
}

// where is a place as people say it: the way to it, then the room.
type where struct {
	ID   string
	Way  []site.Text // building, unit, dwelling
	Room site.Text
}

// paging is how far paging one person has come.
type paging struct {
	Name    site.Text
	Channel string
	State   string // queued, sent, failed, cancelled, none
	At      incidents.Time
	Answer  string
}

// chartView is what chart.js needs to draw a chart.
type chartView struct {
	Device, Metric string
	Label          site.Text
	Unit           string
	From, To       int64  // Unix ms
	Step           string // "" lets the API choose
	Lines          string // JSON [{"value":10,"severity":"critical"}]
	Onset          int64  // 0: none
	Live           bool   // To follows the clock
	Derived        bool

	Over         string // metric from 0 to 1 that is drawn over it; "": none
	OverLabel    site.Text
	OverLevel    float64 // that it was compared with; 0: it was not
	OverSeverity string
	Stages       string // metric whose changes are marked; "": none
}

// line is one horizontal line of a chart.
type line struct {
	Value    float64 `json:"value"`
	Severity string  `json:"severity"`
	Rule     string  `json:"rule"`
}

// lookup is the inventory by ID, read once per page.
type lookup struct {
	places map[string]Place
	nodes  map[string]Node
}

func (s *Server) lookup(ctx context.Context) (lookup, error) {
	places, err := s.Inventory.Places(ctx)
	if err != nil {
		return lookup{}, err
	}
	nodes, err := s.Inventory.Nodes(ctx)
	if err != nil {
		return lookup{}, err
	}
	l := lookup{make(map[string]Place, len(places)), make(map[string]Node, len(nodes))}
	for _, p := range places {
		l.places[p.ID] = p
	}
	for _, n := range nodes {
		l.nodes[n.ID] = n
	}
	return l, nil
}

// where tells a place by its ID; one that the site does not know by the ID itself.
func (l lookup) where(id string) where {
	p, ok := l.places[id]
	if !ok || p.Name.Zh == "" && p.Name.En == "" {
		return where{ID: id, Room: site.Text{Zh: id, En: id}}
	}
	w := where{ID: id, Room: p.Name}
	for _, rung := range p.Path {
		w.Way = append(w.Way, rung.Name)
	}
	return w
}

// card builds the view of inc, which must come with its timeline.
func (s *Server) card(u User, inc incidents.Incident, l lookup) cardView {
	c := cardView{
		Incident: inc, Title: inc.Message, Unit: s.unit(inc.Metric),
		Paged: s.pagings(inc.Timeline), AckName: s.name(inc.AckBy), HereName: s.name(inc.ArrivedBy), DoneName: s.name(inc.ResolvedBy),
		Waiting: inc.State == incidents.StateOpen || inc.State == incidents.StateNotified,
		MayAct:  u.mayAct() && inc.State.Live(), MayVerify: u.mayInspect() && inc.State == incidents.StateResolved,
		Key: rand.Text(),
	}
	c.Loud = c.Waiting && !inc.Over && severityRank(inc) <= 1
	for i, id := range inc.Places {
		if i == 0 {
			c.Where = l.where(id)
		} else {
			c.More = append(c.More, l.where(id))
		}
	}
	if inc.Node != "" {
		c.NodeName = site.Text{Zh: inc.Node, En: inc.Node}
		if n, ok := l.nodes[inc.Node]; ok && n.Name != (site.Text{}) {
			c.NodeName = n.Name
		}
	}
	c.Decided = s.chart("", inc.Metric, 0, 0).Label
	c.Chart, c.Features = s.whyChart(&inc), s.featureRows(&inc)
	return c
}

// name is who an ID stands for; the ID where the site does not say.
func (s *Server) name(id string) site.Text {
	if id == "" {
		return site.Text{}
	}
	if p, ok := s.Duty.Person(id); ok && p.Name != (site.Text{}) {
		return p.Name
	}
	return site.Text{Zh: id, En: id}
}

// pagings tells for each person and channel how the latest page went.
func (s *Server) pagings(timeline []incidents.Event) []paging {
	states := map[incidents.Kind]string{
		incidents.KindPageQueued: "queued", incidents.KindPageSent: "sent", incidents.KindPageFailed: "failed",
		incidents.KindPageGaveUp: "failed", incidents.KindPageCancelled: "cancelled",
		incidents.KindPageInterrupted: "queued", incidents.KindNoChannel: "none",
	}
	type who struct{ person, channel string }
	index := make(map[who]int)
	var out []paging
	for _, e := range timeline {
		state, ok := states[e.Kind]
		if !ok {
			continue
		}
		p := paging{s.name(e.Person), e.Channel, state, e.Time, e.Text}
		if i, seen := index[who{e.Person, e.Channel}]; !seen {
			index[who{e.Person, e.Channel}] = len(out)
			out = append(out, p)
		} else if state != "cancelled" || out[i].State == "queued" {
			// That a repeat was cancelled does not unsay that a page arrived.
			out[i] = p
		}
	}
	return out
}

// chart is a chart of one device's metric without lines.
func (s *Server) chart(device, metric string, from, to int64) *chartView {
	m, ok := s.Catalogue().Lookup(metric)
	c := &chartView{Device: device, Metric: metric, Unit: string(m.Unit), From: from, To: to, Lines: "[]", Derived: m.Derived}
	c.Label = site.Text{Zh: m.Zh, En: m.En}
	if !ok || m.Zh == "" {
		c.Label = site.Text{Zh: metric, En: metric}
	}
	return c
}

func encodeLines(lines []line) string {
	slices.SortFunc(lines, func(a, b line) int { return int(a.Value*1000) - int(b.Value*1000) })
	raw, err := json.Marshal(lines)
	if err != nil { // a threshold that is not finite
		return "[]"
	}
	return string(raw)
}

func asString(v any) string { return fmt.Sprint(v) }
