package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/telemetry/record"
)

// gatedLog is the real log behind a gate, and with errors on demand.
type gatedLog struct {
	Log
	mu   sync.Mutex
	gate chan struct{} // nil: open
	errs []error
}

func (l *gatedLog) Append(ctx context.Context, rec *record.Record) (uint64, error) {
	l.mu.Lock()
	gate := l.gate
	var err error
	if len(l.errs) > 0 {
		err, l.errs = l.errs[0], l.errs[1:]
	}
	l.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if err != nil {
		return 0, err
	}
	return l.Log.Append(ctx, rec)
}

func (l *gatedLog) close() (open func()) {
	gate := make(chan struct{})
	l.mu.Lock()
	l.gate = gate
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		l.gate = nil
		l.mu.Unlock()
		close(gate)
	}
}

// The one promise on which a gateway forgets a reading.
func TestNoAcknowledgementBeforeTheLogHasIt(t *testing.T) {
	log := &gatedLog{}
	h := startHub(t, t.TempDir(), func(c *Config) { log.Log = c.Log; c.Log = log })
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	g.acked(7, 0)
	open := log.close()
	g.data(7, 1, 10)
	g.data(7, 1, 10) // a repeat must not be acknowledged from the batch in flight either
	quiet := time.NewTimer(4 * ackEvery)
	for waiting := true; waiting; {
		select {
		case c := <-g.commands:
			for _, r := range c.Committed {
				if r.Seq > 0 {
					t.Fatalf("acknowledged %+v, and the log has nothing", r)
				}
			}
		case <-quiet.C:
			waiting = false
		}
	}
	open()
	g.acked(7, 10)
	if got := h.sequences(7); !slices.Equal(got, from1(10)) {
		t.Fatalf("the log has %v", got)
	}
}

func TestABusyLogMakesLargerBatches(t *testing.T) {
	log := &gatedLog{}
	h := startHub(t, t.TempDir(), func(c *Config) { log.Log = c.Log; c.Log = log })
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	g.acked(7, 0)
	open := log.close()
	const messages = 2000
	for i := range uint64(messages) {
		g.data(7, 1+i*10, 10)
	}
	open()
	g.acked(7, messages*10)
	if n := h.log.Last(); n > 100 {
		t.Errorf("%d messages made %d records", messages, n)
	}
	if got := h.sequences(7); !slices.Equal(got, from1(messages*10)) {
		t.Fatalf("the log has %d readings", len(got))
	}
}

func TestALogThatCannotBeWrittenForAWhile(t *testing.T) {
	log := &gatedLog{errs: []error{errors.New("no space left on device")}}
	h := startHub(t, t.TempDir(), func(c *Config) { log.Log = c.Log; c.Log = log })
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	g.data(7, 1, 10)
	g.acked(7, 10)
	if got := h.sequences(7); !slices.Equal(got, from1(10)) {
		t.Fatalf("the log has %v", got)
	}
}

func TestASecondWriterEndsTheHub(t *testing.T) {
	log := &gatedLog{}
	h := startHub(t, t.TempDir(), func(c *Config) { log.Log = c.Log; c.Log = log })
	g := h.gateway("a")
	log.mu.Lock()
	log.errs = []error{eventlog.ErrFenced}
	log.mu.Unlock()
	g.birth(live(7, 0, 1))
	select {
	case err := <-h.ended:
		if !errors.Is(err, eventlog.ErrFenced) {
			t.Errorf("ended with %v", err)
		}
		h.ended <- nil // for the cleanup
	case <-time.After(patienceOfTests):
		t.Fatal("goes on beside another writer")
	}
	if err := h.in.Announce(t.Context(), &record.Tick{}); !errors.Is(err, ErrStopped) {
		t.Errorf("announced to an ended hub: %v", err)
	}
	select {
	case c := <-g.commands:
		if len(c.Committed) > 0 {
			t.Errorf("acknowledged %+v", c)
		}
	default:
	}
}
