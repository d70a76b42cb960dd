package recorder

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// feed is a log whose records come over a channel.
type feed chan *record.Record

func (f feed) Read(ctx context.Context, from uint64) iter.Seq2[*record.Record, error] {
	return func(yield func(*record.Record, error) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case r := <-f:
				if r.Seq >= from && !yield(r, nil) {
					return
				}
			}
		}
	}
}

// store is a history that keeps what it is given, and does what it is told.
type store struct {
	history.Store
	got      []string
	position uint64
	appended uint64
	appends  func() error // before each; nil: takes it at once
	syncs    int
}

func (s *store) Position() uint64 { return s.position }

func (s *store) Append(ctx context.Context, pos uint64, samples []history.Sample) error {
	if s.appends != nil {
		if err := s.appends(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, x := range samples {
		s.got = append(s.got, fmt.Sprintf("%d %s %s %g", pos, x.Device, x.Metric, x.Value))
	}
	s.appended = pos
	return nil
}

func (s *store) Sync(context.Context) error {
	s.syncs++
	s.position = s.appended
	return nil
}

func newRecorder(log Log, s history.Store) *Recorder {
	return New(Config{Log: log, Store: s, Retry: time.Second, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
}

func reading(seq uint64, value float64) *record.Record {
	return &record.Record{Seq: seq, Entries: []record.Entry{&record.Readings{Device: "g/n/d", Points: []telemetry.Point{{Metric: "power", Time: int64(seq), Value: value}}}}}
}

func derived(n int) []rules.DerivedSample {
	list := make([]rules.DerivedSample, n)
	for i := range list {
		list[i] = rules.DerivedSample{Device: "g/n/d", Point: telemetry.Point{Metric: "charging.power", Value: float64(i)}}
	}
	return list
}

// run starts a recorder; what it returns stops it.
func run(t *testing.T, r *Recorder) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestReadingsAndDerivedValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := make(feed), &store{position: 6}
		r := newRecorder(log, s)
		stop := run(t, r)
		r.Derived(derived(2))
		for seq := range uint64(9) { // 6 is durable already
			if seq > 0 {
				log <- reading(seq, float64(seq))
			}
		}
		synctest.Wait()
		stop()
		want := []string{"7 g/n/d power 7", "7 g/n/d charging.power 0", "7 g/n/d charging.power 1", "8 g/n/d power 8"}
		if diff := cmp.Diff(want, s.got); diff != "" {
			t.Error(diff)
		}
		if s.position != 8 || r.Position() != 8 {
			t.Errorf("position %d and %d, want 8: the stop makes it durable", s.position, r.Position())
		}
	})
}

// While the store stands still, whoever finds derived values goes on; what has
// no room is dropped and counted.
func TestASlowStoreDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		log, s := make(feed), &store{appends: func() error { <-release; return nil }}
		r := newRecorder(log, s)
		stop := run(t, r)
		log <- reading(1, 1)
		synctest.Wait() // in Append
		began := time.Now()
		for range 9 {
			r.Derived(derived(maxDerived / 8))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("whoever finds values waited for %s", took)
		}
		if got := testutil.ToFloat64(r.metrics.dropped); got != maxDerived/8 {
			t.Errorf("%g dropped, want %d", got, maxDerived/8)
		}
		close(release)
		log <- reading(2, 2)
		synctest.Wait()
		stop()
		if want := 2 + maxDerived; len(s.got) != want {
			t.Errorf("%d samples, want %d", len(s.got), want)
		}
	})
}

// What the store refuses it is offered again, in order and once.
func TestAStoreThatRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := 3
		log, s := make(feed), &store{}
		s.appends = func() error {
			if refuse > 0 {
				refuse--
				return errors.New("the disk is full")
			}
			return nil
		}
		r := newRecorder(log, s)
		stop := run(t, r)
		began := time.Now()
		log <- reading(1, 1)
		log <- reading(2, 2) // taken when 1 is through
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("went on after %s, want three waits of 1 s", took)
		}
		synctest.Wait()
		stop()
		if diff := cmp.Diff([]string{"1 g/n/d power 1", "2 g/n/d power 2"}, s.got); diff != "" {
			t.Error(diff)
		}
		if got := testutil.ToFloat64(r.metrics.failures); got != 3 {
			t.Errorf("%g failures counted, want 3", got)
		}
	})
}

// Stopped while the store refuses, the recorder ends at once.
func TestStoppedWhileTheStoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := make(feed), &store{appends: func() error { return errors.New("no server") }}
		r := newRecorder(log, s)
		stop := run(t, r)
		log <- reading(1, 1)
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != 0 || s.position != 0 {
			t.Errorf("stopped after %s with position %d", took, s.position)
		}
	})
}

// The history is made durable now and then, not only at the stop.
func TestSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, s := make(feed), &store{}
		stop := run(t, newRecorder(log, s))
		for seq := range uint64(35) {
			time.Sleep(time.Second) // the bubble's clock: a record a second
			log <- reading(seq+1, 1)
		}
		synctest.Wait()
		if s.syncs != 3 {
			t.Errorf("%d syncs in 35 s, want 3", s.syncs)
		}
		stop()
	})
}
