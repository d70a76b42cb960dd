package session

import (
	"math/rand/v2"
	"time"
)

// bucket limits a rate. It lets through while there is anything in it and may be
// overdrawn by one message, so that a message need not be known before.
type bucket struct {
	rate, level, cap float64
	at               time.Time
}

func newBucket(rate int) bucket {
	c := max(float64(rate)/20, 1) // what 50 ms bring
	return bucket{rate: float64(rate), level: c, cap: c}
}

// wait is how long until something may be taken; 0 for now.
func (b *bucket) wait(now time.Time) time.Duration {
	if !b.at.IsZero() {
		b.level = min(b.cap, b.level+b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
	if b.level > 0 {
		return 0
	}
	return time.Duration((1-b.level)/b.rate*float64(time.Second)) + time.Microsecond
}

func (b *bucket) take(n int) { b.level -= float64(n) }

// share is how many readings the backlog may have in flight. Acknowledgements that
// take long mean that the link or the hub has a queue, in which an alarm would wait
// too; then it is halved. Quick ones let it grow, up to most of the window.
type share struct {
	n, least, most int

	run, seq uint64 // the message whose acknowledgement is timed
	sent     time.Time
}

const (
	quickAck = 500 * time.Millisecond
	slowAck  = time.Second
)

func newShare(window int) share {
	most := max(window*3/4, 1)
	return share{n: min(2000, most), least: min(200, most), most: most}
}

// note begins to time a message, unless one is being timed.
func (s *share) note(run, seq uint64, now time.Time) {
	if s.sent.IsZero() {
		s.run, s.seq, s.sent = run, seq, now
	}
}

// ack takes the hub's word.
func (s *share) ack(run, seq uint64, now time.Time) {
	if s.sent.IsZero() || run != s.run || seq < s.seq {
		return
	}
	switch took := now.Sub(s.sent); {
	case took < quickAck:
		s.n = min(2*s.n, s.most)
	case took > slowAck:
		s.n = max(s.n/2, s.least)
	}
	s.sent = time.Time{}
}

// reset forgets the message being timed: it will be sent again.
func (s *share) reset() { s.sent = time.Time{} }

// backoff is the wait before the next connection: doubling from least to most, each
// time between half and all of it, so that gateways which lost the same broker do not
// come back together.
type backoff struct{ least, most, next time.Duration }

func (b *backoff) reset() { b.next = 0 }

func (b *backoff) wait() time.Duration {
	b.next = min(max(2*b.next, b.least), b.most)
	return b.next/2 + rand.N(b.next/2+1)
}
