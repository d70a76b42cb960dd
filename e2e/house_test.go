package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// house is a hub with a gas leak in it, three people and a gateway, and all secrets
// that were ever made for them.
type house struct {
	*harness.Hub
	t        *testing.T
	gateway  *harness.Peer
	incident string
	tokens   map[string]string // by role
	secrets  []string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{Hub: harness.NewHub(t, ""), t: t, tokens: map[string]string{}}
	h.tokens["operator"] = h.secret(h.API.Token)
	for _, role := range []string{"warden", "officer"} {
		h.signIn(role, role)
		h.tokens[role] = h.secret(h.run("token", "--user", role))
	}
	h.gateway = harness.NewPeer(t, h.Enrol(t, "g", "n"), "tcp://"+h.MQTT, true)
	h.secret(h.gateway.Password)
	h.gateway.Connect(t)
	h.gateway.Birth(t, device)
	now := h.gateway.Now()
	for i := range int64(4) {
		h.gateway.Tell(t, device, "gas.ch4", now-5000+1000*i, 50)
	}
	harness.Eventually(t, "the leak is an incident", func() error {
		list, err := h.API.Incidents("gas_leak")
		if err == nil && len(list) != 1 {
			err = fmt.Errorf("%d incidents", len(list))
		}
		if err == nil {
			h.incident = list[0].ID
		}
		return err
	})
	return h
}

// secret remembers one, to look for it where it must not be.
func (h *house) secret(s string) string {
	if s == "" {
		h.t.Fatal("a secret is empty")
	}
	h.secrets = append(h.secrets, s)
	return s
}

// run runs a command of weishao beside the hub.
func (h *house) run(command string, args ...string) string {
	h.t.Helper()
	program := filepath.Join(harness.Programs(h.t), "weishao")
	return strings.TrimSpace(harness.Run(h.t, program, append([]string{command, "--config", h.Config}, args...)...))
}

// signIn gets a link, and answers the code in it.
func (h *house) signIn(user, role string) string {
	h.t.Helper()
	u, err := url.Parse(h.run("sign-in", "--user", user, "--role", role))
	if err != nil {
		h.t.Fatal(err)
	}
	return h.secret(u.Query().Get("code"))
}

// ask makes a request and follows no redirect. Headers come as name, value.
func (h *house) ask(method, path, body string, headers ...string) (*http.Response, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.API.URL+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return resp, ""
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, string(text)
}

func (h *house) as(role string) []string {
	return []string{"Authorization", "Bearer " + h.tokens[role]}
}

// session redeems a code and answers the cookie.
func (h *house) session(code string) *http.Cookie {
	h.t.Helper()
	resp, _ := h.ask("POST", "/sign-in", "code="+url.QueryEscape(code), "Content-Type", "application/x-www-form-urlencoded")
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		h.t.Fatalf("sign-in: %s, cookies %v", resp.Status, resp.Cookies())
	}
	c := resp.Cookies()[0]
	h.secret(c.Value)
	return c
}

// state is all that is known of the incident.
func (h *house) state() string {
	h.t.Helper()
	resp, text := h.ask("GET", "/api/v1/incidents/"+h.incident, "", h.as("operator")...)
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("the incident: %s", resp.Status)
	}
	return text
}

// entry is one of the hub's surface.
type entry struct{ kind, method, path string }

// surface is what can be asked of a hub, from the table in its source, so that a new
// page is tried too.
func (h *house) surface() (list []entry) {
	h.t.Helper()
	source, err := os.ReadFile(filepath.Join(harness.Root(h.t), "web", "server.go"))
	if err != nil {
		h.t.Fatal(err)
	}
	names := strings.NewReplacer("{$}", "", "{id...}", "g/n/"+device, "{id}", h.incident, "{what}", "ack")
	for _, m := range regexp.MustCompile(`\{kind: (\w+), pattern: "(?:([A-Z]+) )?([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		method, path := m[2], names.Replace(m[3])
		if method == "" {
			method, path = "GET", path+"nowhere"
		}
		list = append(list, entry{m[1], method, path})
	}
	if len(list) < 25 {
		h.t.Fatalf("the table of routes has %d entries: has it moved?", len(list))
	}
	return list
}
