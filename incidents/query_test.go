package incidents

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
)

func TestListFiltersAndPages(t *testing.T) {
	s := newStore(t, Options{})
	for n, h := range []rules.Hazard{rules.GasLeak, rules.FlyingWire, rules.Overload, rules.Fire, rules.LeakageCurrent} {
		apply(t, s, raise(string(rune('a'+n)), hazard(h), place("p"+string(rune('0'+n%2))), func(v *rules.Verdict) { v.Time = int64(n+1) * 1000 }))
	}
	if _, err := s.Resolve(t.Context(), "b", "ann", "", OutcomeDrill, ""); err != nil {
		t.Fatal(err)
	}
	ids := func(f Filter) string {
		var l []string
		for _, i := range list(t, s, f) {
			l = append(l, i.ID)
		}
		return strings.Join(l, "")
	}
	for name, c := range map[string]struct {
		f    Filter
		want string
	}{
		"all":    {Filter{}, "edcba"},
		"state":  {Filter{State: []State{StateResolved, StateVerified}}, "b"},
		"hazard": {Filter{Hazard: []rules.Hazard{rules.Fire}}, "d"},
		"place":  {Filter{Place: "p1"}, "db"},
		"from":   {Filter{From: time.UnixMilli(3000)}, "edc"},
		"to":     {Filter{To: time.UnixMilli(3000)}, "ba"},
		"both":   {Filter{Place: "p0", State: []State{StateOpen}, From: time.UnixMilli(2000)}, "ec"},
		"after":  {Filter{After: "3"}, "ba"},
	} {
		if got := ids(c.f); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	var all, after string
	for range 9 {
		items, next, err := s.List(t.Context(), Filter{Limit: 2, After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			all += i.ID
		}
		if after = next; next == "" {
			break
		}
	}
	equal(t, "page by page", all, "edcba")
	if _, _, err := s.List(t.Context(), Filter{After: "x' OR 1=1"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a made-up cursor: %v", err)
	}
	by, err := s.OpenByPlace(t.Context())
	if err != nil || len(by["p0"]) != 3 || len(by["p1"]) != 1 {
		t.Errorf("open by place: %d at p0, %d at p1, %v; want 3 and 1", len(by["p0"]), len(by["p1"]), err)
	}
}

// TestJSONShape holds the fields and forms that people script against.
func TestJSONShape(t *testing.T) {
	s := newStore(t, Options{Rules: func(name string) RuleText {
		return RuleText{Message: site.Text{Zh: "燃气泄漏", En: "Gas leak"}, Do: site.Text{Zh: "开窗", En: "Open windows"}, When: "gas.ch4 > 10 %LEL"}
	}})
	apply(t, s, raise("1"))
	body, err := json.Marshal(get(t, s, "1"))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(`id hazard severity state rule zone places devices onset opened cleared evidence outcome note acknowledged_by
		message do value metric threshold likelihood duty_gap over decided_at timeline`) {
		if _, ok := m[name]; !ok {
			t.Errorf("no field %s in %s", name, body)
		}
	}
	equal(t, "onset", m["onset"], any("1970-01-01T00:00:00.900Z"))
	equal(t, "cleared", m["cleared"], nil)
	var back Incident
	if err := json.Unmarshal(body, &back); err != nil || back.Onset != 900 || back.Cleared != 0 {
		t.Errorf("read back: %v, onset %d, cleared %d", err, back.Onset, back.Cleared)
	}
}

func TestSubscriberThatReadsTooSlowlyIsTold(t *testing.T) {
	s := newStore(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	changes := s.Subscribe(ctx)
	for n := range feedBuffer + 10 {
		apply(t, s, raise("v"+string(rune('0'+n%10))+string(rune('0'+n/10)), func(v *rules.Verdict) { v.Zone = v.ID }))
	}
	resync := 0
	for n := range feedBuffer {
		c := <-changes
		if c.Resync {
			resync++
			if n != feedBuffer-1 {
				t.Errorf("resync as change %d, want it last", n)
			}
		}
	}
	equal(t, "resync markers", resync, 1)
	apply(t, s, raise("late", func(v *rules.Verdict) { v.Zone = "late" }))
	if c := <-changes; c.Incident.ID != "late" {
		t.Errorf("after catching up: got %+v", c)
	}
	cancel()
	for range changes { // ends
	}
}

func TestReopenAndBackup(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "事件 1?.db"), filepath.Join(dir, "backup.db")
	reg := prometheus.NewRegistry()
	o := Options{Directory: newTown().directory, Registry: reg}
	s := openAt(t, path, o)
	apply(t, s, raise("1"))
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, copied} {
		s := openAt(t, p, o)
		equal(t, "position", s.Position(), uint64(1))
		equal(t, "state", get(t, s, "1").State, StateOpen)
		if _, err := reg.Gather(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDurabilitySettings(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), Options{Directory: newTown().directory})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
		var got string
		if err := s.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", pragma, got, err, want)
		}
	}
	if _, err := s.ro.Exec("DELETE FROM incidents"); err == nil {
		t.Error("a reader's connection may write")
	}
}
