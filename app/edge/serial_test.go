package edge

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"weishao.dev/weishao/devices/modbus/modbustest"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
)

// A meter on a line whose adapter is pulled out and comes back, in the gateway itself:
// one line in the log when it fails and one when it works again, and in the outbox
// numbers, then faults and no number, then numbers.
func TestAnAdapterIsPulledOutOfAGateway(t *testing.T) {
	line := modbustest.New(t)
	line.Put(1, modbustest.NewRegisters(0, 2347, 1382, 0, 2409, 0, 0xFF4C, 0, 499, 74, 0).Slave(4))
	dir := t.TempDir()
	file := write(t, dir, "gateway.yaml", `
group: g
node: n
mqtt: {url: "tcp://127.0.0.1:1"} # nobody listens
outbox: {commit_interval: 20ms}
devices:
  - {id: feeder, kind: pzem, interval: 300ms, stuck_after: 1h, port: `+line.Path+`}
  - {id: nobody, kind: pzem, interval: 300ms, timeout: 20ms, slave: 2, port: `+line.Path+`}
`)
	ctx, cancel := context.WithCancel(t.Context())
	log := &lines{more: make(chan struct{}, 1)}
	done := make(chan int, 1)
	go func() { done <- Main(ctx, []string{"--config", file}, io.Discard, log) }()
	log.find(t, `(device=nobody) error=.*no answer`)
	line.Unplug()
	log.find(t, `(device=feeder) error=.*the port is gone`)
	line.Plug()
	line.Serve()
	log.find(t, `works again" (device=feeder)`)
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(log.text.String(), "device=feeder"); n != 2 {
		t.Errorf("%d lines about the meter, want 2:\n%s", n, &log.text)
	}
	var story []string
	for s, err := range outbox.Scan(filepath.Join(dir, "outbox")) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Device != "feeder" || s.Point.Metric != "power" {
			continue
		}
		what := s.Point.Quality.String()
		if s.Point.Quality == telemetry.Good && s.Point.Value != 240.9 {
			t.Errorf("the meter read %v W", s.Point.Value)
		}
		if len(story) == 0 || story[len(story)-1] != what {
			story = append(story, what)
		}
	}
	if got := strings.Join(story, ", "); got != "good, no_response, good" {
		t.Errorf("in the outbox: %s", got)
	}
}
