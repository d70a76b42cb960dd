package e2e

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

const quietKitchen = "  - {id: kitchen, kind: simulated, interval: 100ms, placement: kitchen_gas, simulate: {gas: {}}}\n"

// With certificates, a gateway that trusts them is heard, and one that does not, or
// that speaks in the open, is not.
func TestGatewaysOverTLS(t *testing.T) {
	t.Parallel()
	ca := harness.NewCA(t)
	h := harness.NewTLSHub(t, ca)

	// Its name has every kind of character that names may have.
	trusting := harness.NewGateway(t, h.Enrol(t, "bei.xin_1", "gw-17.a"), h.MQTT, quietKitchen, "")
	trusting.UseTLS(t, ca)
	trusting.Restart(t)
	harness.Eventually(t, "a reading over TLS", func() error {
		d, err := h.API.Device("bei.xin_1/gw-17.a/kitchen")
		if _, ok := d.Last("gas.ch4"); err == nil && !ok {
			err = errors.New("it has no reading")
		}
		return err
	})

	for name, use := range map[string]func(*harness.Gateway){
		"system": func(g *harness.Gateway) { g.UseTLS(t, nil) },
		"other":  func(g *harness.Gateway) { g.UseTLS(t, harness.NewCA(t)) },
		"open":   func(*harness.Gateway) {},
	} {
		g := harness.NewGateway(t, h.Enrol(t, "g", name), h.MQTT, quietKitchen, "")
		use(g)
		g.Restart(t)
		harness.Eventually(t, name+" says why it cannot connect", func() error {
			out := g.Output()
			if n, err := g.Metric("outbox_pending_readings"); err != nil || n < 5 {
				return fmt.Errorf("it holds %v readings, %v", n, err)
			}
			remedy := map[string]string{"open": "begin mqtt.url with ssl://"}[name]
			if !strings.Contains(out, cmp.Or(remedy, "as mqtt.ca")) {
				return fmt.Errorf("it says %s", out)
			}
			return nil
		})
		g.Stop(t) // all that it sampled is on its card, and nothing is with the hub
		if n, err := h.API.Node("g/" + name); err == nil {
			t.Errorf("%s was heard: %+v", name, n)
		}
	}
}

// The pages are https alone, their cookies never go over http, and links say so.
func TestPagesOverTLS(t *testing.T) {
	t.Parallel()
	ca := harness.NewCA(t)
	h := harness.NewTLSHub(t, ca)
	link := harness.Run(t, filepath.Join(harness.Programs(t), "weishao"), "sign-in", "--config", h.Config, "--user", "op", "--role", "operator")
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil || u.Scheme != "https" || u.Host != h.HTTP {
		t.Errorf("the sign-in link is %s", link)
	}
	client := *h.API.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.PostForm(h.API.URL+"/sign-in", url.Values{"code": {u.Query().Get("code")}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if c := resp.Cookies(); len(c) != 1 || !c[0].Secure || !c[0].HttpOnly {
		t.Errorf("the session's cookie over TLS: %v", c)
	}
	if resp.Header.Get("Strict-Transport-Security") == "" {
		t.Error("a browser is not told to stay with https")
	}
	if resp, err := http.Get("http://" + h.HTTP + "/healthz"); err == nil {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("without TLS: %s %s", resp.Status, body)
		}
	}
	for name, config := range map[string]*tls.Config{
		"who trusts the system's authorities only": {},
		"who speaks TLS 1.1":                       {RootCAs: ca.Config().RootCAs, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	} {
		if c, err := tls.Dial("tcp", h.HTTP, config); err == nil {
			c.Close()
			t.Errorf("%s gets a connection", name)
		}
	}
}
