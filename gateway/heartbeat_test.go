package gateway

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/gateway/board"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// pi has the files of a board, to be written over.
func pi(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		put(t, root, name, text)
	}
	return root
}

func put(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	zoneTemp  = "sys/class/thermal/thermal_zone0/temp"
	throttled = "sys/devices/platform/soc/soc:firmware/get_throttled"
)

// The gateway as a device: what its board has, at its interval, with what lasts for
// a moment remembered and what fails a fault.
func TestHeartbeat(t *testing.T) {
	root := pi(t, map[string]string{zoneTemp: "51000", throttled: "0"})
	cfg := &Config{Version: "1.2"}
	cfg.Outbox.Dir.V = filepath.Join(t.TempDir(), "not", "yet")
	cfg.Supervision.root = root
	cfg.Supervision.fill()
	h := newHeartbeat(cfg, func() outbox.Status { return outbox.Status{Pending: 7, Bytes: 2_500_000, Volatile: true} }, quiet)
	if i := h.Info(); i.ID != "gateway" || i.Placement != "gateway" || i.Interval != time.Minute || i.Serial != "1.2" ||
		!slices.Equal(i.Metrics, []string{"board.temperature", "board.undervoltage", "board.disk_free", "outbox.depth", "outbox.bytes", "outbox.volatile"}) {
		t.Errorf("announced as %+v", i)
	}
	synctest.Test(t, func(t *testing.T) {
		var got []telemetry.Point
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) { got = append(got, p) }) }()
		last := func(metric string) telemetry.Point {
			synctest.Wait()
			for _, p := range slices.Backward(got) {
				if p.Metric == metric {
					return p
				}
			}
			t.Fatalf("no %s", metric)
			return telemetry.Point{}
		}
		if v := last("board.temperature"); v.Value != 51 || v.Quality.Fault() {
			t.Errorf("at once: %+v", v)
		}
		if d, b, v := last("outbox.depth"), last("outbox.bytes"), last("outbox.volatile"); d.Value != 7 || b.Value != 2.5 || v.Value != 1 {
			t.Errorf("outbox: %v, %v, %v", d, b, v)
		}
		time.Sleep(30 * time.Second)
		put(t, root, throttled, "50005") // for three seconds, between two reports
		time.Sleep(3 * time.Second)
		put(t, root, throttled, "50000")
		put(t, root, zoneTemp, "?")
		time.Sleep(30 * time.Second)
		if v := last("board.undervoltage"); v.Value != 1 {
			t.Errorf("a dip between two reports: %+v", v)
		}
		if v := last("board.temperature"); v.Quality != telemetry.NoResponse || v.Value != 0 {
			t.Errorf("a thermometer that fails: %+v", v)
		}
		put(t, root, zoneTemp, "52000")
		time.Sleep(time.Minute)
		if v := last("board.undervoltage"); v.Value != 0 {
			t.Errorf("a minute after the dip: %+v", v)
		}
		if v := last("board.temperature"); v.Value != 52 || v.Quality.Fault() {
			t.Errorf("a thermometer that is back: %+v", v)
		}
		if want := 3 * len(h.Info().Metrics); len(got) != want {
			t.Errorf("%d points in three reports, want %d", len(got), want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A gateway made by hand has none; a configuration has one unless it says otherwise.
func TestHeartbeatIsConfigured(t *testing.T) {
	if h := newHeartbeat(&Config{}, nil, quiet); h != nil {
		t.Error("nobody asked for it")
	}
	for text, want := range map[string]time.Duration{"": time.Minute, "supervision: {interval: 5s}": 5 * time.Second, "supervision: {interval: 0s}": 0} {
		dir := t.TempDir()
		put(t, dir, "gateway.yaml", "group: g\nnode: n\ndevices: [{id: a, kind: fake, interval: 1s, metric: power}]\n"+text)
		cfg, err := Load(filepath.Join(dir, "gateway.yaml"), kinds)
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.Supervision.Interval.V; time.Duration(got) != want {
			t.Errorf("%q: %v, want %v", text, time.Duration(got), want)
		}
	}
	dir := t.TempDir()
	put(t, dir, "gateway.yaml", "group: g\nnode: n\ndevices: []\n")
	cfg, err := Load(filepath.Join(dir, "gateway.yaml"), kinds)
	if err != nil {
		t.Fatalf("a gateway without a sensor yet: %v", err)
	}
	infos, err := Describe(cfg, Deps{Log: quiet, Kinds: kinds})
	if err != nil || len(infos) != 1 || infos[0].ID != "gateway" {
		t.Errorf("it has %+v, %v", infos, err)
	}
}

// With the files of the machine that the test runs on, every value is in its range.
func TestHeartbeatOfThisMachine(t *testing.T) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	for _, g := range board.Gauges("/", t.TempDir()) {
		m, ok := cat.Lookup(g.Metric)
		v, err := g.Read()
		if !ok || err != nil || m.Check(v) != telemetry.BadNone {
			t.Errorf("%s: %v, %v", g.Metric, v, err)
		}
	}
}

// It is a device like any other, all the way into the outbox.
func TestHeartbeatIsKept(t *testing.T) {
	cfg := &Config{}
	cfg.Group.V, cfg.Node.V, cfg.MQTT.URL.V = "g", "n", "tcp://127.0.0.1:1"
	cfg.Outbox.Dir.V, cfg.Outbox.CommitInterval.V = t.TempDir(), conf.Duration(10*time.Millisecond)
	cfg.Supervision.fill()
	g, err := New(cfg, Deps{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	eventually(t, func() string {
		if g.Status().Outbox.Pending < 3 {
			return "nothing is kept of what the gateway says of itself"
		}
		return ""
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for s, err := range outbox.Scan(cfg.Outbox.Dir.V) {
		if err != nil || s.Device != "gateway" {
			t.Errorf("in the outbox: %+v, %v", s, err)
		}
	}
}
