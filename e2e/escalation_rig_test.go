package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/incidents"
)

// grid is one with a building of its own and in it one kitchen, all of its name.
type grid struct{ name, leader, roster string }

func onDuty(people ...string) string {
	var b strings.Builder
	for _, p := range people {
		fmt.Fprintf(&b, "          - {person: %s, from: \"00:00\", to: \"24:00\"}\n", p)
	}
	return b.String()
}

func shanghai(t *testing.T) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// siteOf writes a site file; it answers the hub's configuration that names it.
func siteOf(t *testing.T, people []string, grids ...grid) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("name: {zh: 北新街, en: Beixin Street}\ntimezone: Asia/Shanghai\npeople:\n")
	for _, p := range people {
		fmt.Fprintf(&b, "  - {id: %s, name: {zh: %s, en: %s}, role: warden, pages: [%s]}\n", p, p, p, p)
	}
	b.WriteString("communities:\n  - id: beixin\n    name: {zh: 北新街, en: Beixin Street}\n    grids:\n")
	for _, g := range grids {
		fmt.Fprintf(&b, `      - id: %[1]s
        name: {zh: %[1]s, en: %[1]s}
        leader: %[2]s
        duty:
          escalate_after: %[3]v
          repeat_after: %[3]v
          roster:
%[4]s        buildings:
          - id: b-%[1]s
            name: {zh: 北新街17号楼, en: 17 Beixin Street}
            dwellings:
              - id: %[1]s-301
                name: {zh: 301室, en: Flat 301}
                places:
                  - {id: %[1]s-kitchen, name: {zh: 厨房, en: Kitchen}}
`, g.name, g.leader, escalateAfter, strings.ReplaceAll(g.roster, "          - ", "            - "))
	}
	b.WriteString("devices:\n")
	for _, g := range grids {
		fmt.Fprintf(&b, "  - {id: g/n/%[1]s, place: %[1]s-kitchen, placement: kitchen_gas}\n", g.name)
	}
	return "site: " + harness.WriteFile(t, t.TempDir(), "site.yaml", b.String()) + "\n"
}

func mailChannels(m *harness.Mailpit, people []string) string {
	text := "channels:\n"
	for _, p := range people {
		text += fmt.Sprintf("  %s: {url: %q}\n", p, m.URL(p))
	}
	return text
}

// leaking is a kitchen in which gas leaks at once and for ever, and is dangerous
// after two seconds.
const leaking = "{volume: 3, leak: 100, air_changes: 60}"

// newLeaks starts a gateway with a leaking kitchen of each name.
func newLeaks(t *testing.T, hub *harness.Hub, names ...string) {
	t.Helper()
	kitchens := map[string]string{}
	for _, n := range names {
		kitchens[n] = leaking
	}
	newKitchens(t, hub, kitchens)
}

// newKitchens starts a gateway with kitchens by name, each with its gas.
func newKitchens(t *testing.T, hub *harness.Hub, kitchens map[string]string) *harness.Gateway {
	t.Helper()
	var b strings.Builder
	for n, gas := range kitchens {
		fmt.Fprintf(&b, "  - {id: %s, kind: simulated, interval: 500ms, placement: kitchen_gas, simulate: {gas: %s}}\n", n, gas)
	}
	gw := harness.NewGateway(t, hub.Enrol(t, "g", "n"), hub.MQTT, b.String(), "")
	gw.Restart(t)
	harness.Eventually(t, "gateway runs", func() error {
		if gw.Ended() {
			t.Fatalf("the gateway ended:\n%s", gw.Output())
		}
		return gw.Running()
	})
	return gw
}

// alarm waits for a kitchen's incident and answers its ID.
func alarm(t *testing.T, hub *harness.Hub, kitchen string) (id string) {
	t.Helper()
	harness.Eventually(t, "an incident in "+kitchen, func() error {
		list, err := hub.API.Incidents("gas_leak")
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(i harness.Incident) bool { return slices.Contains(i.Places, kitchen+"-kitchen") })
		if i < 0 {
			return fmt.Errorf("none among %+v", list)
		}
		id = list[i].ID
		return nil
	})
	return id
}

func incidentOf(t *testing.T, hub *harness.Hub, id string) (i incidents.Incident) {
	t.Helper()
	if err := hub.API.Get("/api/v1/incidents/"+id, &i); err != nil {
		t.Fatal(err)
	}
	return i
}

// tokenOf makes a person who may sign in, and answers an API with their token.
func tokenOf(t *testing.T, hub *harness.Hub, user, role string) harness.API {
	t.Helper()
	weishao := filepath.Join(harness.Programs(t), "weishao")
	harness.Run(t, weishao, "sign-in", "--config", hub.Config, "--user", user, "--role", role)
	token := harness.Run(t, weishao, "token", "--config", hub.Config, "--user", user)
	return harness.API{URL: hub.API.URL, Token: strings.TrimSpace(token)}
}

// acknowledge is a tap on a phone; the key is the tap's. It answers the answer.
func acknowledge(t *testing.T, api harness.API, id, key string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api.URL+"/api/v1/incidents/"+id+"/ack", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+api.Token)
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("acknowledging: %s %s %v", resp.Status, body, err)
	}
	return string(body)
}

func dutyGap(t *testing.T, hub *harness.Hub, grid string) bool {
	t.Helper()
	var list struct {
		Items []struct {
			Grid string
			Gap  bool
		}
	}
	if err := hub.API.Get("/api/v1/duty", &list); err != nil {
		t.Fatal(err)
	}
	for _, g := range list.Items {
		if g.Grid == grid {
			return g.Gap
		}
	}
	t.Fatalf("no grid %s in %+v", grid, list)
	return false
}
