package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/web/webtest"
)

type page[T any] struct {
	Items []T
	Next  *string
}

// item is any JSON object.
type item map[string]any

func TestIncidentList(t *testing.T) {
	_, s := sampled(t)
	c := as(t, s, webtest.WardenToken)
	all := get[page[item]](c, "/api/v1/incidents")
	if len(all.Items) != 4 || all.Next != nil {
		t.Fatalf("got %d incidents and next %v, want 4 and null", len(all.Items), all.Next)
	}
	for _, inc := range all.Items {
		for _, field := range []string{"id", "hazard", "severity", "state", "rule", "zone", "places", "devices", "onset", "opened", "cleared", "evidence"} {
			if _, ok := inc[field]; !ok {
				t.Errorf("incident %v has no %s", inc["id"], field)
			}
		}
		for _, list := range []string{"places", "devices", "evidence"} {
			if _, ok := inc[list].([]any); !ok {
				t.Errorf("incident %v: %s is %v, want a list", inc["id"], list, inc[list])
			}
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", inc["onset"].(string)); err != nil {
			t.Errorf("incident %v: onset: %v", inc["id"], err)
		}
	}
	for filter, want := range map[string]string{
		"state=resolved": "d4smoke", "hazard=gas_leak": "a1gas", "place=b17-1-corridor-2": "b2wire",
		"severity=minor": "c3gone", "state=notified&state=open&hazard=gas_leak": "a1gas", "state=open,resolved&severity=major": "d4smoke",
		"from=2000-01-01T00:00:00Z&to=2000-01-02T00:00:00Z": "", "to=1": "",
	} {
		got := get[page[item]](c, "/api/v1/incidents?"+filter)
		var ids []string
		for _, inc := range got.Items {
			ids = append(ids, inc["id"].(string))
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("?%s: got %v, want %q", filter, ids, want)
		}
	}
}

func TestIncidentListByCursor(t *testing.T) {
	_, s := sampled(t)
	c := as(t, s, webtest.WardenToken)
	var ids []string
	target := "/api/v1/incidents?limit=1"
	for range 10 {
		p := get[page[item]](c, target)
		for _, inc := range p.Items {
			ids = append(ids, inc["id"].(string))
		}
		if p.Next == nil {
			break
		}
		target = "/api/v1/incidents?limit=1&after=" + *p.Next
	}
	slices.Sort(ids)
	if want := "a1gas b2wire c3gone d4smoke"; strings.Join(ids, " ") != want {
		t.Errorf("page by page: got %v, want %s", ids, want)
	}
}

func TestBadParametersAreNamed(t *testing.T) {
	_, s := sampled(t)
	c := as(t, s, webtest.WardenToken)
	for target, parameter := range map[string]string{
		"/api/v1/incidents?state=closed":                                        "state",
		"/api/v1/incidents?hazard=flood":                                        "hazard",
		"/api/v1/incidents?severity=high":                                       "severity",
		"/api/v1/incidents?from=yesterday":                                      "from",
		"/api/v1/incidents?from=2000&to=1000":                                   "from",
		"/api/v1/incidents?limit=0":                                             "limit",
		"/api/v1/incidents?limit=501":                                           "limit",
		"/api/v1/incidents?after=x":                                             "after",
		"/api/v1/incidents?stat=open":                                           "stat",
		"/api/v1/devices?limit=many":                                            "limit",
		"/api/v1/places?state=good":                                             "state",
		"/api/v1/duty?at=now":                                                   "at",
		"/api/v1/gaps?state=lost":                                               "state",
		"/api/v1/series":                                                        "device",
		"/api/v1/series?device=beixin/gw-1/b17-meter":                           "metric",
		"/api/v1/series?device=beixin/gw-1/b17-meter&metric=gas.ch5":            "metric",
		"/api/v1/series?device=beixin/gw-1/b17-meter&metric=co&step=1ms":        "step",
		"/api/v1/series?device=beixin/gw-1/b17-meter&metric=co&from=5&to=5":     "from",
		"/api/v1/series?device=beixin/gw-1/b17-meter&metric=co&from=0&step=raw": "from",
		"/api/v1/series?device=b&metric=co&from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z&step=0":  "step",
		"/api/v1/series?device=b&metric=co&from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z&step=1s": "step",
		"/api/v1/events?since=1": "since",
	} {
		p := c.problem(400, "GET", target, "")
		if p.Parameter != parameter || p.Detail == "" {
			t.Errorf("%s: got %+v, want parameter %s", target, p, parameter)
		}
	}
	if p := c.problem(400, "GET", "/api/v1/incidents?state=closed", ""); !slices.Contains(p.Allowed, "on_site") {
		t.Errorf("the problem does not say what is allowed: %+v", p)
	}
	if p := c.problem(400, "GET", "/api/v1/series?device=x&metric=gas.ch5", ""); !strings.Contains(p.Detail, "gas.ch4") {
		t.Errorf("no suggestion for a misspelt metric: %q", p.Detail)
	}
	c.problem(404, "GET", "/api/v1/nowhere", "")
	c.problem(404, "DELETE", "/api/v1/incidents", "")
}

