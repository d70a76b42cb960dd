package webtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/web"
)

// Secrets that the World knows, by role.
const (
	WardenToken   = "token-warden"
	OfficerToken  = "token-officer"
	OperatorToken = "token-operator"
	SignInCode    = "code-warden" // once
)

// World implements every interface of web.Config. It is safe for concurrent use.
type World struct {
	Clock telemetry.Clock
	Start int64 // when it was made, Unix ms

	mu       sync.Mutex
	people   map[string]web.Person
	places   []web.Place
	devices  []web.Device
	nodes    []web.Node
	gaps     []web.Gap
	duty     []web.Grid
	users    map[string]web.User // by token
	sessions map[string]web.User
	codes    map[string]web.User
	watchers []chan web.Supervision

	incidents memory
	ReadyErr  error // what /readyz says
}

// New makes a neighbourhood with everything quiet.
func New() *World {
	w := &World{sessions: make(map[string]web.User), people: make(map[string]web.Person)}
	w.Start = w.Clock.NowMS()
	w.incidents.init(w)
	w.peopleAndDuty()
	w.buildings()
	return w
}

// Config is a configuration of web that is served by w.
func (w *World) Config() web.Config {
	shanghai := time.FixedZone("Asia/Shanghai", 8*60*60)
	return web.Config{
		Incidents: &w.incidents, Series: w, Inventory: w, Duty: w, Auth: w, Rules: rules{},
		Catalogue: func() *telemetry.Catalogue { return catalogue },
		SiteName:  func() site.Text { return text("北新街社区", "Beixin Street") },
		Location:  shanghai, Clock: w.Clock, Logger: slog.New(slog.DiscardHandler),
		Metrics: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "weishao_up 1") }),
		Ready:   func() error { return w.ReadyErr },
	}
}

var catalogue = telemetry.NewCatalogue(telemetry.LEL{})

func text(zh, en string) site.Text { return site.Text{Zh: zh, En: en} }

func (w *World) peopleAndDuty() {
	for _, p := range []web.Person{
		{ID: "wang", Name: text("王建国", "Wang Jianguo"), Phone: "138-0000-0001"},
		{ID: "li", Name: text("李红梅", "Li Hongmei"), Phone: "138-0000-0002"},
		{ID: "zhao", Name: text("赵志强", "Zhao Zhiqiang"), Phone: "138-0000-0003"},
		{ID: "chen", Name: text("陈书记", "Secretary Chen"), Phone: "138-0000-0009"},
		{ID: "sun", Name: text("孙安全", "Officer Sun")},
		{ID: "op", Name: text("运维", "Operations")},
	} {
		w.people[p.ID] = p
	}
	chen := w.people["chen"]
	w.duty = []web.Grid{
		{ID: "grid-1", Name: text("第一网格", "Grid 1"), OnDuty: []web.Person{w.people["wang"], w.people["li"]}, Leader: &chen, Until: web.Time(w.Start + 3*3600_000)},
		{ID: "grid-2", Name: text("第二网格", "Grid 2"), Leader: &chen, Gap: true},
	}
	user := func(id string, role web.Role) web.User { return web.User{ID: id, Name: w.people[id].Name, Role: role} }
	w.users = map[string]web.User{
		WardenToken: user("wang", web.Warden), OfficerToken: user("sun", web.Officer), OperatorToken: user("op", web.Operator),
	}
	w.codes = map[string]web.User{SignInCode: user("wang", web.Warden)}
}

// OnDuty implements web.Duty.
func (w *World) OnDuty(context.Context) ([]web.Grid, error) { return w.duty, nil }

// Person implements web.Duty.
func (w *World) Person(id string) (web.Person, bool) {
	p, ok := w.people[id]
	return p, ok
}

// NewSession is a session of a role's user, as if they had signed in.
func (w *World) NewSession(role web.Role) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := fmt.Sprintf("session-%d", len(w.sessions)+1)
	for _, u := range w.users {
		if u.Role == role {
			w.sessions[id] = u
		}
	}
	return id
}

// Session implements web.Auth.
func (w *World) Session(_ context.Context, cookie string) (web.User, error) {
	return w.find(w.sessions, cookie)
}

