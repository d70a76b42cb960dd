package gateway

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// pulse is when a part of the gateway last went round. The zero value has not begun.
type pulse struct{ at atomic.Int64 } // nanoseconds since start, at least 1

// start is what pulses are counted from: the clock of a board without a battery
// jumps, this does not.
var start = time.Now()

func (p *pulse) beat() { p.at.Store(max(1, int64(time.Since(start)))) }

// since is how long ago the part went round; 0 if it has not begun.
func (p *pulse) since() time.Duration {
	at := p.at.Load()
	if at == 0 {
		return 0
	}
	return time.Since(start) - time.Duration(at)
}

const (
	// commitStall is for how long a commit may hang. The outbox gives a hanging
	// disk up long before.
	commitStall = time.Minute
	// sessionStall is for how long the session may not go round: it rests for a
	// minute at most, and for as long as connecting and the pause after it take.
	sessionStall = 3 * time.Minute
	// alarmPulse is how often the commits of alarms go round when there is none.
	alarmPulse = 5 * time.Second
)

// sampleStall is for how long a device may be late with a reading, or with the fault
// that is said in its stead, beyond four of its intervals. Tests have no half minute.
var sampleStall = 30 * time.Second

// Stuck says which parts of the gateway make no progress; nil while all do.
// Sampling, committing and the session are looked at. A sensor that does not
// answer, a disk that fails and a broker that is away are no reason: the gateway
// works on. It is for a watchdog.
func (g *Gateway) Stuck() error {
	var errs []error
	look := func(what string, p *pulse, limit time.Duration) {
		if d := p.since(); d > limit {
			errs = append(errs, fmt.Errorf("%s for %v", what, d.Round(time.Second)))
		}
	}
	every := max(g.deps.Clock.Wall(time.Duration(g.cfg.Outbox.CommitInterval.V)), leastCommit)
	look("commits", &g.commits, commitStall+2*every)
	look("commits of alarms", &g.alarms, commitStall+alarmPulse)
	if d := g.session.Idle(); d > sessionStall {
		errs = append(errs, fmt.Errorf("session for %v", d.Round(time.Second)))
	}
	for _, p := range g.probes {
		p.mu.Lock()
		ended := p.status.Ended
		p.mu.Unlock()
		if p.info.Interval > 0 && !ended {
			look("device "+p.info.ID, &p.said, 4*g.deps.Clock.Wall(p.info.Interval)+sampleStall)
		}
	}
	return errors.Join(errs...)
}
