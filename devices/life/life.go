package life

import (
	"context"
	"math"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// What a device says of itself beside what it measures.
const (
	LifeLeft        = "device.life_left"
	CalibrationLeft = "device.calibration_left"
	Drifted         = "device.drift"
)

// Settings are what is known of one device.
type Settings struct {
	WarmUp    time.Duration         // 0: none
	Stuck     map[string]StuckLimit // by metric; what is not there is not watched
	Drift     map[string]DriftLimit
	EndOfLife time.Time // zero: not known
	Due       time.Time // of the next calibration; zero: not known
}

// StuckLimit is how long a metric may stay as it is.
type StuckLimit struct {
	After time.Duration
	Noise float64 // what counts as no change, in the metric's unit
	Idle  float64 // up to here, of either sign, nothing happens, and the value may stand; -1: nowhere
}

// DriftLimit is how low a metric has to come, and how often.
type DriftLimit struct {
	Limit float64 // in the metric's unit
	Over  time.Duration
}

const (
	away      = time.Minute // after which a part may have been without supply
	burnOff   = time.Minute // in which a part that is switched on may be at its end
	ageEvery  = time.Hour
	plausible = 2025 // year before which the clock was not set
)

// Watched is dev with what its settings add; dev itself if that is nothing.
func Watched(dev devices.Device, s Settings, catalogue *telemetry.Catalogue) devices.Device {
	own := s.metrics()
	if s.WarmUp <= 0 && len(s.Stuck) == 0 && len(own) == 0 {
		return dev
	}
	w := &watched{dev: dev, s: s, catalogue: catalogue, info: dev.Info(), metrics: map[string]*metric{}}
	for _, name := range w.info.Metrics {
		w.metrics[name] = &metric{}
	}
	w.away = max(away, 3*w.info.Interval)
	w.info.Metrics = append(w.info.Metrics[:len(w.info.Metrics):len(w.info.Metrics)], own...)
	return w
}

// metrics are those that the settings add.
func (s *Settings) metrics() (own []string) {
	if !s.EndOfLife.IsZero() {
		own = append(own, LifeLeft)
	}
	if !s.Due.IsZero() {
		own = append(own, CalibrationLeft)
	}
	if len(s.Drift) > 0 {
		own = append(own, Drifted)
	}
	return own
}

// watched is a device under watch. Its state is kept from one Run to the next.
type watched struct {
	dev       devices.Device
	s         Settings
	catalogue *telemetry.Catalogue
	info      devices.Info
	away      time.Duration

	mu       sync.Mutex
	metrics  map[string]*metric
	warmed   time.Time // when the warm-up began; zero: not yet
	measured time.Time // last
	heard    time.Time // last, faults too
	told     time.Time // when age and drift were last emitted
	drifted  bool      // as emitted
}

// metric is what is remembered of one.
type metric struct {
	beyond time.Time // since when it is at the end of its range; zero: it is not
	at     float64   // the value that it is compared with
	since  time.Time // since when it has not left that; zero: none
	low    time.Time // when it was last below its drift's limit; zero: not measured yet
	drift  bool
}

func (w *watched) Info() devices.Info { return w.info }

func (w *watched) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	w.mu.Lock()
	w.told = time.Time{} // faults were emitted meanwhile, of what it says itself too
	w.mu.Unlock()
	return w.dev.Run(ctx, clock, func(p telemetry.Point) {
		w.mu.Lock()
		now := clock.Now()
		p = w.judge(p, now)
		more := w.self(now)
		w.mu.Unlock()
		emit(p)
		for _, m := range more {
			emit(m)
		}
	})
}

