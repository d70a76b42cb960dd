package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// Where the hub asks for certificates, a gateway comes in with one that has its name,
// from the right authority, and its password besides.
func TestGatewaysWithCertificates(t *testing.T) {
	t.Parallel()
	ca, gateways := harness.NewCA(t), harness.NewCA(t)
	h := harness.NewTLSHub(t, ca, fmt.Sprintf("client_ca: %q", gateways.File))

	start := func(node string, authority *harness.CA, name string) *harness.Gateway {
		g := harness.NewGateway(t, h.Enrol(t, "g", node), h.MQTT, quietKitchen, "")
		if authority != nil {
			cert, key := authority.IssueClient(t, t.TempDir(), name)
			g.UseTLS(t, ca, fmt.Sprintf("cert: %q, key: %q", cert, key))
		} else {
			g.UseTLS(t, ca)
		}
		g.Restart(t)
		return g
	}
	start("n", gateways, "g/n")
	harness.Eventually(t, "a reading of the gateway with its certificate", func() error {
		d, err := h.API.Device("g/n/kitchen")
		if _, ok := d.Last("gas.ch4"); err == nil && !ok {
			err = errors.New("it has no reading")
		}
		return err
	})

	for node, g := range map[string]*harness.Gateway{
		"none":    start("none", nil, ""),
		"another": start("another", gateways, "g/n"),
		"strange": start("strange", ca, "g/strange"), // the hub's own authority signs no gateways
	} {
		harness.Eventually(t, node+" is refused", func() error {
			if !strings.Contains(g.Output(), "no connection to the hub's broker") {
				return fmt.Errorf("it says %s", g.Output())
			}
			return nil
		})
		g.Stop(t)
		if n, err := h.API.Node("g/" + node); err == nil {
			t.Errorf("%s was heard: %+v", node, n)
		}
	}
	if n := h.Metric(t, `weishao_bad_input_total{kind="auth"}`); n < 2 {
		t.Errorf("%v refusals are counted, want 2 or more: without a certificate, and with another's", n)
	}

	// With a reload other authorities are in effect.
	text, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	both, err := os.ReadFile(gateways.File)
	if err != nil {
		t.Fatal(err)
	}
	harness.WriteFile(t, filepath.Dir(gateways.File), filepath.Base(gateways.File), string(both)+string(text))
	harness.Run(t, filepath.Join(harness.Programs(t), "weishao"), "reload", "--config", h.Config)
	start("strange", ca, "g/strange")
	harness.Eventually(t, "the gateway whose authority is known now", func() error {
		_, err := h.API.Device("g/strange/kitchen")
		return err
	})
}
