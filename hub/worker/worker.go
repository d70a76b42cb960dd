// Package worker evaluates the rules over the log: one goroutine for one
// partition. It reads a record, applies it to the engine, and hands the
// verdicts to the incidents in one transaction with the record's position.
//
// Its state is a snapshot plus a log position. After a crash it restores the
// snapshot and reads on; verdicts that the incidents have taken already come
// again with the same IDs, and the incidents pass over them by position. A
// snapshot a day, an anchor, is kept for as long as the log reaches back to it:
// a replay begins with the oldest, and a damaged snapshot costs a day's log.
//
// Nothing makes it wait but the incidents' commit, and that only when there is a
// verdict: derived values are handed over by the slice, snapshots are encoded
// and written beside it. A store that cannot commit, such as on a full disk, is
// tried again until it can; the log keeps what comes meanwhile.
package worker

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry/record"
)

// Log is where records come from; eventlog.Log has it.
type Log interface {
	Read(ctx context.Context, from uint64) iter.Seq2[*record.Record, error]
	ReadTo(ctx context.Context, from, to uint64) iter.Seq2[*record.Record, error]
	First(ctx context.Context) (uint64, error)
	Last() uint64
}

// Incidents takes verdicts, idempotent by log position.
type Incidents interface {
	Apply(ctx context.Context, pos uint64, verdicts []rules.Verdict) error
}

// Config is what a worker needs; all of it is required.
type Config struct {
	Log       Log
	Incidents Incidents
	View      *live.View
	Derived   func([]rules.DerivedSample) // of one record; must not wait nor keep the slice
	Snapshot  string                      // file
	Anchors   string                      // folder
	Every     time.Duration               // between two snapshots, wall time
	Keep      time.Duration               // between two anchors, wall time
	Retry     time.Duration               // between two tries of a store that cannot commit
	Registry  prometheus.Registerer
	Logger    *slog.Logger
}

// Worker evaluates one partition.
type Worker struct {
	Config
	engine   *rules.Engine
	next     uint64 // position to read from
	effect   effect
	verdicts []rules.Verdict
	derived  []rules.DerivedSample
	saving   chan error // the result of the snapshot that is being written; nil while none is
	anchored time.Time  // when the newest anchor was written

	done    atomic.Uint64 // position up to which the rules have been evaluated
	pack    atomic.Pointer[rules.Pack]
	trouble atomic.Pointer[error] // why the incidents do not take verdicts; nil when they do
	metrics metrics
}

// effect is which versions the log has put into effect.
type effect struct {
	Site  *record.Site // nil: none so far
	Rules string       // version
}

type metrics struct {
	position prometheus.GaugeFunc
	verdicts *prometheus.CounterVec
	seconds  prometheus.Counter
	refused  prometheus.Counter
	failures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, w *Worker) metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := metrics{
		position: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weishao_rules_position", Help: "Log position up to which the rules have been evaluated."},
			func() float64 { return float64(w.Position()) }),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weishao_verdicts_total", Help: "Verdicts by event and hazard."}, []string{"event", "hazard"}),
		seconds:  counter("weishao_rules_seconds_total", "Time spent in evaluating rules."),
		refused:  counter("weishao_rules_records_refused_total", "Log records that the rules could not evaluate."),
		failures: counter("weishao_incidents_apply_failures_total", "Attempts to store verdicts that failed and were made again."),
	}
	reg.MustRegister(m.position, m.verdicts, m.seconds, m.refused, m.failures)
	return m
}

