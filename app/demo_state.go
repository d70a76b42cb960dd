package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weishao.dev/weishao/internal/durable"
	"weishao.dev/weishao/telemetry"
)

// lockDemo keeps a second demo out of the folder, before it could remove what the
// first one has written.
func lockDemo(dir string) (*os.File, error) {
	f, err := durable.Lock(filepath.Join(dir, "demo.lock"))
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("--data %s: a demo is running on this folder; stop it, or choose another folder", dir)
	}
	return f, err
}

// demoClock is the demo's one clock. What a fast clock has written lies ahead of
// the wall, so the next run on the same data goes on from there.
type demoClock struct {
	telemetry.Clock
	path  string
	ahead bool // of the wall: worth keeping
}

// keepClock is how often the clock is kept, wall time.
const keepClock = 5 * time.Second

func openDemoClock(path string, speed float64) (*demoClock, error) {
	now, at := time.Now(), time.Time{}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if ms, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
		at = time.UnixMilli(ms)
	}
	c := &demoClock{path: path, Clock: telemetry.NewClock(speed), ahead: speed > 1}
	if at.After(now) {
		c.Clock, c.ahead = telemetry.NewClockAt(at, speed), true
	}
	return c, nil
}

// run keeps the clock until ctx ends: while it runs, the latest time that it can
// show before it is kept again.
func (c *demoClock) run(ctx context.Context) error {
	if !c.ahead {
		return nil
	}
	tick := time.NewTicker(keepClock)
	defer tick.Stop()
	for {
		if err := c.keep(c.Now().Add(time.Duration(2 * float64(keepClock) * c.Speed()))); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return c.keep(c.Now())
		case <-tick.C:
		}
	}
}

func (c *demoClock) keep(t time.Time) error {
	return durable.WriteFile(c.path, []byte(strconv.FormatInt(t.UnixMilli(), 10)+"\n"), 0o600)
}

// demoFile is DIR/demo.json: what a program needs to use the running demo.
type demoFile struct {
	HTTP    string    `json:"http"`
	MQTT    string    `json:"mqtt"`
	Token   string    `json:"token"`
	Gateway spareNode `json:"gateway"` // for a client of the visitor's own
}

type spareNode struct {
	Group    string `json:"group"`
	Node     string `json:"node"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// write puts the file there whole, for its owner alone.
func (f demoFile) write(path string) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(b, '\n'), 0o600)
}

// configFile is DIR/demo.yaml, by which the other commands find the running hub.
func configFile(dir, http, mqtt string) []byte {
	return fmt.Appendf(nil, "# The demo's hub, for `weishao sign-in`, `token` and `gateway-enrol` while it runs.\n"+
		"data: %q\nhttp: {addr: %q}\nmqtt: {addr: %q}\n", dir, http, mqtt)
}
