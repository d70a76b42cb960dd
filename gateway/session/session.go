package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"weishao.dev/weishao/telemetry/sparkplug"
)

// Session keeps a gateway connected. Make it with New, run it once.
type Session struct {
	cfg   Config
	deps  Deps
	names *names
	bdSeq uint64
	round atomic.Int64 // when sending last went round, nanoseconds after origin; 0 while it does not run

	mu     sync.Mutex
	status Status
	config reported
	news   chan struct{} // has a token when config has changed
}

// New checks the configuration; it connects nowhere.
func New(cfg Config, deps Deps) (*Session, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	if deps.Outbox == nil || deps.Log == nil {
		return nil, errors.New("session: an outbox and a logger are needed")
	}
	// bdSeq tells sessions apart. It starts anywhere, so that the will of a process
	// that was killed does not match the birth of the next.
	return &Session{cfg: cfg, deps: deps, names: newNames(deps.Devices, deps.Unit), bdSeq: rand.Uint64N(256), news: make(chan struct{}, 1)}, nil
}

// stable is how long a connection has to last for the next to be made quickly.
const stable = 10 * time.Second

// Run connects, again and again, until ctx ends; then it says goodbye with a
// certificate of death and returns within Write plus a second.
func (s *Session) Run(ctx context.Context) {
	wait := backoff{least: s.cfg.MinBackoff, most: s.cfg.MaxBackoff}
	for ctx.Err() == nil {
		s.turned()
		began := time.Now()
		err := s.connection(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > stable {
			wait.reset()
		}
		pause := wait.wait()
		s.lost(err)
		attrs := []any{"url", s.cfg.URL, "error", err, "next_try", pause.String()}
		if text := remedy(s.cfg.URL, err); text != "" {
			attrs = append(attrs, "remedy", text)
		}
		s.deps.Log.Warn("no connection to the hub's broker", attrs...)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	s.round.Store(0)
	s.lost(errors.New("stopped"))
}

// connection lives as long as one connection does.
func (s *Session) connection(ctx context.Context) error {
	s.bdSeq = (s.bdSeq + 1) % 256
	c, err := s.dial(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.status.Connected, s.status.Since, s.status.LastError = true, time.Now(), ""
	s.status.Connects++
	s.mu.Unlock()
	return c.run(ctx)
}

// reported is what births say of the configuration that the hub pushed.
type reported struct {
	version, problem string
	change           uint64 // counts reports
}

// Report has births say which pushed configuration is in effect, and which was not
// taken and why; each may be "". The hub gets a birth at once.
func (s *Session) Report(version, problem string) {
	s.mu.Lock()
	s.config = reported{version, problem, s.config.change + 1}
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *Session) reported() reported {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

// origin is what Idle counts from: a clock that is set must not look like a stall.
var origin = time.Now()

func (s *Session) turned() { s.round.Store(max(1, int64(time.Since(origin)))) }

// Idle is for how long sending has not gone round: at most a minute, plus what
// connecting takes, unless it is stuck. 0 while it does not run.
func (s *Session) Idle() time.Duration {
	at := s.round.Load()
	if at == 0 {
		return 0
	}
	return time.Since(origin) - time.Duration(at)
}

func (s *Session) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Connected || s.status.Since.IsZero() {
		s.status.Since = time.Now()
	}
	s.status.Connected, s.status.InFlight, s.status.LastError = false, 0, err.Error()
}

// Status is a snapshot.
func (s *Session) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Session) topic(t sparkplug.MessageType) string {
	return sparkplug.NodeTopic(t, s.cfg.Group, s.cfg.Node)
}

func (s *Session) deviceTopic(t sparkplug.MessageType, device string) string {
	return sparkplug.DeviceTopic(t, s.cfg.Group, s.cfg.Node, device)
}