// Open restores a worker from its snapshot, or begins with the log's first
// record where there is none that fits.
func Open(ctx context.Context, c Config) (*Worker, error) {
	w := &Worker{Config: c}
	first, err := c.Log.First(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.restore(first); err != nil {
		return nil, err
	}
	w.metrics = newMetrics(c.Registry, w)
	w.done.Store(w.next - 1)
	w.pack.Store(w.engine.Pack())
	return w, nil
}

// Position is the log position up to which the rules have been evaluated and the
// verdicts stored.
func (w *Worker) Position() uint64 { return w.done.Load() }

// Pack is the rules in effect; nil before the first.
func (w *Worker) Pack() *rules.Pack { return w.pack.Load() }

// Trouble says why verdicts cannot be stored at the moment; nil when they can.
func (w *Worker) Trouble() error {
	if p := w.trouble.Load(); p != nil {
		return *p
	}
	return nil
}

// maxScan bounds how many records InEffect reads: some minutes' worth of work.
const maxScan = 1_000_000

// InEffect is the versions of site and rules that the log ends with, "" for
// none. It looks at what Run has not read yet and is to be called before Run. Of
// a log that is too long to look through it says that there is none: a version
// that is announced once more changes nothing.
func (w *Worker) InEffect(ctx context.Context) (site, rules string, err error) {
	if w.effect.Site != nil {
		site = w.effect.Site.Version
	}
	rules = w.effect.Rules
	last := w.Log.Last()
	if last >= w.next && last-w.next > maxScan {
		return "", "", nil
	}
	for rec, err := range w.Log.ReadTo(ctx, w.next, last) {
		if err != nil {
			return "", "", fmt.Errorf("rules: reading the log: %w", err)
		}
		for _, e := range rec.Entries {
			switch e := e.(type) {
			case *record.Site:
				site = e.Version
			case *record.Rules:
				rules = e.Version
			}
		}
	}
	return site, rules, ctx.Err()
}

// Run evaluates until ctx ends, and leaves a snapshot behind.
func (w *Worker) Run(ctx context.Context) error {
	last := time.Now()
	for rec, err := range w.Log.Read(ctx, w.next) {
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return fmt.Errorf("rules: reading the log: %w", err)
		}
		if err := w.apply(ctx, rec); err != nil {
			break // ctx has ended
		}
		if now := time.Now(); now.Sub(last) >= w.Every {
			last = now
			w.save()
		}
	}
	w.finalSave()
	return nil
}

// apply evaluates one record. Its only error is that ctx has ended, with the
// record's verdicts not stored: the worker is not to go on, nor to keep its state.
func (w *Worker) apply(ctx context.Context, rec *record.Record) error {
	start := time.Now()
	w.verdicts, w.derived = w.verdicts[:0], w.derived[:0]
	if err := w.engine.Apply(rec, (*sink)(w)); err != nil {
		// A record that the engine refuses must not stop the stream: what it holds
		// is in the log, and people must hear of it.
		w.metrics.refused.Inc()
		w.Logger.Error("a log record could not be evaluated", "position", rec.Seq, "error", err)
	}
	w.metrics.seconds.Add(time.Since(start).Seconds())
	w.note(rec)
	w.View.Apply(rec, w.verdicts, w.derived)
	if len(w.derived) > 0 {
		w.Derived(w.derived)
	}
	if err := w.store(ctx, rec.Seq); err != nil {
		w.engine = nil // one record ahead of what is stored
		return err
	}
	w.next = rec.Seq + 1
	w.done.Store(rec.Seq)
	return nil
}

// note remembers what the record puts into effect.
func (w *Worker) note(rec *record.Record) {
	for _, e := range rec.Entries {
		switch e := e.(type) {
		case *record.Site:
			w.effect.Site = &record.Site{Version: e.Version, File: record.File{Name: e.File.Name, Data: append([]byte(nil), e.File.Data...)}}
		case *record.Rules:
			w.effect.Rules = e.Version
		default:
			continue
		}
		w.pack.Store(w.engine.Pack())
	}
}

// store hands the verdicts over, again and again if need be.
func (w *Worker) store(ctx context.Context, pos uint64) error {
	if len(w.verdicts) == 0 {
		return nil
	}
	for {
		err := w.Incidents.Apply(ctx, pos, w.verdicts)
		if err == nil {
			w.trouble.Store(nil)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.metrics.failures.Inc()
		w.trouble.Store(&err)
		w.Logger.Error("verdicts could not be stored; trying again", "position", pos, "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(w.Retry):
		}
	}
}

// sink is the worker as the engine sees it.
type sink Worker

func (s *sink) Verdict(v rules.Verdict) {
	s.verdicts = append(s.verdicts, v)
	s.metrics.verdicts.WithLabelValues(string(v.Event), string(v.Hazard)).Inc()
}

func (s *sink) Derived(d rules.DerivedSample) { s.derived = append(s.derived, d) }
