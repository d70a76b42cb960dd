package ingest

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"weishao.dev/weishao/telemetry/sparkplug"
)

// How often one gateway is told something.
const (
	ackEvery     = 50 * time.Millisecond
	resendEvery  = 200 * time.Millisecond
	rebirthEvery = time.Second
	retryPublish = time.Second // after the broker could not be reached
)

// acker sends NCMDs, on a goroutine of its own since publishing may wait for the
// network. What is to be said to one gateway is gathered until it may be said.
type acker struct {
	publish      func(topic string, payload []byte) error
	now          func() int64 // hub's clock, Unix ms, for the commands' timestamps
	log          *slog.Logger
	sent         func(c *sparkplug.Command)
	rebirthEvery time.Duration

	mu      sync.Mutex
	nodes   map[string]*letter
	waiting []*letter // have something to say
	wake    chan struct{}
}

// letter is what is to be said to one gateway.
type letter struct {
	topic     string
	committed map[uint64]uint64 // by run, everything the gateway's session declared
	changed   map[uint64]bool
	cmd       sparkplug.Command // Resend, Rebirth and NewEpoch wanted
	queued    bool
	notBefore time.Time
	resent    time.Time
	reborn    time.Time
}

func newAcker(publish func(string, []byte) error, now func() int64, log *slog.Logger) *acker {
	return &acker{publish: publish, now: now, log: log, sent: func(*sparkplug.Command) {}, rebirthEvery: rebirthEvery,
		nodes: map[string]*letter{}, wake: make(chan struct{}, 1)}
}

// tell has f say what is to be said to a node.
func (a *acker) tell(n *node, f func(l *letter)) {
	a.mu.Lock()
	l := a.nodes[n.Node]
	if l == nil {
		l = &letter{topic: n.commands, committed: map[uint64]uint64{}, changed: map[uint64]bool{}}
		a.nodes[n.Node] = l
	}
	f(l)
	if !l.queued {
		l.queued = true
		a.waiting = append(a.waiting, l)
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// committed acknowledges a run.
func (a *acker) committed(n *node, c sparkplug.Committed) {
	a.tell(n, func(l *letter) { l.committed[c.Run], l.changed[c.Run] = c.Seq, true })
}

// resend asks for all that follows the committed again.
func (a *acker) resend(n *node) { a.tell(n, func(l *letter) { l.cmd.Resend = true }) }

// rebirth asks for all births again.
func (a *acker) rebirth(n *node) { a.tell(n, func(l *letter) { l.cmd.Rebirth = true }) }

// reborn forgets a request for births, for they come. One that is made from then on
// stands, though the answer to the birth leaves later.
func (a *acker) reborn(n *node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.nodes[n.Node]; l != nil {
		l.cmd.Rebirth = false
	}
}

// born answers a birth: where each declared run is committed to.
func (a *acker) born(n *node, runs []sparkplug.Committed, resend, newEpoch bool) {
	a.tell(n, func(l *letter) {
		clear(l.committed)
		clear(l.changed)
		for _, c := range runs {
			l.committed[c.Run], l.changed[c.Run] = c.Seq, true
		}
		l.cmd.Resend = l.cmd.Resend || resend
		l.cmd.NewEpoch = l.cmd.NewEpoch || newEpoch
		l.notBefore, l.resent = time.Time{}, time.Time{}
	})
}

// run sends what is due until ctx ends.
func (a *acker) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
		}
		if next := a.send(time.Now()); next > 0 {
			timer.Reset(next)
		}
	}
}

// send sends what is due now and says how long it is until more is; 0 if
// nothing waits.
func (a *acker) send(now time.Time) time.Duration {
	for {
		l, topic, cmd, next := a.take(now)
		if l == nil {
			return next
		}
		if err := a.publish(topic, sparkplug.AppendCommand(nil, cmd)); err != nil {
			a.log.Debug("command not sent", "topic", topic, "error", err)
			a.again(l, cmd, now)
			continue
		}
		a.sent(cmd)
	}
}

// take finds a gateway that may be told something now.
func (a *acker) take(now time.Time) (l *letter, topic string, cmd *sparkplug.Command, next time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := 0; i < len(a.waiting); i++ {
		l := a.waiting[i]
		due := l.due(a.rebirthEvery)
		if due.After(now) {
			if wait := due.Sub(now); next == 0 || wait < next {
				next = wait
			}
			continue
		}
		cmd := l.write(now, a.now(), a.rebirthEvery)
		if l.nothing() {
			l.queued = false
			last := len(a.waiting) - 1
			a.waiting[i], a.waiting[last] = a.waiting[last], nil
			a.waiting = a.waiting[:last]
		}
		return l, l.topic, cmd, 0
	}
	return nil, "", nil, next
}

func (l *letter) nothing() bool {
	return len(l.changed) == 0 && !l.cmd.Resend && !l.cmd.Rebirth && !l.cmd.NewEpoch
}

// due is when the first of what is to be said may be said.
func (l *letter) due(rebirthEvery time.Duration) time.Time {
	var due time.Time
	consider := func(t time.Time) {
		if due.IsZero() || t.Before(due) {
			due = t
		}
	}
	epoch := time.Unix(0, 0) // at once, yet not zero
	if len(l.changed) > 0 || l.cmd.NewEpoch {
		consider(latest(epoch, l.notBefore))
	}
	if l.cmd.Resend {
		consider(latest(epoch, l.notBefore, l.resent.Add(resendEvery)))
	}
	if l.cmd.Rebirth {
		consider(latest(epoch, l.notBefore, l.reborn.Add(rebirthEvery)))
	}
	if due.IsZero() {
		return epoch
	}
	return due
}

func latest(list ...time.Time) time.Time {
	t := list[0]
	for _, u := range list[1:] {
		if u.After(t) {
			t = u
		}
	}
	return t
}

// write makes the command of all that may be said now.
func (l *letter) write(now time.Time, stamp int64, rebirthEvery time.Duration) *sparkplug.Command {
	c := &sparkplug.Command{Timestamp: stamp, NewEpoch: l.cmd.NewEpoch}
	l.cmd.NewEpoch = false
	if l.cmd.Resend && !now.Before(l.resent.Add(resendEvery)) {
		// What to send again follows from what is committed, so say all of it.
		c.Resend, l.cmd.Resend, l.resent = true, false, now
		for run := range l.committed {
			l.changed[run] = true
		}
	}
	if l.cmd.Rebirth && !now.Before(l.reborn.Add(rebirthEvery)) {
		c.Rebirth, l.cmd.Rebirth, l.reborn = true, false, now
	}
	for run := range l.changed {
		c.Committed = append(c.Committed, sparkplug.Committed{Run: run, Seq: l.committed[run]})
	}
	clear(l.changed)
	l.notBefore = now.Add(ackEvery)
	return c
}

// again puts back what could not be sent.
func (a *acker) again(l *letter, c *sparkplug.Command, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range c.Committed {
		if _, ok := l.committed[r.Run]; ok {
			l.changed[r.Run] = true
		}
	}
	l.cmd.Resend = l.cmd.Resend || c.Resend
	l.cmd.Rebirth = l.cmd.Rebirth || c.Rebirth
	l.cmd.NewEpoch = l.cmd.NewEpoch || c.NewEpoch
	l.notBefore = now.Add(retryPublish)
	if !l.queued {
		l.queued = true
		a.waiting = append(a.waiting, l)
	}
}
