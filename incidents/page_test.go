package incidents

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
)

// TestWebhookEndToEnd: the provider's own words stand on the incident.
func TestWebhookEndToEnd(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			io.WriteString(w, `{"errcode":45009,"errmsg":"api freq out of limit"}`)
			return
		}
		io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	}))
	defer srv.Close()
	ch, err := notify.New(notify.Config{Name: "chat", URL: srv.URL, Secret: "a secret"})
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t, Options{Channels: []notify.Channel{ch}})
	changes := s.Subscribe(t.Context())
	defer running(t, s)()
	apply(t, s, raise("1"))
	deadline := time.After(20 * time.Second)
	for state := StateOpen; state != StateNotified; {
		select {
		case c := <-changes:
			state = c.Incident.State
		case <-deadline:
			t.Fatalf("never notified; timeline %+v", get(t, s, "1").Timeline)
		}
	}
	i := get(t, s, "1")
	equal(t, "timeline", kinds(i), []Kind{KindRaised, KindPageQueued, KindPageFailed, KindPageSent})
	if failed := i.Timeline[2]; !strings.Contains(failed.Text, "api freq out of limit") || failed.Person != "a" || failed.Channel != "chat" || *failed.OK {
		t.Errorf("failed attempt: %+v", failed)
	}
	if sent := i.Timeline[3]; sent.Text != `200 OK {"errcode":0,"errmsg":"ok"}` || sent.Attempt != 2 || !*sent.OK {
		t.Errorf("second attempt: %+v", sent)
	}
}

func TestPageText(t *testing.T) {
	d := newTown()
	d.people["a"] = Contact{Name: site.Text{Zh: "王网格"}, Phone: "13800000000"}
	s := newStore(t, Options{Directory: d.directory, BaseURL: "https://hub.example.org/"})
	apply(t, s, raise("1", place("17号楼 301 厨房")), raise("2", place("hall")))
	m := s.message(page{ID: "m", Incident: "1", Person: "a", Round: 2}, get(t, s, "1"))
	want := `【紧急】燃气泄漏 · 17号楼 301 厨房 等2处
先做：不要开关任何电器，不要按门铃，不要在现场打电话。开窗，关气阀，疏散，到室外再打电话。
自 01-01 00:00:00 起 (gas.ch4 12.5 / 10)
尚无人响应，第 2 次通知
处理：https://hub.example.org/incidents/1

[CRITICAL] Gas leak · 17号楼 301 厨房 and 1 more
Do first: Touch no switch, no doorbell, no phone on the spot. Open windows, close the gas valve, get everyone out, call from outside.
Since 01-01 00:00:00 (gas.ch4 12.5 / 10)
Nobody has answered; page no. 2`
	if m.Text != want {
		t.Errorf("got:\n%s\nwant:\n%s", m.Text, want)
	}
	equal(t, "phone", m.Person.Phone, "13800000000")
}

func TestPageTextIsBounded(t *testing.T) {
	long := strings.Repeat("很长的名字", 1000)
	s := newStore(t, Options{BaseURL: "https://hub.example.org",
		Rules: func(string) RuleText {
			return RuleText{Message: site.Text{Zh: long}, Do: site.Text{Zh: long, En: long}}
		}})
	apply(t, s, raise("1", place(long)))
	m := s.message(page{Round: 2}, get(t, s, "1"))
	if n := len(m.Text); n > 4096 {
		t.Errorf("%d bytes; Feishu takes 4,096", n)
	}
	if zh := m.Text[:strings.Index(m.Text, "\n\n")]; len(zh) > 2048 {
		t.Errorf("the Chinese part alone has %d bytes; WeCom takes 2,048", len(zh))
	}
}

func TestEveryHazardHasWords(t *testing.T) {
	for _, h := range []rules.Hazard{rules.GasLeak, rules.CO, rules.Smoke, rules.Fire, rules.FlyingWire, rules.Overload, rules.LeakageCurrent,
		rules.Overheat, rules.Unsupervised, rules.FaultHazard} {
		for what, text := range map[string]site.Text{"name": hazardNames[h], "first step": firstSteps[h]} {
			if text.Zh == "" || text.En == "" {
				t.Errorf("%s has no %s in both languages", h, what)
			}
		}
	}
}

// TestDiskFull: a full disk is an error that passes, and nothing is half done.
func TestDiskFull(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1"))
	if _, err := s.db.Exec("PRAGMA max_page_count = 1"); err != nil { // no page more than there are
		t.Fatal(err)
	}
	big := raise("2", place(strings.Repeat("p", 100_000)))
	big.Pos = 2
	if err := s.Apply(t.Context(), 2, []rules.Verdict{big}); err == nil {
		t.Fatal("applied to a full disk")
	}
	equal(t, "position", s.Position(), uint64(1))
	equal(t, "timeline", kinds(get(t, s, "1")), []Kind{KindRaised})
	if _, err := s.db.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), 2, []rules.Verdict{big}); err != nil {
		t.Fatal(err)
	}
	equal(t, "position", s.Position(), uint64(2))
}

func TestFromSite(t *testing.T) {
	grid := &site.Level{ID: "g1", Kind: site.Grid, Leader: "chief"}
	building := &site.Level{ID: "b17", Kind: site.Building, Name: site.Text{Zh: "17号楼", En: "Building 17"}, Parent: grid}
	kitchen := &site.Place{ID: "k", Name: site.Text{Zh: "厨房", En: "kitchen"}, Level: building}
	var allDays [7]bool
	for i := range allDays {
		allDays[i] = true
	}
	st := &site.Site{Location: time.UTC,
		Levels: map[string]*site.Level{"g1": grid, "b17": building},
		Places: map[string]*site.Place{"k": kitchen},
		Nodes:  map[string]*site.Node{"x/gw": {ID: "x/gw", Place: kitchen, Name: site.Text{Zh: "网关", En: "gateway"}}},
		People: map[string]*site.Person{"wang": {ID: "wang", Pages: []string{"chat"}, Phone: "1"}, "chief": {ID: "chief"}},
		Duty:   map[string]*site.Duty{"g1": {Grid: grid, Escalate: time.Minute, Repeat: time.Hour, Shifts: []site.Shift{{Person: "wang", Days: allDays}}}},
	}
	d := FromSite(func() *site.Site { return st })()
	for _, id := range []string{"k", "x/gw", "not known"} {
		chain, gap := d.Chain(id, time.Now())
		equal(t, "chain of "+id, chain, []string{"wang", "chief"})
		equal(t, "gap at "+id, gap, false)
	}
	_, repeat := d.Times("k")
	equal(t, "repeat", repeat, time.Hour)
	equal(t, "place", d.PlaceName("k"), site.Text{Zh: "17号楼 厨房", En: "Building 17 kitchen"})
	equal(t, "gateway", d.PlaceName("x/gw").Zh, "网关")
	equal(t, "unknown place", d.PlaceName("a/b/c").En, "a/b/c")
	c, ok := d.Contact("wang")
	if !ok || c.Phone != "1" || len(c.Channels) != 1 {
		t.Errorf("contact %+v, %v", c, ok)
	}
	if _, ok := d.Contact("nobody"); ok {
		t.Error("knows nobody")
	}
}
