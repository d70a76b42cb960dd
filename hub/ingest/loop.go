package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/telemetry/record"
)

// slice is how many messages are worked on before the builder looks up: at most
// a few milliseconds.
const slice = 256

// tickEvery is how often the log says that time has passed.
const tickEvery = time.Second

// Run takes messages until ctx ends, then finishes what it has begun, within 10
// seconds, and returns nil. An error says that the log could not be written; the
// process should end then, and the gateways keep what was not acknowledged.
func (in *Ingest) Run(ctx context.Context) error {
	defer close(in.done)
	workers, stop := context.WithCancel(context.WithoutCancel(ctx))
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		in.acks.run(workers)
	}()
	defer func() {
		stop()
		<-finished
	}()
	if err := in.listen(); err != nil {
		return err
	}
	l := &loop{in: in, work: make(chan *batch), results: make(chan result, 1), spare: newBatch(), idle: true}
	l.linger = time.NewTimer(time.Hour)
	defer l.linger.Stop()
	appender := make(chan struct{})
	go func() {
		defer close(appender)
		in.appendAll(workers, l.work, l.results)
	}()
	err := l.run(ctx)
	if err != nil {
		stop() // a log that cannot be written is not waited for
	}
	close(l.work)
	<-appender
	return err
}

// listen begins to take messages, and asks gateways that were online when the
// broker could be reached last to be born again: births may have been missed.
func (in *Ingest) listen() error {
	if err := in.cfg.Conn.Subscribe(in.Handle); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	in.cfg.Conn.NotifyState(func(connected bool) {
		if !connected {
			return
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		for _, n := range in.nodes {
			if n.Online {
				in.acks.rebirth(n)
			}
		}
	})
	return nil
}

// loop is the builder: one goroutine that fills batches.
type loop struct {
	in      *Ingest
	work    chan *batch
	results chan result
	spare   *batch // the one that is not being filled, while idle
	idle    bool   // nothing is being appended
	items   []message
	taken   int // of items
	free    []message
	linger  *time.Timer
}

// result is what became of a batch.
type result struct {
	b   *batch
	seq uint64
	err error
}

func (l *loop) run(ctx context.Context) error {
	tick := time.NewTicker(l.in.cfg.Clock.Wall(tickEvery))
	defer tick.Stop()
	for {
		l.in.turned.Store(max(1, int64(time.Since(origin))))
		wake := l.in.queue.wake
		if l.taken < len(l.items) {
			wake = always
		}
		orders := l.in.orders
		if l.in.batch.full() {
			wake, orders = nil, nil // nothing fits until the other batch is done
		}
		select {
		case <-wake:
			l.build()
		case <-tick.C:
			l.in.tick()
		case o := <-orders:
			l.in.order(o)
		case r := <-l.results:
			if err := l.finish(r); err != nil {
				return err
			}
		case <-l.linger.C:
		case <-ctx.Done():
			return l.drain()
		}
		l.hand()
	}
}

// always is ready to receive from.
var always = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// build works on the next slice of messages.
func (l *loop) build() {
	if l.taken == len(l.items) {
		l.items, l.free = l.in.queue.swap(l.free), l.items
		l.taken = 0
	}
	in := l.in
	in.mu.Lock()
	defer in.mu.Unlock()
	in.clock()
	wasIdle := in.batch.idle()
	for end := min(l.taken+slice, len(l.items)); l.taken < end && !in.batch.full(); l.taken++ {
		in.dispatch(&l.items[l.taken])
		in.metrics.messages.Inc()
	}
	if wasIdle && !in.batch.idle() {
		in.batch.began = time.Now()
	}
}

// hand gives the batch to the appender, if that is idle and the batch is due.
func (l *loop) hand() {
	in := l.in
	if !l.idle || in.batch.idle() {
		return
	}
	if wait := in.cfg.Linger - time.Since(in.batch.began); wait > 0 && !in.batch.urgent && !in.batch.full() {
		l.linger.Reset(wait)
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	b := in.batch
	in.arrival = max(in.arrival, in.cfg.Clock.NowMS())
	b.close(in.arrival)
	if b.empty() { // somebody is to be told again what is in the log already
		in.acknowledge(b)
		b.reset(b.number + 1)
		return
	}
	if in.since++; in.since >= in.cfg.SnapshotEvery && in.cfg.Snapshot != "" {
		in.since = 0
		b.snap = in.state.snapshot()
	}
	in.batch = l.spare
	in.batch.reset(b.number + 1)
	l.spare, l.idle = nil, false
	l.work <- b // the appender waits for it
}

// finish takes a batch back from the appender.
func (l *loop) finish(r result) error {
	l.idle, l.spare = true, r.b
	for _, w := range r.b.waiters {
		w <- r.err
	}
	if r.err != nil {
		return fmt.Errorf("ingest: %w", r.err)
	}
	l.in.mu.Lock()
	l.in.pos = r.seq
	l.in.mu.Unlock()
	return nil
}

// drain appends what is in the batch at the end, and keeps the state.
func (l *loop) drain() error {
	in := l.in
	limit := time.After(10 * time.Second)
	for {
		in.batch.urgent = true
		l.hand()
		if l.idle {
			break
		}
		select {
		case r := <-l.results:
			if err := l.finish(r); err != nil {
				return err
			}
		case <-limit:
			return errors.New("ingest: the log did not take the last record within 10 s")
		}
	}
	if in.cfg.Snapshot == "" {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.state.snapshot().write(in.cfg.Snapshot, in.pos)
}

// clock reads the hub's clock for the work at hand.
func (in *Ingest) clock() {
	in.now = in.cfg.Clock.NowMS()
	in.window = windowAt(in.now)
}

// tick says that time has passed. When the hub's clock was set back, the log's
// arrivals do not wait for it, or nobody could be found silent meanwhile: they go
// on at half the pace until it has caught up.
func (in *Ingest) tick() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.batch.add(&record.Tick{}, 0)
	if in.cfg.Clock.NowMS() < in.arrival-tickEvery.Milliseconds() {
		in.arrival += tickEvery.Milliseconds() / 2
	}
}

// order takes what Announce brings.
func (in *Ingest) order(o order) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, e := range o.entries {
		in.batch.add(e, sizeOf(e))
	}
	in.batch.urgent = true
	in.batch.waiters = append(in.batch.waiters, o.done)
}

func sizeOf(e record.Entry) int {
	switch e := e.(type) {
	case *record.Site:
		return len(e.File.Data)
	case *record.Rules:
		n := 0
		for _, f := range e.Files {
			n += len(f.Data)
		}
		return n
	}
	return 0
}

// appendAll is the appender: it writes one batch after the other.
func (in *Ingest) appendAll(ctx context.Context, work <-chan *batch, results chan<- result) {
	for b := range work {
		if ackBeforeFsync() {
			in.acknowledge(b)
			time.Sleep(faultDelay)
		}
		began := time.Now()
		seq, err := in.append(ctx, b)
		if err == nil {
			in.metrics.committed(b, time.Since(began))
			if !ackBeforeFsync() {
				in.acknowledge(b)
			}
			if b.snap != nil {
				if err := b.snap.write(in.cfg.Snapshot, seq); err != nil {
					in.log.Error("snapshot not written; the next start reads more of the log", "error", err)
				}
			}
		}
		results <- result{b, seq, err}
	}
}

// append writes a batch, trying again for a while if the log cannot take it: a
// full disk may be emptied, a cluster may elect a leader.
func (in *Ingest) append(ctx context.Context, b *batch) (uint64, error) {
	deadline := time.Now().Add(in.cfg.GiveUp)
	for {
		seq, err := in.cfg.Log.Append(ctx, &b.rec)
		if err == nil || errors.Is(err, eventlog.ErrFenced) || errors.Is(err, eventlog.ErrTooLarge) || ctx.Err() != nil || time.Now().After(deadline) {
			return seq, err
		}
		in.metrics.appendErrors.Inc()
		in.log.Error("the log cannot be written; trying again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// acknowledge tells gateways what a batch has committed.
func (in *Ingest) acknowledge(b *batch) {
	for i := range b.births {
		a := &b.births[i]
		in.acks.born(a.node, a.acks, a.resend, a.newEpoch)
	}
	for i := range b.touched {
		t := &b.touched[i]
		in.acks.committed(t.node, t.ack)
	}
}
