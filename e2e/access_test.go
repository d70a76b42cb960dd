package e2e

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/telemetry/sparkplug"
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

// connect tries to connect once.
func connect(o *mqtt.ClientOptions) error {
	c := mqtt.NewClient(o)
	defer c.Disconnect(0)
	token := c.Connect()
	token.WaitTimeout(harness.Patience)
	return token.Error()
}

// A gateway comes in with its own name and password, as itself.
func TestEachGatewayIsItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := harness.NewPeer(t, h.Enrol(t, "g", "other"), "tcp://"+h.MQTT, true)
	try := func(user, password, id string) *mqtt.ClientOptions {
		return h.gateway.Options().SetUsername(user).SetPassword(password).SetClientID(id)
	}
	refused := map[string]*mqtt.ClientOptions{
		"nobody":                           try("", "", "guest"),
		"no password":                      try("g/n", "", "g/n"),
		"its name as password":             try("g/n", "g/n", "g/n"),
		"another's password":               try("g/n", other.Password, "g/n"),
		"a gateway that was never made":    try("g/never", h.gateway.Password, "g/never"),
		"all gateways at once":             try("g/*", h.gateway.Password, "all"),
		"an operator's token":              try("op", h.tokens["operator"], "op"),
		"the hub's own name":               try("hub", "hub", "hub"),
		"the name of the hub's log":        try("log", "", "log"),
		"admin":                            try("admin", "admin", "admin"),
		"another's client ID, to evict it": try("g/other", other.Password, "g/n"),
	}
	for who, o := range refused {
		if err := connect(o); err == nil {
			t.Errorf("%s is let in", who)
		}
	}
	if n := h.Metric(t, `weishao_bad_input_total{kind="auth"}`); int(n) < len(refused) {
		t.Errorf("%v refusals are counted, want %d", n, len(refused))
	}
	if !h.gateway.Client().IsConnectionOpen() {
		t.Error("a gateway was thrown out by those who claimed to be it")
	}
	cmd := exec.Command(filepath.Join(harness.Programs(t), "weishao"), "gateway-enrol", "--config", h.Config, "--group", "g", "--node", "*")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "letters, digits") {
		t.Errorf("a gateway called *: %v, %s", err, out)
	}

	other.Connect(t)
	for _, filter := range []string{"#", "spBv1.0/#", "spBv1.0/g/NCMD/n", "spBv1.0/+/DDATA/+/+", "$SYS/#"} {
		token := other.Client().Subscribe(filter, 0, nil)
		token.WaitTimeout(harness.Patience)
		if code := token.(*mqtt.SubscribeToken).Result()[filter]; code != 0x80 && token.Error() == nil {
			t.Errorf("a gateway may hear %s", filter)
		}
	}
}

// A gateway cannot leave a will that says that another one is dead.
func TestAForgedWillIsNotHeard(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := harness.NewPeer(t, h.Enrol(t, "g", "other"), "tcp://"+h.MQTT, true)
	o := other.Options().SetBinaryWill(sparkplug.NodeTopic(sparkplug.NDEATH, "g", "n"), sparkplug.AppendDeath(nil, time.Now().UnixMilli(), 0), 0, false)
	conn := &wire{}
	o.SetCustomOpenConnectionFn(conn.open)
	c := mqtt.NewClient(o)
	token := c.Connect()
	token.WaitTimeout(harness.Patience)
	if token.Error() == nil {
		conn.Close() // without a goodbye: now the will is due
		harness.Eventually(t, "the will is refused", func() error {
			if n := h.Metric(t, `weishao_bad_input_total{kind="foreign_topic"}`); n == 0 {
				return fmt.Errorf("no foreign topic is counted")
			}
			return nil
		})
	}
	h.gateway.Tell(t, device, "temperature", h.gateway.Now(), 21)
	harness.Eventually(t, "the gateway's next reading", func() error {
		d, err := h.API.Device("g/n/" + device)
		if v, _ := d.Last("temperature"); err == nil && v.Value != 21 {
			err = fmt.Errorf("%+v", d)
		}
		return err
	})
	if n, err := h.API.Node("g/n"); err != nil || !n.Online {
		t.Errorf("the gateway that was called dead: %+v, %v", n, err)
	}
}
