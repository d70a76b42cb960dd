package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
)

// ErrNoAccess is what Auth answers for what is unknown, expired, revoked or used
// up; it may be wrapped. Any other error of it becomes a 500 whose text is
// logged and never shown.
var ErrNoAccess = errors.New("no such session, token or sign-in code")

// Config is everything that a Server gets. All fields are needed except those
// that say what they default to.
type Config struct {
	Incidents Incidents
	Series    Series
	Inventory Inventory
	Duty      Duty
	Auth      Auth
	Rules     Rules
	Catalogue func() *telemetry.Catalogue // of the site version in effect

	SiteName func() site.Text // shown in the page header; default 微哨
	Location *time.Location   // the site's zone, for times people read; default UTC
	Clock    telemetry.Clock  // the hub's clock
	Logger   *slog.Logger

	Metrics http.Handler // behind /metrics
	Ready   func() error // nil: ready; the error's text is shown on /readyz

	// Secure marks cookies Secure though this process does not speak TLS
	// itself, because a proxy in front does.
	Secure bool
	// Heartbeat is how often an idle event stream says that it lives; default 5 s.
	Heartbeat time.Duration
}

// Role is what a signed-in person may do: wardens act on incidents, officers
// verify them and see the officer's pages, operators may do everything.
type Role string

const (
	Warden   Role = "warden"
	Officer  Role = "officer"
	Operator Role = "operator"
)

// User is who a request comes from.
type User struct {
	ID   string    `json:"id"`
	Name site.Text `json:"name"`
	Role Role      `json:"role"`
}

// mayAct reports whether the user may acknowledge, arrive and resolve.
func (u User) mayAct() bool { return u.Role == Warden || u.Role == Operator }

// mayInspect reports whether the user may see the officer's pages and verify.
func (u User) mayInspect() bool { return u.Role == Officer || u.Role == Operator }

// Auth says who somebody is. All methods answer ErrNoAccess for what is
// unknown, expired, revoked or used up.
type Auth interface {
	Session(ctx context.Context, cookie string) (User, error)
	Token(ctx context.Context, token string) (User, error)
	// RedeemSignIn turns a one-time code into a session.
	RedeemSignIn(ctx context.Context, code string) (session string, user User, err error)
	// SignOut ends a session.
	SignOut(ctx context.Context, cookie string) error
}

// Series is the part of history.Store that charts need.
type Series interface {
	Query(ctx context.Context, q history.Query) (history.Series, error)
}

// Rules tells what the rules in effect say, by name and by placement.
type Rules interface {
	// Rule is false for a name that is not in the pack.
	Rule(name string) (Rule, bool)
	// Thresholds are the levels that a placement's metrics are compared with.
	Thresholds(placement string) []Threshold
	// Feature is what a detector's feature is called; its name for one it does not know.
	Feature(name string) site.Text
}

// Rule is what people are told about a rule.
type Rule struct {
	Name    string    `json:"name"`
	Message site.Text `json:"message"`
	Do      site.Text `json:"do"`   // what to do first
	Text    string    `json:"text"` // the rule as written
}

// Threshold is one level that a rule compares a metric with, in the metric's unit.
type Threshold struct {
	Rule     string  `json:"rule"`
	Severity string  `json:"severity"`
	Metric   string  `json:"metric"`
	Value    float64 `json:"value"`
}

func (c *Config) check() error {
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"Incidents", c.Incidents == nil}, {"Series", c.Series == nil}, {"Inventory", c.Inventory == nil},
		{"Duty", c.Duty == nil}, {"Auth", c.Auth == nil}, {"Rules", c.Rules == nil},
		{"Catalogue", c.Catalogue == nil}, {"Metrics", c.Metrics == nil}, {"Ready", c.Ready == nil}, {"Logger", c.Logger == nil},
	} {
		if f.missing {
			return fmt.Errorf("web: Config.%s is needed", f.name)
		}
	}
	if c.SiteName == nil {
		c.SiteName = func() site.Text { return site.Text{Zh: "微哨", En: "Weishao"} }
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.Heartbeat <= 0 {
		c.Heartbeat = 5 * time.Second
	}
	return nil
}
