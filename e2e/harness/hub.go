package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// Hub is a `weishao hub` process with its folder and addresses; both stay the
// same over restarts.
type Hub struct {
	*Process
	Dir, Config string
	HTTP, MQTT  string // host:port
	API         API
	env         []string
	bin         string
}

// NewHub writes a configuration into a folder of the test's own and starts the
// hub. more is YAML that is added to the configuration; the hub's `http` is set, and
// its `mqtt` if more does not begin with `broker`. It returns when the hub is ready and has an operator's token.
func NewHub(t testing.TB, more string, env ...string) *Hub {
	t.Helper()
	h := &Hub{Dir: t.TempDir(), HTTP: FreeAddr(t), MQTT: FreeAddr(t), env: env, bin: filepath.Join(Programs(t), "weishao")}
	text := fmt.Sprintf("data: data\nhttp: {addr: %q}\n", h.HTTP)
	if !strings.HasPrefix(more, "broker:") { // another broker stands in its place
		text += fmt.Sprintf("mqtt: {addr: %q}\n", h.MQTT)
	}
	h.API.URL = "http://" + h.HTTP
	h.begin(t, text+more)
	return h
}

// begin starts the hub with its first configuration, and makes an operator.
func (h *Hub) begin(t testing.TB, text string) {
	t.Helper()
	h.Config = WriteFile(t, h.Dir, "hub.yaml", text)
	h.Restart(t)
	Run(t, h.bin, "sign-in", "--config", h.Config, "--user", "op", "--role", "operator")
	h.API.Token = strings.TrimSpace(Run(t, h.bin, "token", "--config", h.Config, "--user", "op"))
}

// Restart starts the hub (again) and returns when it is ready.
func (h *Hub) Restart(t testing.TB) {
	t.Helper()
	h.Process = Start(t, h.env, h.bin, "hub", "--config", h.Config)
	Eventually(t, "hub ready", func() error {
		if h.Ended() {
			t.Fatalf("the hub ended:\n%s", h.Output())
		}
		resp, err := h.API.client().Get(h.API.URL + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("readyz: %s", resp.Status)
		}
		return nil
	})
}

// LogDir is where its log is, for package eventlog once the hub is stopped.
func (h *Hub) LogDir() string { return filepath.Join(h.Dir, "data", "log") }

// Credentials are what gateway-enrol prints.
type Credentials struct{ Group, Node, Username, Password string }

// Enrol makes credentials for a gateway.
func (h *Hub) Enrol(t testing.TB, group, node string) Credentials {
	t.Helper()
	var c Credentials
	out := Run(t, h.bin, "gateway-enrol", "--config", h.Config, "--group", group, "--node", node)
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatalf("gateway-enrol printed %q: %v", out, err)
	}
	return c
}

// Metric reads one sample of /metrics; labels as printed there, in the order of
// the exposition format. A series that is not there is 0.
func (h *Hub) Metric(t testing.TB, series string) float64 {
	t.Helper()
	var text string
	if err := h.API.Get("/metrics", &text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return 0
}