// Token implements web.Auth.
func (w *World) Token(_ context.Context, token string) (web.User, error) {
	return w.find(w.users, token)
}

func (w *World) find(in map[string]web.User, secret string) (web.User, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if secret == "broken" {
		return web.User{}, errors.New("the database is on fire")
	}
	u, ok := in[secret]
	if !ok {
		return web.User{}, fmt.Errorf("webtest: %w", web.ErrNoAccess)
	}
	return u, nil
}

// RedeemSignIn implements web.Auth.
func (w *World) RedeemSignIn(_ context.Context, code string) (string, web.User, error) {
	u, err := w.find(w.codes, code)
	if err != nil {
		return "", u, err
	}
	session := w.NewSession(u.Role)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.codes, code)
	return session, u, nil
}

// SignOut implements web.Auth.
func (w *World) SignOut(_ context.Context, cookie string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.sessions, cookie)
	return nil
}

// rules implements web.Rules.
type rules struct{}

var (
	doGas  = text("不要开关任何电器，不要打电话。\n开窗，关总阀，到室外再呼叫。", "Touch no switch and no phone.\nOpen windows, close the main valve, call from outside.")
	doFire = text("先报 119，叫醒全楼。\n不坐电梯，不开着火的门。", "Call 119, wake the building.\nNo lift. Open no door that is hot.")
	doWire = text("先断电，再拔线。\n请车主把车推到车棚。", "Cut the power, then unplug.\nHave the owner take the bike to the shed.")
	doGone = text("看一眼现场：网关有没有电、有没有网。", "Go and look: has the gateway power and network?")
)

// Rule implements web.Rules.
func (rules) Rule(name string) (web.Rule, bool) {
	r := web.Rule{Name: name, Text: "name: " + name + "\nwhen: gas.ch4 > 10 %LEL\nhold: 5s\nclear: gas.ch4 < 5 %LEL\n"}
	return r, name != ""
}

// Feature implements web.Rules.
func (rules) Feature(name string) site.Text {
	return map[string]site.Text{
		"charger.power": text("这个电器的功率", "power of this load"),
		"charger.on":    text("已接通", "on for"),
		"charger.quiet": text("功率平稳的时间", "steady for"),
		"charger.trend": text("功率变化", "change of power"),
		"gas.above":     text("比洁净空气高", "above clean air"),
		"gas.since":     text("持续上升或不落", "has risen or held for"),
	}[name]
}

// Thresholds implements web.Rules.
func (rules) Thresholds(placement string) []web.Threshold {
	switch placement {
	case "kitchen_gas":
		return []web.Threshold{{Rule: "gas-leak", Severity: "critical", Metric: "gas.ch4", Value: 10}}
	case "corridor_socket":
		return []web.Threshold{{Rule: "flying-wire", Severity: "major", Metric: "charging.likelihood", Value: 0.8}}
	case "stair_smoke", "room_smoke":
		return []web.Threshold{{Rule: "smoke", Severity: "major", Metric: "smoke", Value: 0.1}, {Rule: "fire", Severity: "critical", Metric: "smoke", Value: 0.3}}
	}
	return nil
}

// RaiseSmoke brings one more incident, as of now, with an ID of its own.
func (w *World) RaiseSmoke() {
	now := w.Clock.NowMS()
	w.Raise(incidents.Incident{
		ID: fmt.Sprintf("smoke%d", now), Hazard: "fire", Severity: "critical", Rule: "fire", Zone: "b17-2-stair", Places: []string{"b17-2-stair-3"},
		Message: text("楼梯间起火", "Fire in the stairwell"), Do: doFire, When: "smoke > 0.3 dB/m", Onset: incidents.Time(now - 20_000), Opened: incidents.Time(now), Metric: "smoke", Value: 0.34, Threshold: 0.3, Likelihood: 0.97,
	})
	w.SetPlace("b17-2-stair-3", web.Hazard, "")
}

