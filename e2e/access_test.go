package e2e

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every page and every path of the API asks who is there, and takes neither a wrong
// answer nor a secret that was made for another door.
func TestNobodyIsInByDefault(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	code := h.signIn("warden", "warden")
	before := h.state()
	for _, e := range h.surface() {
		if e.kind == "open" {
			continue
		}
		for who, headers := range map[string][]string{
			"nobody":                  nil,
			"a wrong token":           {"Authorization", "Bearer ws_" + strings.Repeat("A", 43)},
			"a gateway's password":    {"Authorization", "Bearer " + h.gateway.Password},
			"a sign-in code as token": {"Authorization", "Bearer " + code},
			"a token as a session":    {"Cookie", "weishao_session=" + h.tokens["operator"]},
			"admin with a password":   {"Authorization", "Basic YWRtaW46YWRtaW4="},
		} {
			resp, _ := h.ask(e.method, e.path, "", headers...)
			toSignIn := resp.StatusCode == http.StatusSeeOther && resp.Header.Get("Location") == "/sign-in"
			if e.kind == "api" && resp.StatusCode != http.StatusUnauthorized || e.kind == "page" && !toSignIn {
				t.Errorf("%s %s as %s: %s %s", e.method, e.path, who, resp.Status, resp.Header.Get("Location"))
			}
		}
		for _, method := range []string{"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if resp, _ := h.ask(method, e.path, ""); resp.StatusCode < 300 {
				t.Errorf("%s %s as nobody: %s", method, e.path, resp.Status)
			}
		}
	}
	if h.state() != before {
		t.Errorf("nobody changed the incident from\n%s to\n%s", before, h.state())
	}
}

// Looking changes nothing: not an incident, and not even a sign-in link, which chat
// programs look at before people do.
func TestGetChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	code, before := h.signIn("warden", "warden"), h.state()
	for _, e := range h.surface() {
		for _, role := range []string{"warden", "officer", "operator"} {
			resp, _ := h.ask("GET", e.path, "", h.as(role)...)
			if resp.StatusCode >= 500 {
				t.Errorf("GET %s: %s", e.path, resp.Status)
			}
		}
	}
	for range 3 {
		h.ask("GET", "/sign-in?code="+code, "")
	}
	if h.state() != before {
		t.Errorf("GET changed the incident from\n%s to\n%s", before, h.state())
	}
	h.session(code)
}

// A page of another site cannot act with the session of who looks at it.
func TestAnotherSitesPageCannotAct(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	cookie := h.session(h.signIn("warden", "warden"))
	before := h.state()
	for _, path := range []string{"/api/v1/incidents/" + h.incident + "/ack", "/incidents/" + h.incident + "/ack", "/sign-out"} {
		for _, from := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://elsewhere.example"}, {"Origin", "null"},
		} {
			resp, _ := h.ask("POST", path, "", append(from, "Cookie", cookie.Name+"="+cookie.Value)...)
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s with %v: %s", path, from, resp.Status)
			}
		}
	}
	if h.state() != before {
		t.Errorf("another site's page changed the incident from\n%s to\n%s", before, h.state())
	}
	resp, _ := h.ask("POST", "/incidents/"+h.incident+"/ack", "", "Sec-Fetch-Site", "same-origin", "Origin", h.API.URL, "Cookie", cookie.Name+"="+cookie.Value)
	if resp.StatusCode != http.StatusSeeOther || !strings.Contains(h.state(), `"state":"acknowledged"`) {
		t.Errorf("the hub's own page: %s\n%s", resp.Status, h.state())
	}
}

