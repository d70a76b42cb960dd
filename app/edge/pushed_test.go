package edge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/app"
	"weishao.dev/weishao/app/edge"
)

var quiet = slog.New(slog.DiscardHandler)

func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rig is a hub, and a gateway that can be started again.
type rig struct {
	hub, gateway string // configuration files
	dir          string // the gateway's
	stop         func()
}

// command runs one of the hub's commands.
func (r *rig) command(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = app.Main(t.Context(), args, &b, &b)
	return code, b.String()
}

// newRig starts both; more is YAML that the gateway's file ends with.
func newRig(t *testing.T, more string) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mqtt := l.Addr().String()
	l.Close()
	r := &rig{dir: t.TempDir()}
	r.hub = file(t, t.TempDir(), "hub.yaml", fmt.Sprintf("http: {addr: \"127.0.0.1:0\"}\nmqtt: {addr: %q}\n", mqtt))
	cfg, err := app.LoadHubConfig(r.hub)
	if err != nil {
		t.Fatal(err)
	}
	h, err := app.OpenHub(t.Context(), cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	code, out := r.command(t, "gateway-enrol", "--config", r.hub, "--group", "g", "--node", "n")
	var e app.Enrolment
	if err := json.Unmarshal([]byte(out), &e); err != nil || code != 0 {
		t.Fatal(code, out, err)
	}
	file(t, r.dir, "password", e.Password)
	r.gateway = file(t, r.dir, "gateway.yaml", fmt.Sprintf(`
group: g
node: n
mqtt: {url: %q, password_file: password}
supervision: {interval: 5s}
outbox: {commit_interval: 20ms}
devices:
  - {id: kitchen, kind: simulated, interval: 50ms, placement: kitchen_gas, simulate: {gas: {}}}
%s`, e.MQTT, more))
	r.start(t, 3*time.Second)
	return r
}

func (r *rig) start(t *testing.T, patience time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- edge.RunPatient(ctx, r.gateway, quiet, patience) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the gateway ends with %v", err)
		}
	}
	t.Cleanup(r.stop)
}

// push pushes once the gateway is there, and says what came of it.
func (r *rig) push(t *testing.T, text string) (code int, out string) {
	t.Helper()
	path := file(t, t.TempDir(), "push.yaml", text)
	limit := time.Now().Add(20 * time.Second)
	for {
		code, out = r.command(t, "gateway-push", "--config", r.hub, "--group", "g", "--node", "n", path)
		absent := strings.Contains(out, "there is no gateway") || strings.Contains(out, "is not online")
		if !absent || time.Now().After(limit) {
			return code, out
		}
		<-time.After(50 * time.Millisecond)
	}
}

