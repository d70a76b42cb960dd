package benchload

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// EdgeOptions are what to measure a gateway with.
type EdgeOptions struct {
	Hub     Options       // of the hub that the gateway reports to: Program, LogFolder, Dir, Door and Log are used
	Program string        // the weishao-gateway binary
	Sensors int           // simulated, at 1 Hz
	Mixed   bool          // a quarter of the sensors are meters, an eighth smoke, an eighth boxes; else each is of gas
	Steady  time.Duration // how long it is watched with nothing special going on
	Outage  time.Duration // how much is in its outbox when it comes back
}

// EdgeResult is what `weishao bench gateway --json` prints.
type EdgeResult struct {
	Sensors     int     `json:"sensors"`
	PerSecond   int     `json:"readings_per_s"`
	Binary      float64 `json:"binary_mb"`
	FirstSample float64 `json:"start_to_first_sample_ms"` // until a driver has measured
	FirstAtHub  float64 `json:"start_to_first_reading_at_hub_ms"`
	CPU         float64 `json:"cpu_percent"` // of one core, over the steady time
	RSS         float64 `json:"rss_mb"`      // peak until the steady time's end
	RSSEnd      float64 `json:"rss_end_mb"`
	Written     float64 `json:"written_mb_per_day"` // to the outbox's files
	Dirtied     float64 `json:"dirtied_mb_per_day"` // pages of the page cache: what the card sees, but for the file system's own
	LiveP50     float64 `json:"live_p50_ms"`        // from sample to the hub's log
	LiveP99     float64 `json:"live_p99_ms"`
	Lost        uint64  `json:"lost"`
	Duplicates  uint64  `json:"duplicates"`

	Outage *EdgeDrain `json:"outage,omitempty"`
}

// EdgeDrain is the return after an outage.
type EdgeDrain struct {
	Span        float64 `json:"span_s"`
	Readings    uint64  `json:"readings"`
	Disk        float64 `json:"disk_mb"`
	FirstSample float64 `json:"start_to_first_sample_ms"`
	FirstAtHub  float64 `json:"start_to_first_reading_at_hub_ms"` // live, ahead of the backlog
	Seconds     float64 `json:"drained_in_s"`
	RSS         float64 `json:"rss_mb"` // peak
	LiveP50     float64 `json:"live_p50_ms"`
	LiveP99     float64 `json:"live_p99_ms"`
	LiveMax     float64 `json:"live_max_ms"`
}

// edgeNode is the gateway that is measured.
const edgeNode = "gw-edge"

// edgeBench is one measurement of a gateway.
type edgeBench struct {
	EdgeOptions
	hub     *hub
	log     *slog.Logger
	sensors []sensor
	res     *EdgeResult
	spans   [2]span // in which live readings are timed: steady, draining
	starts  [2]time.Time
}

type span struct{ from, to time.Time }

// RunEdge measures a gateway that reports to a hub of its own.
func RunEdge(ctx context.Context, o EdgeOptions) (res *EdgeResult, err error) {
	st, err := os.Stat(o.Program)
	if err != nil {
		return nil, fmt.Errorf("the gateway's program (make build): %w", err)
	}
	h, err := startHub(ctx, &o.Hub)
	if err != nil {
		return nil, err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, h.stop())
		}
	}()
	b := &edgeBench{EdgeOptions: o, hub: h, log: o.Hub.Log, sensors: sensors(o.Sensors, o.Mixed)}
	b.res = &EdgeResult{Sensors: o.Sensors, PerSecond: readingsOf(b.sensors), Binary: float64(st.Size()) / 1e6}
	if err := b.configure(ctx); err != nil {
		return nil, err
	}
	if err := b.steady(ctx); err != nil {
		return nil, err
	}
	if o.Outage > 0 {
		if err := b.outage(ctx); err != nil {
			return nil, err
		}
	}
	stopped = true
	if err := h.stop(); err != nil {
		return nil, err
	}
	return b.res, b.arrivals(ctx)
}

func (b *edgeBench) path(name string) string { return filepath.Join(b.Hub.Dir, name) }

// configure enrols the gateway and writes its file.
func (b *edgeBench) configure(ctx context.Context) error {
	user, password, err := b.Hub.Door.Enrol(ctx, b.hub.config, group, edgeNode)
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.path("password"), []byte(password), 0o600); err != nil {
		return err
	}
	return os.WriteFile(b.path("gateway.yaml"), edgeConfig(b.hub.mqtt, user, b.sensors), 0o600)
}

// settleIn is how long a gateway runs before its steady time begins: connecting,
// announcing, and the first rounds of the collector.
const settleIn = 10 * time.Second

// steady measures a gateway with its hub there.
func (b *edgeBench) steady(ctx context.Context) error {
	g, err := startGateway(ctx, b)
	if err != nil {
		return err
	}
	defer g.kill()
	b.starts[0] = g.began
	b.res.FirstSample = ms(g.sampled.Sub(g.began))
	if err := pause(ctx, settleIn); err != nil {
		return err
	}
	before, err := g.usage(ctx)
	if err != nil {
		return err
	}
	b.log.Info("the steady time begins", "for", b.Steady.String())
	if err := pause(ctx, b.Steady); err != nil {
		return err
	}
	after, err := g.usage(ctx)
	if err != nil {
		return err
	}
	took := after.at.Sub(before.at)
	b.spans[0] = span{before.at, after.at}
	b.res.CPU = 100 * (after.cpu - before.cpu).Seconds() / took.Seconds()
	b.res.RSS, b.res.RSSEnd = after.peak, after.rss
	perDay := (24 * time.Hour).Seconds() / took.Seconds() / 1e6
	b.res.Written = float64(after.written-before.written) * perDay
	b.res.Dirtied = float64(after.dirtied-before.dirtied) * perDay
	return g.stop()
}

// drainEnough is how few readings are left when a backlog has drained: live ones
// that are on their way.
func (b *edgeBench) drainEnough() float64 { return float64(5 * b.res.PerSecond) }

// someLive is how long live readings are timed at least, however quick the drain.
const someLive = 5 * time.Second

// outage lets the gateway come back with its outbox full.
func (b *edgeBench) outage(ctx context.Context) error {
	readings, bytes, err := b.fill()
	if err != nil {
		return err
	}
	b.log.Info("the outage is in the outbox", "readings", readings, "bytes", bytes)
	d := &EdgeDrain{Span: b.Outage.Seconds(), Readings: readings, Disk: float64(bytes) / 1e6}
	g, err := startGateway(ctx, b)
	if err != nil {
		return err
	}
	defer g.kill()
	b.starts[1] = g.began
	d.FirstSample = ms(g.sampled.Sub(g.began))
	err = b.hub.until(ctx, drainPatience, "the backlog has not drained", func() (bool, error) {
		m, err := g.metrics(ctx)
		return err == nil && m["outbox_runs"] <= 2 && m["outbox_pending_readings"] < b.drainEnough(), err
	})
	if err != nil {
		return err
	}
	d.Seconds = time.Since(g.began).Seconds()
	if err := pause(ctx, time.Until(g.began.Add(someLive))); err != nil {
		return err
	}
	b.spans[1] = span{g.began, time.Now()}
	u, err := g.usage(ctx)
	if err != nil {
		return err
	}
	d.RSS = u.peak
	b.res.Outage = d
	return g.stop()
}

// pause waits; what is waited for is another process's time.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
