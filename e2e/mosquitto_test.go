package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// One setting puts Mosquitto in the place of the hub's own broker: with our templates
// of access rules, passwords and TLS, a leak gets from a gateway to an incident.
func TestMosquittoInPlaceOfTheEmbeddedBroker(t *testing.T) {
	t.Parallel()
	ca := harness.NewCA(t)
	m := harness.NewTLSMosquitto(t, ca, credentials)
	h := harness.NewHub(t, m.HubYAML(t))
	gw := harness.NewGateway(t, credentials, m.Addr, kitchens(1, map[int]int{0: 0}), "")
	gw.UseTLS(t, ca)
	gw.Restart(t)
	harness.Eventually(t, "the leak is an incident", func() error { return oneIncidentEach(h, map[int]int{0: 0}) })
	harness.Eventually(t, "the hub's acknowledgement gets back to the gateway", func() error {
		if n, err := gw.Metric("outbox_pending_readings"); err != nil || n > 50 { // a few are always on their way
			return fmt.Errorf("%v readings are not acknowledged, %v", n, err)
		}
		return nil
	})
	gw.Stop(t)
	harness.Eventually(t, "the gateway's goodbye", func() error {
		n, err := h.API.Node("g/n")
		if err == nil && n.Online {
			err = fmt.Errorf("%+v", n)
		}
		return err
	})
	if conn, err := http.Get("http://" + h.MQTT); err == nil {
		conn.Body.Close()
		t.Error("the hub's own broker listens too")
	}
}

// Mosquitto lets neither hub nor gateway in with a wrong password, and both say so.
func TestMosquittoAsksForPasswords(t *testing.T) {
	t.Parallel()
	m := harness.NewMosquitto(t, credentials)
	wrong := credentials
	wrong.Password = "a wrong one"
	gw := harness.NewGateway(t, wrong, m.Addr, quietKitchen, "")
	gw.Restart(t)
	dir := t.TempDir()
	addr := harness.FreeAddr(t)
	config := harness.WriteFile(t, dir, "hub.yaml", fmt.Sprintf("http: {addr: %q}\nbroker: {url: \"tcp://%s\", username: weishao-hub, password_file: %s}\n",
		addr, m.Addr, harness.WriteFile(t, dir, "password", "a wrong one\n")))
	hub := harness.Start(t, nil, filepath.Join(harness.Programs(t), "weishao"), "hub", "--config", config)
	refusal := func(p *harness.Process) func() error {
		return func() error {
			if out := strings.ToLower(p.Output()); !strings.Contains(out, "not authorized") && !strings.Contains(out, "bad user name or password") {
				return fmt.Errorf("it says %s", out)
			}
			return nil
		}
	}
	harness.Eventually(t, "the gateway is refused", refusal(gw.Process))
	harness.Eventually(t, "the hub is refused", refusal(hub))
	harness.Eventually(t, "the hub's pages say so", func() error { // they open after the broker is tried
		resp, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "no connection to the broker at tcp://"+m.Addr) {
			return fmt.Errorf("%s: %s, %v", resp.Status, text, err)
		}
		return nil
	})
	gw.Stop(t)
	hub.Stop(t)
}
