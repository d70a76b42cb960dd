package gateway

import (
	"context"
	"log/slog"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway/board"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
)

// Supervision says how the gateway reports itself: as a device of its own, by the
// way that all readings go.
type Supervision struct {
	Pos      conf.Pos               `yaml:"-"`
	Interval conf.At[conf.Duration] `yaml:"interval"` // between two reports, 5s to 1h; default 1m, 0s: none
	Device   conf.At[string]        `yaml:"device"`   // its name within the gateway; default "gateway"

	root string // where /sys and /proc are; "/" but for tests
}

const (
	defaultHeartbeat = time.Minute
	heartbeatDevice  = "gateway"
	heartbeatModel   = "weishao-gateway"
	// briefEvery is how often what lasts for moments is looked at, wall time.
	briefEvery = 2 * time.Second
)

func (s *Supervision) check(errs *conf.Errors) {
	if s.Interval.V != 0 {
		duration(errs, "interval", s.Interval, 5*time.Second, time.Hour)
	}
	if s.Device.V != "" && !telemetry.ValidName(s.Device.V) {
		errs.Add(s.Device.Pos, "device %q is not 1 to 64 letters, digits, '.', '_' or '-'", s.Device.V)
	}
}

// checkNone refuses a gateway that has nothing to say. "devices: []" is a gateway that
// has no sensor yet, and reports itself.
func (c *Config) checkNone(errs *conf.Errors) {
	if len(c.Devices) > 0 || len(c.Nodes) > 0 {
		return
	}
	if alone := c.Supervision.Interval.Pos.Line == 0 || c.Supervision.Interval.V > 0; c.Nodes == nil || !alone {
		errs.Add(c.Pos, "there are no devices: list at least one under \"devices\"")
	}
}

// fill puts the defaults in where the file says nothing.
func (s *Supervision) fill() {
	if s.Interval.Pos.Line == 0 && s.Interval.V == 0 {
		s.Interval.V = conf.Duration(defaultHeartbeat)
	}
	if s.Device.V == "" {
		s.Device.V = heartbeatDevice
	}
}

// heartbeat is the gateway as a device: the board it runs on, and its outbox.
type heartbeat struct {
	info   devices.Info
	gauges []board.Gauge
	box    func() outbox.Status
	log    *slog.Logger
	most   map[string]float64 // of brief gauges, since the last report
	failed map[string]bool    // gauges whose failure was told
}

// newHeartbeat is nil where there is to be none. box is asked while it runs only.
func newHeartbeat(cfg *Config, box func() outbox.Status, log *slog.Logger) *heartbeat {
	s := &cfg.Supervision
	if s.Interval.V <= 0 {
		return nil
	}
	root := s.root
	if root == "" {
		root = "/"
	}
	h := &heartbeat{box: box, log: log, gauges: board.Gauges(root, board.Existing(cfg.Outbox.Dir.V)), most: map[string]float64{}, failed: map[string]bool{}}
	h.info = devices.Info{ID: s.Device.V, Model: heartbeatModel, Serial: cfg.Version, Placement: site.GatewayPlacement, Interval: time.Duration(s.Interval.V)}
	for _, g := range h.gauges {
		h.info.Metrics = append(h.info.Metrics, g.Metric)
	}
	h.info.Metrics = append(h.info.Metrics, "outbox.depth", "outbox.bytes", "outbox.volatile")
	return h
}

// Info implements devices.Device.
func (h *heartbeat) Info() devices.Info { return h.info }

// Run implements devices.Device. It never fails: a gauge that does is a fault of
// that metric alone.
func (h *heartbeat) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	report := time.NewTicker(max(clock.Wall(h.info.Interval), time.Millisecond))
	defer report.Stop()
	brief := time.NewTicker(briefEvery)
	defer brief.Stop()
	h.report(clock, emit)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-report.C:
			h.report(clock, emit)
		case <-brief.C:
			h.look()
		}
	}
}

// look notes the highest value of what lasts for moments.
func (h *heartbeat) look() {
	for _, g := range h.gauges {
		if !g.Brief {
			continue
		}
		if v, err := g.Read(); err == nil {
			h.most[g.Metric] = max(h.most[g.Metric], v)
		}
	}
}

func (h *heartbeat) report(clock telemetry.Clock, emit func(telemetry.Point)) {
	now := clock.NowMS()
	for _, g := range h.gauges {
		v, err := g.Read()
		p := telemetry.Point{Metric: g.Metric, Time: now, Value: max(v, h.most[g.Metric])}
		if !g.Brief {
			p.Value = v
		}
		if err != nil {
			p = telemetry.Point{Metric: g.Metric, Time: now, Quality: telemetry.NoResponse}
		}
		if err != nil && !h.failed[g.Metric] {
			h.log.Warn("the board does not say how it does", "metric", g.Metric, "error", err)
		}
		h.failed[g.Metric] = err != nil
		emit(p)
	}
	clear(h.most)
	s := h.box()
	for metric, v := range map[string]float64{"outbox.depth": float64(s.Pending), "outbox.bytes": float64(s.Bytes) / 1e6, "outbox.volatile": float64(flag(s.Volatile))} {
		emit(telemetry.Point{Metric: metric, Time: now, Value: v})
	}
}