func TestActions(t *testing.T) {
	_, s := sampled(t)
	warden, officer := as(t, s, webtest.WardenToken), as(t, s, webtest.OfficerToken)
	state := func(body string) string {
		var inc item
		if err := json.Unmarshal([]byte(body), &inc); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(inc["state"])
	}
	for _, step := range []struct {
		c          client
		what, body string
		want       string
	}{
		{warden, "ack", "", "acknowledged"},
		{warden, "arrive", "{}", "on_site"},
		{warden, "resolve", `{"outcome":"real","note":"阀门已关"}`, "resolved"},
		{officer, "verify", `{"note":"现场复查"}`, "verified"},
	} {
		if got := state(step.c.want(200, "POST", "/api/v1/incidents/a1gas/"+step.what, step.body)); got != step.want {
			t.Errorf("after %s: state %s, want %s", step.what, got, step.want)
		}
	}
	full := get[item](officer, "/api/v1/incidents/a1gas")
	if full["note"] != "阀门已关" || full["verify_note"] != "现场复查" || full["unit"] != "%LEL" {
		t.Errorf("notes %v, %v, unit %v", full["note"], full["verify_note"], full["unit"])
	}
	if timeline, _ := full["timeline"].([]any); len(timeline) < 8 {
		t.Errorf("a timeline of %d events, want the raise, two pages and four acts", len(timeline))
	}
	warden.problem(409, "POST", "/api/v1/incidents/a1gas/ack", "")
	warden.problem(404, "POST", "/api/v1/incidents/none/ack", "")
	warden.problem(404, "POST", "/api/v1/incidents/a1gas/close", "")
	warden.problem(404, "GET", "/api/v1/incidents/none", "")
}

func TestActionBodiesAreStrict(t *testing.T) {
	w, s := sampled(t)
	c := as(t, s, webtest.WardenToken)
	before := w.Acts()
	for _, test := range []struct{ what, body, parameter string }{
		{"resolve", ``, "outcome"},
		{"resolve", `{}`, "outcome"},
		{"resolve", `{"outcome":"fine"}`, "outcome"},
		{"resolve", `{"outcome":7}`, "outcome"},
		{"resolve", `{"outcome":"real","notes":"x"}`, "notes"},
		{"resolve", `{"outcome":"real","note":"` + strings.Repeat("长", incidents.MaxNote+1) + `"}`, "note"},
		{"ack", `{"outcome":"real"}`, "outcome"},
		{"ack", `[]`, ""},
		{"ack", `null`, ""},
		{"ack", `{`, ""},
	} {
		if p := c.problem(400, "POST", "/api/v1/incidents/a1gas/"+test.what, test.body); p.Parameter != test.parameter {
			t.Errorf("%s %.40s: parameter %q, want %q", test.what, test.body, p.Parameter, test.parameter)
		}
	}
	c.problem(http.StatusRequestEntityTooLarge, "POST", "/api/v1/incidents/a1gas/ack", strings.Repeat(" ", 100_000))
	if p := c.with("Idempotency-Key", strings.Repeat("k", 129)).problem(400, "POST", "/api/v1/incidents/a1gas/ack", ""); p.Parameter != "Idempotency-Key" {
		t.Errorf("long key: %+v", p)
	}
	if w.Acts() != before {
		t.Errorf("%d acts, want %d", w.Acts(), before)
	}
}

