// Package recorder carries readings from the log to the history, at the
// history's own pace: a store that is slow or down makes the recorder fall
// behind in the log and delays nobody else. What the store refuses is tried again
// until it is taken; it is idempotent by position.
//
// Derived metrics come from the worker into a bounded buffer. Where the history
// cannot keep up they are dropped and counted: they are for charts only, and a
// replay computes them again.
package recorder

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry/record"
)

// syncEvery is how often the history is made durable. What is lost with the
// power in between is read from the log again.
const syncEvery = 10 * time.Second

// maxDerived is how many derived values wait for the history, some 5 MB.
const maxDerived = 65536

// Log is where records come from: all from a position on, and then new ones
// as they are committed, until ctx ends.
type Log interface {
	Read(ctx context.Context, from uint64) iter.Seq2[*record.Record, error]
}

// Config is what a recorder needs; all of it is required.
type Config struct {
	Log      Log
	Store    history.Store
	Retry    time.Duration // between two tries of a store that refuses
	Registry prometheus.Registerer
	Logger   *slog.Logger
}

// Recorder is one consumer of the log.
type Recorder struct {
	Config
	buf     []history.Sample
	done    atomic.Uint64
	metrics metrics

	mu      sync.Mutex
	derived []rules.DerivedSample // waiting
	spare   []rules.DerivedSample // the memory for the next ones
}

type metrics struct {
	position prometheus.GaugeFunc
	waiting  prometheus.GaugeFunc
	dropped  prometheus.Counter
	written  prometheus.Counter
	failures prometheus.Counter
}

// New makes a recorder; Run starts it.
func New(c Config) *Recorder {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	r := &Recorder{Config: c}
	r.metrics = metrics{
		position: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weishao_history_position", Help: "Log position up to which the history has taken readings."},
			func() float64 { return float64(r.done.Load()) }),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weishao_history_derived_waiting", Help: "Derived values that wait for the history."},
			func() float64 { return float64(r.waiting()) }),
		dropped:  counter("weishao_history_derived_dropped_total", "Derived values that the history could not take in time."),
		written:  counter("weishao_history_samples_total", "Samples handed to the history."),
		failures: counter("weishao_history_failures_total", "Attempts to write to the history that failed and were made again."),
	}
	m := r.metrics
	c.Registry.MustRegister(m.position, m.waiting, m.dropped, m.written, m.failures)
	r.done.Store(c.Store.Position())
	return r
}

// Position is the log position up to which the history has taken readings.
func (r *Recorder) Position() uint64 { return r.done.Load() }

// Derived takes values of derived metrics; it never waits, and keeps none of the
// slice.
func (r *Recorder) Derived(list []rules.DerivedSample) {
	r.mu.Lock()
	room := max(maxDerived-len(r.derived), 0)
	r.derived = append(r.derived, list[:min(room, len(list))]...)
	r.mu.Unlock()
	if len(list) > room {
		r.metrics.dropped.Add(float64(len(list) - room))
	}
}

func (r *Recorder) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.derived)
}

// takeDerived is what waits; it is good until the next call.
func (r *Recorder) takeDerived() []rules.DerivedSample {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.derived
	r.derived, r.spare = r.spare[:0], list
	return list
}

// Run carries records until ctx ends, and syncs the store before it returns.
func (r *Recorder) Run(ctx context.Context) error {
	defer r.finalSync()
	last := time.Now()
	for rec, err := range r.Log.Read(ctx, r.Store.Position()+1) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("history: reading the log: %w", err)
		}
		if !r.append(ctx, rec) {
			return nil
		}
		if now := time.Now(); now.Sub(last) >= syncEvery {
			last = now
			if err := r.Store.Sync(ctx); err != nil && ctx.Err() == nil {
				r.metrics.failures.Inc()
				r.Logger.Error("history could not be made durable; the log keeps what it lacks", "error", err)
			}
		}
	}
	return nil
}

// append hands one record to the store, again and again if need be. False: ctx
// has ended.
func (r *Recorder) append(ctx context.Context, rec *record.Record) bool {
	r.buf = r.buf[:0]
	for _, e := range rec.Entries {
		if e, ok := e.(*record.Readings); ok {
			for i := range e.Points {
				r.buf = append(r.buf, history.Sample{Device: e.Device, Point: e.Points[i]})
			}
		}
	}
	for _, s := range r.takeDerived() {
		r.buf = append(r.buf, history.Sample{Device: s.Device, Point: s.Point})
	}
	for {
		err := r.Store.Append(ctx, rec.Seq, r.buf)
		if err == nil {
			r.metrics.written.Add(float64(len(r.buf)))
			r.done.Store(rec.Seq)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		r.metrics.failures.Inc()
		r.Logger.Error("the history takes nothing; trying again", "position", rec.Seq, "error", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(r.Retry):
		}
	}
}

func (r *Recorder) finalSync() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.Store.Sync(ctx); err != nil {
		r.Logger.Warn("history not synced at stop; it will be filled from the log", "error", err)
	}
}