func (r *rig) state(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "state", name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

const (
	two = "devices:\n  - {id: kitchen, kind: simulated, interval: 50ms, placement: kitchen_gas, simulate: {gas: {}}}\n" +
		"  - {id: stairs, kind: simulated, interval: 50ms, placement: stair_smoke, simulate: {room: {}}}\n"
	// Nothing is wrong in the file, but the sensor that measured does not any more.
	deaf = "devices:\n  - {id: kitchen, kind: sht3x, interval: 50ms, bus: /dev/i2c-99, address: 0x44}\n"
)

// What is good is kept, also over a restart; what is wrong is told with its place; and
// what makes a sensor deaf is given up for what was before.
func TestPush(t *testing.T) {
	r := newRig(t, "")
	if code, out := r.push(t, two); code != 0 || !strings.Contains(out, "is in effect on g/n") || r.state(t, "pushed.yaml") != two {
		t.Fatalf("a good one: exit code %d\n%s%s", code, out, r.state(t, "pushed.yaml"))
	}
	for text, want := range map[string]string{
		"devices:\n  - {id: kitchen, kind: simulatd}\n":                            `pushed.yaml:2:25: unknown kind "simulatd"`,
		"mqtt: {url: tcp://evil.example.org:1883}\n":                               `pushed.yaml:1:1: unknown key "mqtt"`,
		"devices: []\nsupervision: {interval: 0s}\n":                               "there are no devices",
		"rules: [nowhere]\n":                                                       "rules: lstat",
		"devices:\n  - {id: kitchen, kind: replay, file: /etc/shadow/recording}\n": "pushed.yaml:2:39: file: ",
	} {
		if code, out := r.push(t, text); code != 1 || !strings.Contains(out, want) || !strings.Contains(out, "not taken") {
			t.Errorf("%q: exit code %d\n%swant %s", text, code, out, want)
		}
	}
	if code, out := r.push(t, deaf); code != 1 || !strings.Contains(out, "kitchen measured before and does not now") {
		t.Errorf("one that makes a sensor deaf: exit code %d\n%s", code, out)
	}
	if got := r.state(t, "pushed.yaml"); got != two || r.state(t, "pushed.trial.yaml") != "" {
		t.Errorf("after it pushed.yaml has\n%s", got)
	}
	if code, out := r.push(t, two); code != 0 {
		t.Errorf("the good one again: exit code %d\n%s", code, out)
	}

	// The power fails while one is on trial: it is not begun with.
	r.stop()
	file(t, r.dir, "state/pushed.trial.yaml", deaf)
	r.start(t, 3*time.Second)
	if code, out := r.push(t, "{}"); code != 0 || r.state(t, "pushed.yaml") != "{}" {
		t.Errorf("back to its own file: exit code %d\n%s", code, out)
	}

	// One that does not fit the gateway's own file any more is left aside.
	r.stop()
	file(t, r.dir, "state/pushed.yaml", "devices: [{id: a, kind: gone}]\n")
	r.start(t, 3*time.Second)
	if code, out := r.push(t, two); code != 0 {
		t.Errorf("after one that does not fit: exit code %d\n%s", code, out)
	}
}

// A configuration with which there is nothing to send for hours is kept all the same:
// the hub has answered.
func TestPushOfWhatIsSilent(t *testing.T) {
	r := newRig(t, "")
	const silent = "supervision: {interval: 0s}\ndevices:\n" +
		"  - {id: door, kind: zigbee2mqtt, placement: ambient, topic: zigbee2mqtt/door, broker: {url: \"tcp://127.0.0.1:1\"}, fields: {smoke: {}}}\n"
	if code, out := r.push(t, silent); code != 0 || !strings.Contains(out, "is in effect on g/n") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// Only a gateway of ours that is there can be pushed to, and not while it has
// something to do.
func TestPushIsRefused(t *testing.T) {
	r := newRig(t, "actuators: [{id: horn, kind: siren, output: {gpio: {chip: /dev/gpiochip99, line: 1}}}]\n")
	r.push(t, two)
	for _, c := range []struct {
		command string
		want    int
		says    string
	}{{"trip", 1, "horn has tripped: reset it first"}, {"reset", 0, "is in effect"}} {
		var out bytes.Buffer
		if code := edge.Main(t.Context(), []string{c.command, "horn", "--config", r.gateway}, &out, &out); code != 0 {
			t.Errorf("%s: %s", c.command, &out)
		}
		if code, out := r.push(t, two); code != c.want || !strings.Contains(out, c.says) {
			t.Errorf("after %s: exit code %d\n%s", c.command, code, out)
		}
	}
	if code, out := r.command(t, "gateway-push", "--config", r.hub, "--group", "g", "--node", "other", r.gateway); code != 1 || !strings.Contains(out, `no gateway of ours called "g/other"`) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	big := file(t, t.TempDir(), "big.yaml", "# "+strings.Repeat("x", 300<<10))
	if code, out := r.command(t, "gateway-push", "--config", r.hub, "--group", "g", "--node", "n", big); code != 1 || !strings.Contains(out, "too many to push") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if code, out := r.command(t, "gateway-push", "--config", r.hub, "--group", "g", "--node", "n"); code != 2 {
		t.Errorf("no file: exit code %d\n%s", code, out)
	}
}
