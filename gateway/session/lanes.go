package session

import (
	"errors"
	"log/slog"
	"time"

	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry/record"
)

// lane is one declared run being sent.
type lane struct {
	run        uint64
	kind       record.RunKind // as declared: Live, Alarm or Backlog
	reader     *outbox.Reader
	base       uint64        // highest sequence that is acknowledged
	done       bool          // a backlog that was read to its end
	since      time.Time     // of the last progress, or of the first message in flight
	timeout    time.Duration // without progress until sending goes back
	rewound    time.Time
	retry      time.Time // when to read on after the disk failed
	unreadable bool      // that it failed was told
}

// inFlight is how many sequences were sent and not acknowledged.
func (l *lane) inFlight() int {
	if p := l.reader.Position(); p > l.base+1 {
		return int(p - 1 - l.base)
	}
	return 0
}

// lanes sends runs in their order of urgency. It is used by one goroutine.
type lanes struct {
	cfg   *Config
	box   *outbox.Outbox
	log   *slog.Logger
	list  []*lane // as declared: alarm, live, backlog
	rate  bucket
	share share

	rewinds uint64 // since they were last noted
	acked   uint64 // readings, since they were last noted
}

func newLanes(cfg *Config, box *outbox.Outbox, log *slog.Logger) *lanes {
	return &lanes{cfg: cfg, box: box, log: log, rate: newBucket(cfg.BacklogRate), share: newShare(cfg.Window)}
}

// declare takes the runs as the birth certificate has them. Lanes of runs that stay
// keep their position.
func (s *lanes) declare(runs []outbox.RunState, now time.Time) {
	old := map[uint64]*lane{}
	for _, l := range s.list {
		old[l.run] = l
	}
	s.list = s.list[:0]
	for _, r := range runs {
		l := old[r.ID]
		delete(old, r.ID)
		if l == nil {
			l = &lane{run: r.ID, reader: s.box.Reader(r.ID, r.Committed+1), base: r.Committed, timeout: s.cfg.AckTimeout, since: now}
		}
		l.kind, l.done = r.Kind, false
		s.list = append(s.list, l)
	}
	for _, l := range old {
		l.reader.Close()
	}
}

func (s *lanes) close() {
	for _, l := range s.list {
		l.reader.Close()
	}
	s.list = nil
}

func (s *lanes) find(run uint64) *lane {
	for _, l := range s.list {
		if l.run == run {
			return l
		}
	}
	return nil
}

// committed takes the hub's word for a run.
func (s *lanes) committed(run, seq uint64, now time.Time) {
	s.box.Committed(run, seq)
	s.share.ack(run, seq, now)
	l := s.find(run)
	if l == nil || seq <= l.base {
		return
	}
	if sent := l.reader.Position() - 1; sent > l.base {
		s.acked += min(seq, sent) - l.base
	}
	l.base, l.since, l.timeout = seq, now, s.cfg.AckTimeout
	if l.reader.Position() <= seq {
		l.reader.Seek(seq + 1) // an earlier connection's readings arrived after all
	}
}

// readRetry is how long a run rests that the disk did not let us read.
const readRetry = 10 * time.Second

// staleResend is how long after going back another request to go back to the same
// place is taken to speak of messages that were sent before.
const staleResend = 300 * time.Millisecond

// resend goes back to what the hub says it wants next, even if it wanted more before:
// a hub may have lost its memory. It reports whether the hub wants what is not held
// any more, and so has to be told by a birth what is.
func (s *lanes) resend(run, committed uint64, now time.Time) (declare bool) {
	l := s.find(run)
	if l == nil || committed == l.base && now.Sub(l.rewound) < staleResend {
		return false
	}
	l.base = committed
	s.rewind(l, now)
	state, ok := s.box.Run(run)
	return !ok || state.Oldest > committed+1
}

// rewindAll goes back in all runs.
func (s *lanes) rewindAll(now time.Time) {
	for _, l := range s.list {
		s.rewind(l, now)
	}
}

func (s *lanes) rewind(l *lane, now time.Time) {
	l.rewound, l.since, l.done = now, now, false
	if l.reader.Position() != l.base+1 {
		l.reader.Seek(l.base + 1)
		s.rewinds++
	}
	s.share.reset()
}

// expire goes back in runs for which nothing was acknowledged for too long. It
// returns when the next one is due; 0 if nothing is in flight.
func (s *lanes) expire(now time.Time) time.Duration {
	var next time.Duration
	for _, l := range s.list {
		if l.inFlight() == 0 {
			continue
		}
		left := l.since.Add(l.timeout).Sub(now)
		if left <= 0 {
			l.timeout = min(2*l.timeout, s.cfg.MaxTimeout)
			s.rewind(l, now)
			continue
		}
		if next == 0 || left < next {
			next = left
		}
	}
	return next
}

func (s *lanes) inFlight() (total, backlog int) {
	for _, l := range s.list {
		n := l.inFlight()
		total += n
		if l.kind == record.Backlog {
			backlog += n
		}
	}
	return total, backlog
}

// next picks what to send now. ok is false if there is nothing, or not yet: then it
// may be tried again after wait (if not 0), or when something changes.
func (s *lanes) next(now time.Time) (l *lane, c outbox.Chunk, ok bool, wait time.Duration) {
	total, backlog := s.inFlight()
	for _, l := range s.list {
		if now.Before(l.retry) {
			wait = l.retry.Sub(now)
			continue
		}
		switch l.kind {
		case record.Live:
			if total >= s.cfg.Window {
				continue
			}
		case record.Backlog:
			if l.done {
				continue
			}
			if total >= s.cfg.Window || backlog >= s.share.n {
				return nil, c, false, wait
			}
			if w := s.rate.wait(now); w > 0 {
				return nil, c, false, w
			}
		}
		idle := l.inFlight() == 0
		c, err := l.reader.Next(s.cfg.MaxReadings)
		switch _, damaged := errors.AsType[*outbox.CorruptError](err); {
		case err == nil:
			l.unreadable = false
			if idle {
				l.since = now
			}
			if l.kind == record.Backlog {
				s.rate.take(len(c.Points))
				s.share.note(l.run, c.First+uint64(len(c.Points))-1, now)
			}
			return l, c, true, 0
		case damaged, errors.Is(err, outbox.ErrGone):
			l.done = true // until the runs are declared again
		case errors.Is(err, outbox.ErrDone):
			l.done = l.kind == record.Backlog
			if l.done {
				l.reader.Close()
			}
		default:
			if !l.unreadable {
				s.log.Error("the outbox cannot be read; it is tried again", "run", l.run, "error", err, "every", readRetry.String())
			}
			l.unreadable, l.retry = true, now.Add(readRetry)
		}
	}
	return nil, outbox.Chunk{}, false, wait
}

// drained reports whether nothing is declared but the open runs.
func (s *lanes) drained() bool {
	for _, l := range s.list {
		if l.kind == record.Backlog && !l.done || l.inFlight() > 0 {
			return false
		}
	}
	return true
}
