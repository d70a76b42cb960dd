package edge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/gateway/edgerules"
	"weishao.dev/weishao/internal/durable"
	"weishao.dev/weishao/telemetry"
)

// What a hub pushes (gateway.Pushed) is kept in the gateway's state folder:
//
//	pushed.yaml        in effect: it has proved itself
//	pushed.trial.yaml  on trial; found at a start, the process ended meanwhile, and it is given up
//
// A configuration is checked beside the gateway that runs, then the gateway is made
// anew with it within the process, which takes a second or two without sampling. If
// it is not healthy within a minute, it is made anew once more with what was before.
const (
	goodFile  = "pushed.yaml"
	trialFile = "pushed.trial.yaml"
)

const (
	trialTime = time.Minute
	trialLook = 250 * time.Millisecond // how often its health is looked at
	maxPush   = 256 << 10
)

// configVersion names a pushed configuration, on the gateway as at the hub.
func configVersion(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// stage runs a gateway, and makes it anew with what is pushed.
type stage struct {
	file     string
	dir      string // state folder
	log      *slog.Logger
	patience time.Duration // trialTime, but for tests
	build    func(pushed string) (*parts, error)

	running          atomic.Pointer[gateway.Gateway]
	latches          map[string]actuator.Latch // of the life before, which the disk may not have
	version, problem string                    // as reported to the hub
	pushes           chan []byte               // the newest that was not looked at
}

// attempt is one life of the gateway.
type attempt struct {
	pushed  string         // goodFile, trialFile, or "" for its own file alone
	version string         // on trial
	before  gateway.Status // before the trial
}

func newStage(file string, log *slog.Logger) (*stage, error) {
	own, err := gateway.Load(file, kindsOn(newWiring(bus.Host()), telemetry.NewCatalogue(telemetry.LEL{}), log))
	if err != nil {
		return nil, err
	}
	s := &stage{file: file, dir: own.State.V, log: log, patience: trialTime, pushes: make(chan []byte, 1)}
	s.build = func(pushed string) (*parts, error) { return loadPushed(newWiring(bus.Host()), file, pushed, log) }
	return s, nil
}

// run runs the gateway until ctx ends.
func (s *stage) run(ctx context.Context) error {
	a := s.first()
	for {
		next, err := s.live(ctx, a)
		if next == nil {
			return err
		}
		a = *next
	}
}

// first is what the gateway starts with.
func (s *stage) first() attempt {
	if text, err := os.ReadFile(s.path(trialFile)); err == nil {
		s.giveUp(configVersion(text), errors.New("the gateway ended while it was on trial"))
	}
	return s.good()
}

// good is the last configuration that has proved itself.
func (s *stage) good() attempt {
	text, err := os.ReadFile(s.path(goodFile))
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			s.log.Error("what the hub pushed cannot be read; the gateway's own file is in effect", "error", err)
		}
		s.version = ""
		return attempt{}
	}
	s.version = configVersion(text)
	s.log.Info("parts of the configuration are the hub's", "version", s.version, "file", s.path(goodFile))
	return attempt{pushed: goodFile}
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// live is one life of the gateway. It returns the next one, or nil when the gateway
// is to end.
func (s *stage) live(all context.Context, a attempt) (*attempt, error) {
	ctx, cancel := context.WithCancelCause(all)
	defer cancel(nil)
	p, err := s.build(a.pushed)
	if err != nil {
		return s.failed(a, err)
	}
	for _, actor := range p.watch.Actuators() {
		if l, known := s.latches[actor.ID()]; known {
			actor.Resume(l)
		}
	}
	p.deps.Configure = s.take
	var next *attempt
	p.beside = func(running context.Context, g *gateway.Gateway) {
		s.running.Store(g)
		g.Report(s.version, s.problem)
		if next = s.watch(running, g, p.watch, a); next != nil {
			cancel(actuator.ErrAnew)
		}
	}
	err = p.run(ctx, s.log)
	if err := p.buses.Close(); err != nil { // the next life opens them anew
		s.log.Warn("a bus was not let go", "error", err)
	}
	s.running.Store(nil)
	s.latches = map[string]actuator.Latch{}
	for _, actor := range p.watch.Actuators() {
		s.latches[actor.ID()] = actor.Latch()
	}
	if next == nil && err != nil && all.Err() == nil {
		return s.failed(a, err)
	}
	return next, err
}

// failed is what comes after a life that could not begin.
func (s *stage) failed(a attempt, err error) (*attempt, error) {
	switch a.pushed {
	case trialFile:
		s.giveUp(a.version, err)
		back := s.good()
		return &back, nil
	case goodFile:
		s.problem = s.version + ": " + err.Error()
		s.log.Error("what the hub pushed does not fit any more; the gateway's own file is in effect", "version", s.version, "error", err)
		s.version = ""
		return &attempt{}, nil
	}
	return nil, err
}