// judge is a point with the quality that it has for the device's settings.
func (w *watched) judge(p telemetry.Point, now time.Time) telemetry.Point {
	m := w.metrics[p.Metric]
	def, known := w.catalogue.Lookup(p.Metric)
	if m == nil || !known {
		return p
	}
	over := p.Quality == telemetry.Saturated || p.Quality == telemetry.Short
	if !p.Quality.Fault() {
		switch v, q := def.Measured(p.Value); {
		case q == telemetry.Saturated:
			over = true
		case q.Fault():
			p.Value, p.Quality = 0, q
		default:
			p.Value = v
		}
	}
	if p.Quality.Fault() && !over {
		m.beyond, m.since = time.Time{}, time.Time{}
		return p
	}
	if w.warmed.IsZero() || now.Sub(w.measured) >= w.away {
		w.warmed = now
	}
	w.measured = now
	if over {
		return w.beyond(m, def, p, now)
	}
	m.beyond = time.Time{}
	if l, ok := w.s.Stuck[p.Metric]; ok && m.stands(l, p.Value, now) {
		return telemetry.Point{Metric: p.Metric, Time: p.Time, Quality: telemetry.Stuck}
	}
	if w.warming(now) {
		p.Quality = telemetry.Warmup
		return p
	}
	if l, ok := w.s.Drift[p.Metric]; ok && p.Quality != telemetry.Warmup && m.wandered(l, p.Value, now) && p.Quality == telemetry.Good {
		p.Quality = telemetry.Suspect
	}
	return p
}

func (w *watched) warming(now time.Time) bool {
	return w.s.WarmUp > 0 && now.Sub(w.warmed) < w.s.WarmUp
}

// beyond is a point at the end of the range: in the beginning of a warm-up that is
// part of it.
func (w *watched) beyond(m *metric, def telemetry.Metric, p telemetry.Point, now time.Time) telemetry.Point {
	m.since = time.Time{}
	if m.beyond.IsZero() {
		m.beyond = now
	}
	if w.warming(now) && now.Sub(m.beyond) < min(burnOff, w.s.WarmUp/2) {
		p.Value, p.Quality = def.Max, telemetry.Warmup // at least that
	}
	return p
}

// stands reports whether the metric has been where it is for too long.
func (m *metric) stands(l StuckLimit, v float64, now time.Time) bool {
	if math.Abs(v) <= l.Idle {
		m.since = time.Time{}
		return false
	}
	if d := v - m.at; m.since.IsZero() || d > l.Noise || d < -l.Noise {
		m.at, m.since = v, now
	}
	return now.Sub(m.since) > l.After
}

// wandered reports whether the metric has not come down for too long.
func (m *metric) wandered(l DriftLimit, v float64, now time.Time) bool {
	if m.low.IsZero() || v <= l.Limit {
		m.low = now
	}
	m.drift = now.Sub(m.low) > l.Over
	return m.drift
}

// self is what the device says of itself at a moment: mostly nothing.
func (w *watched) self(now time.Time) (points []telemetry.Point) {
	// Whoever was silent for two intervals was given faults, of these metrics too.
	gap := now.Sub(w.heard) > 2*w.info.Interval
	w.heard = now
	drifted := false
	for _, m := range w.metrics {
		drifted = drifted || m.drift
	}
	if !w.told.IsZero() && now.Sub(w.told) < ageEvery && !gap && drifted == w.drifted || now.Year() < plausible && drifted == w.drifted {
		return nil
	}
	w.told, w.drifted = now, drifted
	say := func(name string, v float64) {
		points = append(points, telemetry.Point{Metric: name, Time: now.UnixMilli(), Value: v})
	}
	if !w.s.EndOfLife.IsZero() && now.Year() >= plausible {
		say(LifeLeft, days(w.s.EndOfLife.Sub(now)))
	}
	if !w.s.Due.IsZero() && now.Year() >= plausible {
		say(CalibrationLeft, days(w.s.Due.Sub(now)))
	}
	if len(w.s.Drift) > 0 {
		v := 0.0
		if drifted {
			v = 1
		}
		say(Drifted, v)
	}
	return points
}

// days are whole days, rounded down: on its last day a device has 0 left, then -1.
func days(d time.Duration) float64 {
	n := d / day
	if d < 0 && d%day != 0 {
		n--
	}
	return float64(n)
}