func TestOneKeyActsOnce(t *testing.T) {
	w, s := sampled(t)
	c := as(t, s, webtest.WardenToken).with("Idempotency-Key", "tap-1")
	before := w.Acts()
	first := c.want(200, "POST", "/api/v1/incidents/a1gas/ack", "{}")
	second := c.want(200, "POST", "/api/v1/incidents/a1gas/ack", "{}")
	if first != second || w.Acts() != before+1 {
		t.Errorf("%d acts after one tap sent twice; answers equal: %v", w.Acts()-before, first == second)
	}
}

func TestInventory(t *testing.T) {
	_, s := sampled(t)
	c := as(t, s, webtest.OfficerToken)
	devices := get[page[item]](c, "/api/v1/devices")
	if len(devices.Items) != 18 {
		t.Errorf("%d devices, want 18", len(devices.Items))
	}
	for _, d := range devices.Items {
		if _, ok := d["bad"].(map[string]any); !ok {
			t.Errorf("device %v: bad is %v, want an object", d["id"], d["bad"])
		}
	}
	if got := get[page[item]](c, "/api/v1/devices?node=beixin/gw-2"); len(got.Items) != 4 {
		t.Errorf("%d devices of gw-2, want 4", len(got.Items))
	}
	var ids []string
	for target := "/api/v1/devices?limit=5"; target != ""; {
		p := get[page[item]](c, target)
		for _, d := range p.Items {
			ids = append(ids, d["id"].(string))
		}
		if target = ""; p.Next != nil {
			target = "/api/v1/devices?limit=5&after=" + *p.Next
		}
	}
	if len(ids) != 18 || !slices.IsSorted(ids) {
		t.Errorf("page by page: %v", ids)
	}
	if got := get[page[item]](c, "/api/v1/places?state=unsupervised"); len(got.Items) != 4 {
		t.Errorf("%d unsupervised places, want 4", len(got.Items))
	}
	gaps := get[page[item]](c, "/api/v1/gaps").Items
	if len(gaps) != 2 {
		t.Fatalf("%d gaps, want 2", len(gaps))
	}
	for _, field := range []string{"gateway", "epoch", "run", "from", "to", "state", "reason", "since"} {
		if _, ok := gaps[0][field]; !ok {
			t.Errorf("gap has no %s", field)
		}
	}
	duty := get[page[item]](c, "/api/v1/duty").Items
	if len(duty) != 2 || duty[1]["gap"] != true || len(duty[1]["on_duty"].([]any)) != 0 {
		t.Errorf("duty: %v", duty)
	}
	if got := get[page[item]](c, "/api/v1/gateways"); len(got.Items) != 2 {
		t.Errorf("%d gateways, want 2", len(got.Items))
	}
	if got := as(t, s, webtest.WardenToken).want(200, "GET", "/metrics", ""); !strings.Contains(got, "weishao_up") {
		t.Errorf("metrics: %q", got)
	}
}

func TestSeries(t *testing.T) {
	_, s := sampled(t)
	c := as(t, s, webtest.WardenToken)
	type answer struct {
		Unit   string
		Step   int64
		Points [][]float64
		Faults []struct {
			From, To int64
			Reason   string
		}
	}
	const device = "/api/v1/series?device=beixin/gw-1/b17-2-301-kitchen&metric=gas.ch4"
	day := get[answer](c, fmt.Sprintf("%s&from=%d", device, time.Now().Add(-24*time.Hour).UnixMilli()))
	if day.Unit != "%LEL" || len(day.Points) < 100 || len(day.Points) > 500 || len(day.Faults) != 1 || day.Faults[0].Reason != "no_response" {
		t.Errorf("a day: unit %q, %d points, step %d, faults %v", day.Unit, len(day.Points), day.Step, day.Faults)
	}
	for _, p := range day.Points {
		if len(p) != 5 || p[1] > p[2] || p[2] > p[3] || p[4] < 1 {
			t.Fatalf("point %v is not [t, min, mean, max, count]", p)
		}
	}
	if got := get[answer](c, device+"&step=1m"); got.Step != 60_000 || len(got.Points) < 55 {
		t.Errorf("an hour by minutes: step %d, %d points", got.Step, len(got.Points))
	}
	c.problem(404, "GET", "/api/v1/series?device=no/such/device&metric=co", "")
}

func TestEveryErrorOfAStoreIsHidden(t *testing.T) {
	_, s := sampled(t)
	p := as(t, s, "broken").problem(500, "GET", "/api/v1/incidents", "")
	if strings.Contains(p.Detail, "fire") {
		t.Errorf("the problem tells what is inside: %+v", p)
	}
}
