package app

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/site"
)

// A clock that ran ahead goes on where it ended; one that did not is the wall's.
func TestDemoClockNeverGoesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo.clock")
	c, err := openDemoClock(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if c.ahead || time.Since(c.Now()).Abs() > time.Minute {
		t.Errorf("a new clock shows %v, ahead %v", c.Now(), c.ahead)
	}
	later := time.Now().Add(48 * time.Hour).Truncate(time.Millisecond)
	if err := c.keep(later); err != nil {
		t.Fatal(err)
	}
	again, err := openDemoClock(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Now(); got.Before(later) || got.Sub(later) > time.Minute || !again.ahead {
		t.Errorf("the clock shows %v, want %v or a little more; ahead %v", got, later, again.ahead)
	}
	past := strconv.FormatInt(time.Now().Add(-time.Hour).UnixMilli(), 10)
	if err := os.WriteFile(path, []byte(past), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := openDemoClock(path, 60); err != nil || time.Since(c.Now()).Abs() > time.Minute || c.Speed() != 60 {
		t.Errorf("after an hour's pause the clock shows %v at speed %g (%v)", c.Now(), c.Speed(), err)
	}
}

// The desk prints what is signed and refuses what is not, as a receiver should.
func TestPageDeskChecksSignatures(t *testing.T) {
	var out strings.Builder
	desk, err := openPageDesk(t.TempDir(), newTeller(&out), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer desk.close()
	secret, err := os.ReadFile(desk.file)
	if err != nil {
		t.Fatal(err)
	}
	m := notify.Message{ID: "1", Title: site.Text{Zh: "燃气", En: "Gas"}, Person: notify.Person{Name: site.Text{Zh: "王", En: "Wang"}}, Round: 1}
	for _, tt := range []struct {
		secret string
		ok     bool
	}{{strings.TrimSpace(string(secret)), true}, {"another", false}} {
		ch, err := notify.New(notify.Config{Name: "terminal", URL: desk.url, Secret: tt.secret})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ch.Send(t.Context(), m); (err == nil) != tt.ok {
			t.Errorf("signed with %q: %v", tt.secret, err)
		}
	}
	if got := out.String(); strings.Count(got, "page to Wang: Gas") != 1 {
		t.Errorf("printed %q", got)
	}
	w := httptest.NewRecorder()
	desk.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/page", strings.NewReader("{}")))
	if w.Code != http.StatusForbidden {
		t.Errorf("an unsigned page is answered %d", w.Code)
	}
}

// Rounds 1, 2, 4, 8 ... of a page that nobody answers are printed.
func TestTellerThinsRepeatedPages(t *testing.T) {
	var out strings.Builder
	teller := newTeller(&out)
	for round := 1; round <= 20; round++ {
		teller.page(notify.Message{Round: round, Title: site.Text{En: "Gas"}, Person: notify.Person{Name: site.Text{En: "Wang"}}})
	}
	if n := strings.Count(out.String(), "page to Wang"); n != 5 {
		t.Errorf("%d pages printed, want those of rounds 1, 2, 4, 8, 16", n)
	}
}

func TestDemoFileIsTheOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo.json")
	f := demoFile{HTTP: "http://127.0.0.1:1", MQTT: "tcp://127.0.0.1:2", Token: "t", Gateway: spareNode{"g", "n", "g/n", "p"}}
	if err := f.write(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"http", "mqtt", "token", "gateway"} {
		if got[key] == nil {
			t.Errorf("%s is missing in %s", key, b)
		}
	}
}