// take is handed what the hub pushes, on the session's goroutine.
func (s *stage) take(text string) {
	for {
		select {
		case s.pushes <- []byte(text):
			return
		default:
		}
		select {
		case <-s.pushes: // the later word counts
		default:
		}
	}
}

// watch looks after a gateway that runs: a trial's health, and what is pushed. It
// returns the next life if there is to be one.
func (s *stage) watch(ctx context.Context, g *gateway.Gateway, rules *edgerules.Watch, a attempt) *attempt {
	var look <-chan time.Time
	began := time.Now()
	if a.pushed == trialFile {
		t := time.NewTicker(trialLook)
		defer t.Stop()
		look = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look:
			err := healthy(g, a.before, s.patience)
			if err == nil {
				err = s.keep()
			}
			switch {
			case err == nil:
				s.version, s.problem = a.version, ""
				s.log.Info("the configuration that was pushed is in effect", "version", s.version)
				g.Report(s.version, "")
				look = nil
			case time.Since(began) > s.patience:
				s.giveUp(a.version, err)
				back := s.good()
				return &back
			}
		case text := <-s.pushes:
			version := configVersion(text)
			err := errors.New("another one is on trial: push again in a minute")
			if look == nil {
				err = rules.Danger() // while there is any nothing is tried
			}
			if err == nil {
				err = s.consider(text)
			}
			if err == nil {
				s.log.Info("a configuration was pushed and is tried", "version", version)
				s.problem = ""
				return &attempt{pushed: trialFile, version: version, before: g.Status()}
			}
			s.log.Warn("a configuration was pushed and is not taken", "version", version, "error", err)
			// People know the file by what they pushed, not by where it lies here.
			g.Report(s.version, version+": "+strings.ReplaceAll(err.Error(), s.path(trialFile), goodFile))
		}
	}
}

// consider checks a configuration and puts it where a trial finds it.
func (s *stage) consider(text []byte) error {
	if len(text) > maxPush {
		return fmt.Errorf("%d bytes are too many: at most %d", len(text), maxPush)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if err := durable.WriteFile(s.path(trialFile), text, 0o600); err != nil {
		return err
	}
	p, err := s.build(trialFile)
	if err == nil {
		_, err = gateway.Describe(p.cfg, p.deps)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(s.path(trialFile)))
	}
	return err
}

// keep makes the trial's configuration the one in effect. It is from the moment that it
// has its name: a folder that cannot be synced costs what a power cut may undo.
func (s *stage) keep() error {
	if err := os.Rename(s.path(trialFile), s.path(goodFile)); err != nil {
		return err
	}
	if err := durable.SyncDir(s.dir); err != nil {
		s.log.Warn("a power cut may bring back the configuration before", "error", err)
	}
	return nil
}

func (s *stage) giveUp(version string, err error) {
	s.problem = version + ": " + err.Error()
	s.log.Error("the configuration that was pushed is given up; the one before is in effect", "version", version, "error", err)
	if err := os.Remove(s.path(trialFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Error("its file cannot be removed", "error", err)
	}
}

// healthy says why a gateway on trial is not well yet: it has to be connected and
// heard by the hub, to have committed there what it sends, and to measure with each
// sensor that measured before. Those that are slower than a trial are not waited for,
// so there may be nothing to send.
func healthy(g *gateway.Gateway, before gateway.Status, patience time.Duration) error {
	now := g.Status()
	if err := g.Stuck(); err != nil {
		return fmt.Errorf("no progress: %w", err)
	}
	if !now.Session.Connected {
		return fmt.Errorf("no connection to the hub: %s", now.Session.LastError)
	}
	if now.Session.LastAck.IsZero() {
		return errors.New("the hub has not answered its birth")
	}
	if now.Session.Readings > 0 && now.Session.Committed == 0 {
		return errors.New("the hub has committed nothing that it sent")
	}
	measures := map[string]gateway.DeviceStatus{}
	for _, d := range now.Devices {
		measures[d.ID] = d
	}
	for _, i := range g.Devices() {
		d := measures[i.ID]
		if i.Interval*2 < patience && measured(before, i.ID) && (d.Last.IsZero() || d.Problem != "") {
			return fmt.Errorf("%s measured before and does not now %s", i.ID, d.Problem)
		}
	}
	return nil
}

func measured(s gateway.Status, device string) bool {
	for _, d := range s.Devices {
		if d.ID == device {
			return !d.Last.IsZero() && d.Problem == "" && !d.Ended
		}
	}
	return false
}