// Each role may do what it is for and no more.
func TestRoles(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := "/api/v1/incidents/" + h.incident
	for _, step := range []struct {
		role, method, path, body string
		status                   int
	}{
		{"warden", "GET", "/", "", 200},
		{"warden", "GET", "/officer", "", 403},
		{"warden", "GET", "/officer/incidents", "", 403},
		{"warden", "GET", "/officer/devices/g/n/" + device, "", 403},
		{"officer", "GET", "/officer", "", 200},
		{"officer", "POST", id + "/ack", "{}", 403},
		{"officer", "POST", id + "/arrive", "{}", 403},
		{"officer", "POST", id + "/resolve", `{"outcome":"test"}`, 403},
		{"officer", "POST", "/incidents/" + h.incident + "/ack", "", 403},
		{"warden", "POST", id + "/ack", "{}", 200},
		{"warden", "POST", id + "/arrive", "{}", 200},
		{"warden", "POST", id + "/resolve", `{"outcome":"test","note":"tried"}`, 200},
		{"warden", "POST", id + "/verify", "{}", 403},
		{"warden", "POST", "/incidents/" + h.incident + "/verify", "", 403},
		{"officer", "POST", id + "/verify", "{}", 200},
	} {
		resp, text := h.ask(step.method, step.path, step.body, h.as(step.role)...)
		if resp.StatusCode != step.status {
			t.Errorf("%s: %s %s: %s, want %d\n%s", step.role, step.method, step.path, resp.Status, step.status, text)
		}
	}
}

// A link signs in once; what lets people and gateways in is told once, is kept as a
// hash, stands in no log, and lies in files that are their owner's alone.
func TestSecretsAreToldOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	code := h.signIn("warden", "warden")
	cookie := h.session(code)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("the session's cookie: %+v", cookie)
	}
	in := []string{"Cookie", cookie.Name + "=" + cookie.Value}
	if resp, _ := h.ask("GET", "/", "", in...); resp.StatusCode != http.StatusOK {
		t.Errorf("signed in: %s", resp.Status)
	}
	if resp, _ := h.ask("POST", "/sign-in", "code="+code, "Content-Type", "application/x-www-form-urlencoded"); resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 {
		t.Errorf("the link a second time: %s, cookies %v", resp.Status, resp.Cookies())
	}
	h.ask("POST", "/sign-out", "", in...)
	if resp, _ := h.ask("GET", "/", "", in...); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("signed out: %s", resp.Status)
	}
	if again := h.secret(h.run("token", "--user", "warden")); again == h.tokens["warden"] {
		t.Error("a token was told twice")
	}
	old := h.gateway.Options()
	h.gateway.Credentials = h.Enrol(t, "g", "n")
	h.secret(h.gateway.Password)
	if err := connect(old); err == nil {
		t.Error("the gateway's password of before still lets in")
	}
	h.stopped()
	h.noSecrets()
	h.filesAreOwn()
}

// stopped stops the hub, so that all it wrote is on disk, having looked through what
// it printed.
func (h *house) stopped() {
	h.t.Helper()
	h.Stop(h.t)
	for _, s := range h.secrets {
		if strings.Contains(h.Output(), s) {
			h.t.Errorf("the hub printed the secret %s:\n%s", s, h.Output())
		}
	}
}

func (h *house) noSecrets() {
	h.t.Helper()
	h.files(func(path string, info fs.FileInfo) {
		if !info.Mode().IsRegular() {
			return
		}
		data, err := os.ReadFile(path)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, s := range h.secrets {
			if bytes.Contains(data, []byte(s)) {
				h.t.Errorf("%s holds the secret %s", path, s)
			}
		}
	})
}

func (h *house) filesAreOwn() {
	h.t.Helper()
	h.files(func(path string, info fs.FileInfo) {
		if info.Mode().Perm()&0o077 != 0 {
			h.t.Errorf("%s is %s: others may read it", path, info.Mode())
		}
	})
}

func (h *house) files(f func(string, fs.FileInfo)) {
	h.t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(h.Dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		n++
		f(path, info)
		return err
	})
	if err != nil || n < 10 {
		h.t.Fatalf("%d files, %v", n, err)
	}
}