// Sample raises the incidents that a preview shows: one of each kind of work.
func (w *World) Sample() {
	now := w.Start
	const minute = 60_000
	w.Raise(incidents.Incident{
		ID: "a1gas", Hazard: "gas_leak", Severity: "critical", Rule: "gas-leak", Zone: "b17-2-301", Places: []string{"b17-2-301-kitchen"},
		Message: text("燃气泄漏", "Gas leak"), Do: doGas, When: "gas.ch4 > 10 %LEL", Onset: incidents.Time(now - 4*minute), Metric: "gas.ch4", Value: 13.4, Threshold: 10, Likelihood: 0.92,
		Likely: "gas.leak_likelihood", RuleText: "when: gas.ch4 > 10 %LEL\nhold: 5s\nclear: gas.ch4 < 5 %LEL\nclear_hold: 1m",
		Features: []incidents.Feature{{Device: "beixin/gw-1/b17-2-301-kitchen", Name: "gas.above", Value: 12.6, Unit: "%LEL"}, {Device: "beixin/gw-1/b17-2-301-kitchen", Name: "gas.since", Value: 3.25, Unit: "min"}},
	})
	w.paged("a1gas", "wang", "wecom", true, "errcode 0 ok")
	w.paged("a1gas", "li", "ntfy", false, "HTTP 503 from ntfy.example")
	w.Raise(incidents.Incident{
		ID: "b2wire", Hazard: "flying_wire", Severity: "major", Rule: "flying-wire", Zone: "b17-1-stair", Places: []string{"b17-1-corridor-2"},
		Message: text("飞线充电", "Flying-wire charging"), Do: doWire, When: "charging.likelihood > 0.8", Onset: incidents.Time(now - 52*minute), Metric: "charging.likelihood", Value: 0.93, Threshold: 0.8, Likelihood: 0.93,
		Likely: "charging.likelihood", RuleText: "when: charging.likelihood > 0.8\nclear: charging.likelihood < 0.3\nclear_hold: 2m",
		Features: []incidents.Feature{
			{Device: "beixin/gw-1/b17-1-corridor-2", Name: "charger.power", Value: 182.4, Unit: "W"}, {Device: "beixin/gw-1/b17-1-corridor-2", Name: "charger.on", Value: 2.5, Unit: "min"},
			{Device: "beixin/gw-1/b17-1-corridor-2", Name: "charger.quiet", Value: 1.9, Unit: "min"}, {Device: "beixin/gw-1/b17-1-corridor-2", Name: "charger.trend", Value: 1.7, Unit: "%/h"},
		},
	})
	w.paged("b2wire", "wang", "wecom", true, "errcode 0 ok")
	w.incidents.Ack(context.Background(), "b2wire", "wang", "")
	w.Raise(incidents.Incident{
		ID: "c3gone", Hazard: "unsupervised", Severity: "minor", Rule: "supervision", Node: "beixin/gw-2", Reason: "gateway dead", Zone: "b19",
		Places: []string{"b19-1-stair-1", "b19-1-101-kitchen", "b19-1-202-kitchen", "b19-shed"}, Message: text("网关失联", "Gateway not reachable"), Do: doGone, Onset: incidents.Time(now - 11*minute),
	})
	w.Raise(incidents.Incident{
		ID: "d4smoke", Hazard: "smoke", Severity: "major", Rule: "smoke", Zone: "b18-1-stair", Places: []string{"b18-1-stair-3"},
		Message: text("楼梯间烟雾", "Smoke in the stairwell"), Do: doFire, Onset: incidents.Time(now - 170*minute), Metric: "smoke", Value: 0.21, Threshold: 0.1, Cleared: incidents.Time(now - 150*minute),
	})
	for _, act := range []func() error{
		func() error { _, err := w.incidents.Ack(context.Background(), "d4smoke", "li", ""); return err },
		func() error { _, err := w.incidents.Arrive(context.Background(), "d4smoke", "li", ""); return err },
		func() error {
			_, err := w.incidents.Resolve(context.Background(), "d4smoke", "li", "", incidents.OutcomeFalseAlarm, "二楼住户在楼道里烧纸，已劝止。")
			return err
		},
	} {
		if err := act(); err != nil {
			panic(err) // a sample that does not fit its own state machine
		}
	}
	w.SetPlace("b17-2-301-kitchen", web.Hazard, "")
	w.SetPlace("b17-1-corridor-2", web.Hazard, "")
	for _, id := range []string{"b19-1-stair-1", "b19-1-101-kitchen", "b19-1-202-kitchen", "b19-shed"} {
		w.SetPlace(id, web.Unsupervised, "gateway dead")
	}
}
