package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/access"
	"weishao.dev/weishao/internal/conf"
)

// config is a hub's file in a folder of its own, on free ports.
func config(t *testing.T, more string) *HubConfig {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hub.yaml")
	text := "http: {addr: \"127.0.0.1:0\"}\nmqtt: {addr: \"127.0.0.1:0\"}\n" + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadHubConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// running starts a hub; stop ends it and waits.
func running(t *testing.T, cfg *HubConfig) (h *Hub, stop func()) {
	t.Helper()
	h, err := OpenHub(t.Context(), cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return h, stop
}

// ask reads JSON from the API as an operator.
func ask(t *testing.T, h *Hub, path string, into any) {
	t.Helper()
	ctx := t.Context()
	if err := h.Access().EnsureUser(ctx, "op", access.Operator); err != nil {
		t.Fatal(err)
	}
	token, err := h.Access().NewToken(ctx, "op")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s, %v", path, resp.Status, body, err)
	}
	if s, ok := into.(*string); ok {
		*s = string(body)
	} else if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
}

// ready waits until a hub has read its log.
func ready(t *testing.T, h *Hub) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		err := h.ready()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

func TestHub(t *testing.T) {
	cfg := config(t, "")
	h, stop := running(t, cfg)
	ready(t, h)
	var text string
	ask(t, h, "/readyz", &text)
	if text != "ready\n" {
		t.Errorf("readyz says %q", text)
	}
	ask(t, h, "/metrics", &text)
	for _, name := range []string{"weishao_log_position", "weishao_rules_position", "weishao_history_position", "weishao_ingest_records_total", "weishao_incidents_open", "weishao_ready 1", "weishao_broker_connected 1", `weishao_places{state="hazard"} 0`, "process_resident_memory_bytes"} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
	if h.pack().Rule("gas-leak") == nil {
		t.Error("the shipped rules are not in effect")
	}
	if info, err := os.Stat(cfg.Data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data folder: %v, %v, want it closed to others", info.Mode(), err)
	}
	began := time.Now()
	stop()
	if took := time.Since(began); took > stopAll {
		t.Errorf("stopped after %s", took)
	}

	// Again on the same folder: the log goes on, and has nothing to announce.
	h, stop = running(t, cfg)
	ready(t, h)
	for _, rec := range entriesOf(t, h) {
		if strings.Contains(rec, "Rules") || strings.Contains(rec, "Site") {
			if !strings.HasPrefix(rec, "1 ") {
				t.Errorf("announced again: %.80s", rec)
			}
		}
	}
	stop()

	res, err := Replay(t.Context(), cfg)
	if err != nil || res.Difference != "" || res.From != 1 {
		t.Errorf("replay: %+v, %v", res, err)
	}
}

// entriesOf lists what the log holds so far: position and type.
func entriesOf(t *testing.T, h *Hub) (list []string) {
	t.Helper()
	for rec, err := range h.events.ReadTo(t.Context(), 1, h.events.Last()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range rec.Entries {
			list = append(list, fmt.Sprintf("%d %T", rec.Seq, e))
		}
	}
	return list
}

func TestSecondHubIsRefused(t *testing.T) {
	cfg := config(t, "")
	running(t, cfg)
	_, err := OpenHub(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "another hub is running on the data folder "+cfg.Data) {
		t.Errorf("got %v", err)
	}
	if _, err := Replay(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "another hub is running on the data folder") {
		t.Errorf("a replay beside it: %v", err)
	}
}

// An address that cannot be had is told with its place in the file and the
// remedy, and nothing is left behind that would stop the next start.
func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, what := range []string{"http", "mqtt"} {
		cfg := config(t, "")
		at := conf.At[string]{V: l.Addr().String(), Pos: conf.Pos{File: "hub.yaml", Line: 2, Column: 13}}
		ok := cfg.HTTP.Addr
		if what == "mqtt" {
			ok, cfg.MQTT.Addr = cfg.MQTT.Addr, at
		} else {
			cfg.HTTP.Addr = at
		}
		_, err := OpenHub(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err == nil || !strings.HasPrefix(err.Error(), "hub.yaml:2:13: ") || !strings.Contains(err.Error(), "stop it or choose another port") {
			t.Errorf("%s: got %v", what, err)
		}
		cfg.HTTP.Addr, cfg.MQTT.Addr = ok, ok
		_, stop := running(t, cfg)
		stop()
	}
}

const siteOf = "name: {zh: 北新, en: %s}\n"

// On reload a new version takes effect; with a mistake the old one stays.
func TestReload(t *testing.T) {
	cfg := config(t, "site: site.yaml\nrules: [rules.yaml]\n# site and rules stand beside this file\n")
	// The files come after the configuration was read: that it does not do itself.
	dir := filepath.Dir(cfg.Site.V)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const rule = "rules:\n  - name: %s\n    hazard: gas_leak\n    severity: critical\n    when: gas.ch4 > 10 %%LEL\n    message: {zh: 燃气, en: Gas}\n    do: {zh: 开窗, en: Open windows}\n"
	write("site.yaml", fmt.Sprintf(siteOf, "One"))
	write("rules.yaml", fmt.Sprintf(rule, "first"))
	h, _ := running(t, cfg)
	// An escalation that is due when the hub starts must not find an empty roster.
	if got := h.roster.Load().Name.En; got != "One" {
		t.Errorf("pages go by site %q before the log is read", got)
	}
	ready(t, h)
	inEffect := func(site, rule string) {
		t.Helper()
		deadline := time.After(30 * time.Second)
		for tick := time.NewTicker(5 * time.Millisecond); h.view.Site().Name.En != site || h.pack().Rule(rule) == nil; {
			select {
			case <-deadline:
				t.Fatalf("in effect is site %q, rule %s %v; want %q and %q", h.view.Site().Name.En, rule, h.pack().Rule(rule), site, rule)
			case <-tick.C:
			}
		}
	}
	inEffect("One", "first")
	before := h.events.Last()
	write("site.yaml", fmt.Sprintf(siteOf, "Two"))
	write("rules.yaml", "rules: [{name: first, whn: x}]\n")
	if _, err := h.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "rules.yaml:1:") {
		t.Errorf("reload with a mistake: %v", err)
	}
	write("rules.yaml", fmt.Sprintf(rule, "second"))
	if h.view.Site().Name.En != "One" {
		t.Error("half of a reload took effect")
	}
	if _, err := h.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.roster.Load().Name.En; got != "Two" {
		t.Errorf("after the reload pages go by site %q", got)
	}
	inEffect("Two", "second")
	if _, err := h.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	news := 0
	for _, e := range entriesOf(t, h) {
		var pos uint64
		fmt.Sscan(e, &pos)
		if pos > before && (strings.HasSuffix(e, "Site") || strings.HasSuffix(e, "Rules")) {
			news++
		}
	}
	if news != 2 {
		t.Errorf("%d versions in the log after two reloads of which one changed anything, want a site and a pack", news)
	}
}

// What the broker refuses is counted with the rest of what is bad, and stands
// with the gateway.
func TestRefusedByTheBroker(t *testing.T) {
	h, _ := running(t, config(t, ""))
	ready(t, h)
	cred, err := h.Access().EnrolGateway(t.Context(), "g", "n")
	if err != nil {
		t.Fatal(err)
	}
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(h.MQTT()).SetClientID(cred.Username).SetUsername(cred.Username).SetPassword(cred.Password))
	if tok := c.Connect(); !tok.WaitTimeout(20*time.Second) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	defer c.Disconnect(100)
	c.Publish("spBv1.0/g/NDATA/another", 0, false, "x").WaitTimeout(10 * time.Second)
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		nodes, _ := inventory{h.view, h.ingest}.Nodes(t.Context())
		if len(nodes) == 1 && nodes[0].Bad["foreign_topic"] == 1 {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("got %+v", nodes)
		case <-tick.C:
		}
	}
	var text string
	ask(t, h, "/metrics", &text)
	if !strings.Contains(text, `kind="foreign_topic"} 1`) {
		t.Error("/metrics does not count it")
	}
}
