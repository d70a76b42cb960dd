package gateway

import (
	"context"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

func smallGateway(t *testing.T, deps Deps) *Gateway {
	t.Helper()
	cfg := &Config{}
	cfg.Group.V, cfg.Node.V, cfg.MQTT.URL.V = "g", "n", "tcp://127.0.0.1:1" // nobody listens
	cfg.Outbox.Dir.V, cfg.Outbox.CommitInterval.V = t.TempDir(), conf.Duration(10*time.Millisecond)
	deps.Log = quiet
	g, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// eventually asks again until f says nothing or the patience is over.
func eventually(t *testing.T, f func() string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		text := f()
		if text == "" {
			return
		}
		select {
		case <-limit:
			t.Fatal(text)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A sensor that hangs and a broker that is away stop nothing; what judges readings
// and does not return does.
func TestStuck(t *testing.T) {
	sampleStall = 3 * time.Second // more than supervisors take to speak for one that hangs
	t.Cleanup(func() { sampleStall = 30 * time.Second })
	hung := make(chan struct{})
	judge := make(chan struct{})
	g := smallGateway(t, Deps{
		Devices: []devices.Device{
			&device{info("hangs", 100*time.Millisecond), func(context.Context, telemetry.Clock, func(telemetry.Point)) error {
				<-hung
				return nil
			}},
			devices.Poll(info("works", 10*time.Millisecond), func(context.Context, time.Time) ([]telemetry.Point, error) {
				return []telemetry.Point{{Metric: "power", Value: 1}}, nil
			}),
		},
		Urgent: func(device, _ string, _ telemetry.Point) bool {
			if device == "g/n/works" {
				<-judge
			}
			return false
		},
	})
	if err := g.Stuck(); err != nil {
		t.Errorf("before it runs: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	eventually(t, func() string {
		if err := g.Stuck(); err == nil || !strings.HasPrefix(err.Error(), "device works for ") {
			return "it is not noticed that a reading is not taken"
		}
		return ""
	})
	close(judge)
	eventually(t, func() string {
		if err := g.Stuck(); err != nil {
			return err.Error()
		}
		return ""
	})
	close(hung)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What each part's last round says.
func TestStuckParts(t *testing.T) {
	g := smallGateway(t, Deps{Devices: []devices.Device{&device{info: info("a", time.Second)}}})
	defer g.Close()
	ago := func(p *pulse, d time.Duration) { p.at.Store(int64(time.Since(start) - d)) }
	for want, p := range map[string]*pulse{"commits for 2m": &g.commits, "commits of alarms for 2m": &g.alarms, "device a for 2m": &g.probes[0].said} {
		p.beat()
		if err := g.Stuck(); err != nil {
			t.Errorf("%s: just now, and %v", want, err)
		}
		ago(p, 2*time.Minute)
		if err := g.Stuck(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		p.at.Store(0)
	}
	ago(&g.probes[0].said, 2*time.Minute)
	g.probes[0].status.Ended = true
	if err := g.Stuck(); err != nil {
		t.Errorf("a recording that is over: %v", err)
	}
}
