package harness

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// Gateway is a `weishao-gateway` process with its folder; both stay the same over
// restarts.
type Gateway struct {
	*Process
	Dir, Config string
	metrics     string // host:port
	env         []string
}

// NewGateway writes a configuration into a folder of the test's own; Restart starts
// the gateway. broker is the address that it connects to, devices the YAML below the
// key of that name, more other keys.
func NewGateway(t testing.TB, c Credentials, broker, devices, more string, env ...string) *Gateway {
	t.Helper()
	g := &Gateway{Dir: t.TempDir(), metrics: FreeAddr(t), env: env}
	WriteFile(t, g.Dir, "password", c.Password)
	g.Config = g.Configure(t, "gateway.yaml", c, broker, devices, more)
	return g
}

// Configure writes another configuration beside the first, for the same outbox.
func (g *Gateway) Configure(t testing.TB, name string, c Credentials, broker, devices, more string) string {
	t.Helper()
	text := fmt.Sprintf("group: %s\nnode: %s\nmqtt: {url: \"tcp://%s\", username: %q, password_file: password}\nmetrics: %s\n%s\ndevices:\n%s",
		c.Group, c.Node, broker, c.Username, g.metrics, more, devices)
	return WriteFile(t, g.Dir, name, text)
}

// Restart starts the gateway (again). It does not wait for anything.
func (g *Gateway) Restart(t testing.TB) {
	t.Helper()
	g.Process = Start(t, g.env, filepath.Join(Programs(t), "weishao-gateway"), "--config", g.Config)
}

// Outbox is the folder of its outbox.
func (g *Gateway) Outbox() string { return filepath.Join(g.Dir, "outbox") }

// Metric reads one value of the gateway's own metrics, without their common prefix
// "weishao_gateway_".
func (g *Gateway) Metric(name string) (float64, error) {
	resp, err := http.Get("http://" + g.metrics + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "weishao_gateway_"+name+" "); ok {
			var v float64
			_, err := fmt.Sscan(rest, &v)
			return v, err
		}
	}
	return 0, fmt.Errorf("the gateway has no metric %s", name)
}

// Running answers nil when the gateway answers: from then on it can be stopped.
func (g *Gateway) Running() error {
	_, err := g.Metric("devices")
	return err
}

// Drained answers nil when the hub has all that the gateway holds.
func (g *Gateway) Drained() error {
	if g.Ended() {
		return fmt.Errorf("the gateway has ended:\n%s", g.out.tail(2000))
	}
	n, err := g.Metric("outbox_pending_readings")
	if err == nil && n > 0 {
		err = fmt.Errorf("%.0f readings are not acknowledged", n)
	}
	return err
}
