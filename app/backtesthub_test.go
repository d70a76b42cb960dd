package app

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const (
	hubSite = `
name: {zh: 北新, en: Beixin}
people:
  - {id: wang, name: {zh: 王秀兰, en: Wang}, role: warden, pages: [mail]}
communities:
  - id: c
    grids:
      - id: g
        duty: {roster: [{person: wang, from: "00:00", to: "24:00"}]}
        buildings:
          - id: b
            places: [{id: one, zone: one}, {id: two, zone: two}]
zones: [{id: one}, {id: two}]
devices:
  - {id: g/n/one, place: one, placement: kitchen_gas, interval: 1h}
  - {id: g/n/two, place: two, placement: kitchen_gas, interval: 1h}
`
	hubRule = `
rules:
  - name: gas
    hazard: gas_leak
    severity: critical
    when: gas.ch4 > %s %%LEL
    clear: gas.ch4 < 5 %%LEL
    message: {zh: 燃气, en: Gas}
`
)

// Rules are tried over what a hub has in its log, whether it runs or not: with the
// hub's own they say again what it said, and what people found is counted.
func TestBacktestOverHub(t *testing.T) {
	cfg := config(t, "site: site.yaml\nrules: [rules.yaml]\nchannels: {mail: {url: \"generic+http://127.0.0.1:9/\"}}\n")
	dir := filepath.Dir(cfg.Site.V)
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("site.yaml", hubSite)
	write("rules.yaml", fmt.Sprintf(hubRule, "10"))
	stricter := write("stricter.yaml", fmt.Sprintf(hubRule, "30"))
	h, stop := running(t, cfg)
	ready(t, h)
	now := time.Now().UnixMilli()
	for _, gas := range [][2]float64{{1, 1}, {12, 40}, {2, 2}} { // at one: a burst; at two: a leak
		var entries []record.Entry
		for i, id := range []string{"g/n/one", "g/n/two"} {
			entries = append(entries, &record.Readings{Device: id, Points: []telemetry.Point{{Metric: "gas.ch4", Time: now, Value: gas[i]}}})
		}
		if err := h.ingest.Announce(t.Context(), entries...); err != nil {
			t.Fatal(err)
		}
		now++
	}
	for place, outcome := range map[string]incidents.Outcome{"one": incidents.OutcomeFalseAlarm, "two": incidents.OutcomeReal} {
		if _, err := h.incidents.Resolve(t.Context(), opened(t, h, place), "wang", "", outcome, ""); err != nil {
			t.Fatal(err)
		}
	}
	try := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := Main(t.Context(), append([]string{"rules", "backtest", "--data", cfg.Data}, args...), &out, &errs); code != 0 || errs.Len() > 0 {
			t.Errorf("%v: exit code %d: %s", args, code, &errs)
		}
		return out.String()
	}
	same := func(state string) {
		t.Helper()
		says(t, state, try(), `raise   gas_leak .* g/n/one  gas  gas.ch4 = 12`, `person   wang +2\n`, `real, found of 1 +1\n`, `false_alarm, raised of 1 +1\n`, `6 readings of 2 devices .*: raised gas_leak 2\n$`)
		says(t, state, try("--rules", stricter, "--against", "hub"), `gone .* g/n/one`, `person   wang +2 +1\n`, `real, found of 1 +1 +1\n`, `false_alarm, raised of 1 +1 +0\n`, `: 0 new, 1 gone, 0 earlier, 0 later, 1 the same\n$`)
		says(t, state, try("--json"), `"event":"pages","by":"person","name":"wang","pages":2`, `"event":"label","incident":"[^"]+","outcome":"real","hazard":"gas_leak","severity":"critical","place":"two","rule":"gas","opened":"(\S+)","raised":"`)
	}
	same("running")
	stop()
	same("stopped")
	if err := os.Remove(filepath.Join(cfg.Data, rulesState)); err != nil {
		t.Fatal(err)
	}
	same("without its state, as after an update")
}

// opened waits for the incident at a place.
func opened(t *testing.T, h *Hub, place string) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		list, _, err := h.incidents.List(t.Context(), incidents.Filter{Place: place})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 {
			return list[0].ID
		}
		select {
		case <-deadline:
			t.Fatalf("%d incidents at %s", len(list), place)
		case <-tick.C:
		}
	}
}

func says(t *testing.T, state, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("%s: no %s in\n%s", state, p, strings.TrimSpace(text))
		}
	}
}

// A hub that stops does not wait for whoever reads its log, and the reader knows that
// this was not all.
func TestLogStreamEndsWithTheHub(t *testing.T) {
	h, _ := running(t, config(t, ""))
	ready(t, h)
	stopping, stop := context.WithCancel(t.Context())
	door := logDoor{log: h.events, stopping: stopping}
	time.AfterFunc(100*time.Millisecond, stop)
	w := httptest.NewRecorder()
	door.send(w, httptest.NewRequest("POST", "/log", strings.NewReader(fmt.Sprintf(`{"from":1,"to":%d}`, h.events.Last()+1_000_000))))
	in := logStream{in: bufio.NewReader(w.Body)}
	var err error
	for err == nil {
		_, err = in.next()
	}
	if !strings.Contains(err.Error(), "the hub broke off") {
		t.Errorf("the reader ends with %v", err)
	}
	w = httptest.NewRecorder()
	door.stopping = t.Context()
	door.send(w, httptest.NewRequest("POST", "/log", strings.NewReader(`{"from":1,"to":1}`)))
	in = logStream{in: bufio.NewReader(w.Body)}
	rec, err := in.next()
	if err != nil || rec.Seq != 1 {
		t.Fatalf("got %v, %v", rec, err)
	}
	if _, err := in.next(); err != io.EOF {
		t.Errorf("after the last record: %v", err)
	}
}
