// Package recorder carries readings from the log to the history, at the
// history's own pace: a store that is slow or down makes the recorder fall
// behind in the log and delays nobody else.
//
// Derived metrics come from the worker over a bounded queue. Where the history
// cannot keep up they are dropped and counted, for a replay computes them again.
package recorder

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry/record"
)

// syncEvery is how often the history is made durable. What is lost with the
// power in between is read from the log again.
const syncEvery = 10 * time.Second

const derivedQueue = 65536

// Log is where records come from: all from a position on, and then new ones
// as they are committed, until ctx ends.
type Log interface {
	Read(ctx context.Context, from uint64) iter.Seq2[*record.Record, error]
}

// Recorder is one consumer of the log.
type Recorder struct {
	log     Log
	store   history.Store
	logger  *slog.Logger
	derived chan rules.DerivedSample
	dropped prometheus.Counter
	written prometheus.Counter
	buf     []history.Sample
}

// New makes a recorder; Run starts it.
func New(log Log, store history.Store, reg prometheus.Registerer, logger *slog.Logger) *Recorder {
	r := &Recorder{
		log: log, store: store, logger: logger,
		derived: make(chan rules.DerivedSample, derivedQueue),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "weishao_history_derived_dropped_total", Help: "Derived samples that the history could not take in time."}),
		written: prometheus.NewCounter(prometheus.CounterOpts{Name: "weishao_history_samples_total", Help: "Samples handed to the history."}),
	}
	reg.MustRegister(r.dropped, r.written)
	return r
}

// Derived queues one value of a derived metric; it never waits.
func (r *Recorder) Derived(s rules.DerivedSample) {
	select {
	case r.derived <- s:
	default:
		r.dropped.Inc()
	}
}

// Run carries records until ctx ends, and syncs the store before it returns.
func (r *Recorder) Run(ctx context.Context) error {
	defer r.finalSync()
	last := time.Now()
	for rec, err := range r.log.Read(ctx, r.store.Position()+1) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.append(ctx, rec); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if now := time.Now(); now.Sub(last) >= syncEvery {
			last = now
			if err := r.store.Sync(ctx); err != nil && ctx.Err() == nil {
				r.logger.Error("history could not be made durable; the log keeps what it lacks", "err", err)
			}
		}
	}
	return nil
}

func (r *Recorder) append(ctx context.Context, rec *record.Record) error {
	r.buf = r.buf[:0]
	for _, e := range rec.Entries {
		if e, ok := e.(*record.Readings); ok {
			for _, p := range e.Points {
				r.buf = append(r.buf, history.Sample{Device: e.Device, Point: p})
			}
		}
	}
	for range len(r.derived) {
		s := <-r.derived
		r.buf = append(r.buf, history.Sample{Device: s.Device, Point: s.Point})
	}
	if err := r.store.Append(ctx, rec.Seq, r.buf); err != nil {
		return err
	}
	r.written.Add(float64(len(r.buf)))
	return nil
}

func (r *Recorder) finalSync() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.store.Sync(ctx); err != nil {
		r.logger.Warn("history not synced at stop; it will be filled from the log", "err", err)
	}
}
