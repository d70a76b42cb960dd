package incidents

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
)

// Options are what a Store works with. Only Directory is required.
type Options struct {
	Clock     telemetry.Clock            // of all times and of escalation
	Directory func() Directory           // the site at this moment; must not call the Store
	Rules     func(name string) RuleText // what a rule says to people; must not call the Store
	Channels  []notify.Channel           // by which people can be paged
	Policy    Policy                     // nil: DefaultPolicy
	BaseURL   string                     // of the pages, for the link in a page: "https://hub.example.org"
	Attempts  int                        // of one page before it counts as failed; 0: DefaultAttempts
	Logger    *slog.Logger               // nil: discards
	Registry  prometheus.Registerer      // nil: no metrics
}

// DefaultAttempts spread over about two minutes.
const DefaultAttempts = 8

// RuleText is what a rule says to people.
type RuleText struct {
	Message site.Text // "Gas leak"
	Do      site.Text // what to do first
	When    string    // the condition as written in the rule file
	Text    string    // the condition with its hold, and what ends it, one a line
}

// Directory is what incidents ask of the site. FromSite adapts one.
type Directory interface {
	// Chain is who to page about a place at t, in order; gap: nobody on duty.
	Chain(place string, t time.Time) (people []string, gap bool)
	// Times are the grid's: not acknowledged after escalate, the next one; after
	// the whole chain, all again every repeat.
	Times(place string) (escalate, repeat time.Duration)
	// Contact tells how to reach a person; ok is false for one it does not know.
	Contact(person string) (c Contact, ok bool)
	// PlaceName is the full name of a place, or of a gateway.
	PlaceName(place string) site.Text
	// Location is the site's time zone.
	Location() *time.Location
}

// Contact is how to reach a person.
type Contact struct {
	Name     site.Text
	Phone    string
	Channels []string // names of channels
}

// Mode is how people are paged.
type Mode string

const (
	ModeEscalate Mode = "escalate" // along the chain, repeated until acknowledged
	ModeOnce     Mode = "once"     // the first who can be reached, once
	ModeNone     Mode = "none"     // nobody; it stands on the page
)

// Policy says how each severity pages.
type Policy map[rules.Severity]Mode

// DefaultPolicy pages critical and major until somebody answers, and tells
// somebody once of the rest.
func DefaultPolicy() Policy {
	return Policy{rules.Critical: ModeEscalate, rules.Major: ModeEscalate, rules.Minor: ModeOnce, rules.Advisory: ModeOnce}
}

// mode of a severity that the policy does not name is escalate: silence must be
// asked for.
func (p Policy) mode(s rules.Severity) Mode {
	if m, ok := p[s]; ok {
		return m
	}
	return ModeEscalate
}

// siteDirectory is a Directory over a site.
type siteDirectory struct{ s *site.Site }

// FromSite asks the site that is in effect at each call.
func FromSite(current func() *site.Site) func() Directory {
	return func() Directory { return siteDirectory{current()} }
}

// place finds a place by its ID, or where the gateway of that ID hangs. Nil is a
// place the site does not know, whose chain is everybody's.
func (d siteDirectory) place(id string) *site.Place {
	if p := d.s.Places[id]; p != nil {
		return p
	}
	if n := d.s.Nodes[id]; n != nil {
		return n.Place
	}
	return nil
}

func (d siteDirectory) Chain(place string, t time.Time) ([]string, bool) {
	return d.s.Chain(d.place(place), t)
}

func (d siteDirectory) Times(place string) (escalate, repeat time.Duration) {
	duty := d.s.DutyFor(d.place(place))
	return duty.Escalate, duty.Repeat
}

func (d siteDirectory) Contact(person string) (Contact, bool) {
	p := d.s.People[person]
	if p == nil {
		return Contact{}, false
	}
	return Contact{Name: p.Name, Phone: p.Phone, Channels: p.Pages}, true
}

func (d siteDirectory) PlaceName(id string) site.Text {
	if p := d.s.Places[id]; p != nil {
		return site.Text{Zh: p.Path("zh"), En: p.Path("en")}
	}
	if n := d.s.Nodes[id]; n != nil && (n.Name != site.Text{}) {
		return n.Name
	}
	return site.Text{Zh: id, En: id}
}

func (d siteDirectory) Location() *time.Location {
	if d.s.Location == nil {
		return time.UTC
	}
	return d.s.Location
}
