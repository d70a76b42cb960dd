package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/internal/conf"
)

// rig is a gateway, a hub and the link between them, in trouble.
type rig struct {
	t    *testing.T
	rng  *rand.Rand
	hub  *harness.Hub
	gw   *harness.Gateway
	link *harness.Link
	env  []string // of both

	credentials harness.Credentials
	slow        int // kilobytes a second that the link lets through at its best; 0: all

	gatewayKills, hubKills, troubles int
}

// credentials are those of the crash tests' gateway where no hub makes them.
var credentials = harness.Credentials{Group: "g", Node: "n", Username: "g/n", Password: "a password of the test's own"}

// seeded logs the seed; WEISHAO_SEED repeats a run's choices, though not its timing.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("WEISHAO_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatalf("WEISHAO_SEED: %v", err)
		}
	}
	t.Logf("WEISHAO_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// soak is how long a crash test goes on at least: nothing, or its share of
// WEISHAO_SOAK.
func soak(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("WEISHAO_SOAK")
	if text == "" {
		return 0
	}
	d, err := conf.ParseDuration(text)
	if err != nil {
		t.Fatalf("WEISHAO_SOAK: %v", err)
	}
	return d / 2 // there are two of them
}

// newRig starts a hub with its own broker, or with Mosquitto, and a gateway of these
// devices behind a link.
func newRig(t *testing.T, devices string, mosquitto bool, fault string) *rig {
	t.Helper()
	env := []string{"WEISHAO_OUTBOX_KEEP=1", "WEISHAO_FAULT=" + fault}
	r := &rig{t: t, rng: seeded(t), env: env}
	c, broker := credentials, ""
	if mosquitto {
		m := harness.NewMosquitto(t, c)
		r.hub, broker = harness.NewHub(t, m.HubYAML(t), env...), m.Addr
	} else {
		r.hub = harness.NewHub(t, "", env...)
		c, broker = r.hub.Enrol(t, c.Group, c.Node), r.hub.MQTT
	}
	r.credentials, r.link = c, harness.NewLink(t, broker)
	r.gw = harness.NewGateway(t, c, r.link.Addr, devices, "", env...)
	configureRest(t, r.gw, c, r.link.Addr)
	r.gw.Restart(t)
	return r
}

// configureRest gives a gateway its rest.yaml. By that it measures a single reading, at
// its start, and does not report itself: so it can send all it has.
func configureRest(t *testing.T, gw *harness.Gateway, c harness.Credentials, broker string) {
	t.Helper()
	gw.Configure(t, "rest.yaml", c, broker,
		"  - {id: rest, kind: simulated, interval: 24h, placement: kitchen_gas, simulate: {gas: {}}}\n", "supervision: {interval: 0s}")
}

// pause waits for a random time: the moments of a crash test are arbitrary.
func (r *rig) pause(most time.Duration) {
	select {
	case <-time.After(time.Duration(r.rng.Int64N(int64(most)))):
	case <-r.t.Context().Done():
	}
}

// disturb kills gateway and hub so many times each, and until a time, in random
// order, and troubles the link meanwhile.
func (r *rig) disturb(kills int, until time.Time) {
	gateway, hub := kills, kills
	for gateway > 0 || hub > 0 || time.Now().Before(until) {
		r.pause(1500 * time.Millisecond)
		switch n := r.rng.IntN(5); {
		case n < 2 && (gateway > 0 || hub <= 0):
			r.killGateway()
			gateway--
		case n < 4 && (hub > 0 || gateway <= 0):
			r.killHub()
			hub--
		case n == 4:
			r.trouble()
		}
	}
}

func (r *rig) killGateway() {
	r.gw.Crash()
	r.gatewayKills++
	r.gw.Restart(r.t)
}

// killHub kills the hub, mostly when it had been ready for a moment, else maybe while
// it was still reading what the kill before had left.
func (r *rig) killHub() {
	if r.rng.IntN(4) > 0 {
		r.hubReady()
		r.pause(700 * time.Millisecond)
	}
	r.hub.Crash()
	r.hubKills++
	r.hub.Process = harness.Start(r.t, r.env, filepath.Join(harness.Programs(r.t), "weishao"), "hub", "--config", r.hub.Config)
}

func (r *rig) hubReady() {
	harness.Eventually(r.t, "hub ready", func() error {
		if r.hub.Ended() {
			r.t.Fatalf("the hub ended:\n%s", r.hub.Output())
		}
		resp, err := http.Get(r.hub.API.URL + "/readyz")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// trouble cuts the link, swallows what goes over it or slows it, maybe with a crash
// meanwhile, and mends it.
func (r *rig) trouble() {
	switch r.rng.IntN(3) {
	case 0:
		r.link.Cut()
	case 1:
		r.link.Swallow(r.t)
	case 2:
		r.link.Slow(r.t, 20)
	}
	r.troubles++
	r.pause(1500 * time.Millisecond)
	if r.rng.IntN(3) == 0 {
		r.killGateway()
	}
	r.mend()
}

// mend makes the link as good as it is.
func (r *rig) mend() {
	r.link.Mend(r.t)
	if r.slow > 0 {
		r.link.Slow(r.t, r.slow)
	}
}

// settle ends the trouble and lets everything arrive: the gateway is stopped, and
// one with a single slow device carries what is left in its outbox.
func (r *rig) settle() {
	r.t.Helper()
	r.link.Mend(r.t)
	r.hubReady()
	harness.Eventually(r.t, "gateway runs", r.gw.Running)
	r.gw.Stop(r.t)
	r.rest()
}

// rest runs the gateway with next to no devices until the hub has all, the reading that
// it measures meanwhile too.
func (r *rig) rest() {
	r.t.Helper()
	full := r.gw.Config
	r.gw.Config = filepath.Join(r.gw.Dir, "rest.yaml")
	r.gw.Restart(r.t)
	harness.Eventually(r.t, "the gateway's only reading is on its card", func() error { return r.gauge("outbox_commits_total", 1) })
	harness.Eventually(r.t, "the gateway hands over all it has", r.gw.Drained)
	r.gw.Stop(r.t)
	r.gw.Config = full
}

// history stops the hub and compares its log with the gateway's card.
func (r *rig) history(outboxes ...string) *history {
	r.t.Helper()
	r.hub.Stop(r.t)
	h, err := readHistory(r.t.Context(), r.hub.LogDir(), append(outboxes, r.gw.Outbox())...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Logf("%d kills of the gateway, %d of the hub, %d troubles of the link: %d readings written, %d of them urgent; %d in the log, %d of them from memory",
		r.gatewayKills, r.hubKills, r.troubles, len(h.written), h.alarms, len(h.logged), h.volatile)
	return h
}

// gap is one of /api/v1/gaps.
type gap struct {
	Gateway, Epoch, Run, State, Reason, Since string
	From, To                                  uint64
}

// noGaps answers nil when the hub knows of nothing that is pending or lost.
func noGaps(h *harness.Hub) error {
	var gaps struct{ Items []gap }
	if err := h.API.Get("/api/v1/gaps", &gaps); err != nil {
		return err
	}
	if len(gaps.Items) > 0 {
		return fmt.Errorf("%d gaps, such as %+v", len(gaps.Items), gaps.Items[0])
	}
	return nil
}

// kitchens are devices that measure gas ten times a second. Some of them, by number,
// have a leak, from a number of seconds after now on, for ever.
func kitchens(n int, leaks map[int]int) string {
	var b strings.Builder
	now := time.Now().UTC().Format(time.RFC3339)
	for i := range n {
		gas := "{}"
		if after, ok := leaks[i]; ok {
			gas = fmt.Sprintf("{volume: 8, leak: 60, air_changes: 60, after: %ds}", after)
		}
		fmt.Fprintf(&b, "  - {id: %s, kind: simulated, interval: 100ms, placement: kitchen_gas, simulate: {start: %s, gas: %s}}\n", kitchen(i), now, gas)
	}
	return b.String()
}

func kitchen(i int) string { return fmt.Sprintf("kitchen-%02d", i) }
