package edge

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"weishao.dev/weishao/devices/actuator"
)

// staged is a stage with a board of the test's, without a hub.
type staged struct {
	*stage
	board *header
	lives chan *parts // each as it is made, but for those that are only looked at
	log   *lines
}

func newStaged(t *testing.T, file string, patience time.Duration) *staged {
	t.Helper()
	r := &staged{board: newHeader(), lives: make(chan *parts, 64), log: &lines{more: make(chan struct{}, 1)}}
	s, err := newStage(file, slog.New(slog.NewTextHandler(r.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s.patience = patience
	s.build = func(pushed string) (*parts, error) {
		p, err := loadPushed(newWiring(r.board.openers()), file, pushed, s.log)
		if err == nil {
			r.lives <- p
		}
		return p, err
	}
	r.stage = s
	return r
}

func (r *staged) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// next is the next life that is made.
func (r *staged) next(t *testing.T) *parts {
	t.Helper()
	select {
	case p := <-r.lives:
		return p
	case <-time.After(20 * time.Second):
		t.Fatal("there is no other life")
		return nil
	}
}

// What has tripped while a configuration was on trial stays tripped when that is given
// up, though the disk took no latch.
func TestLatchOutlivesATrial(t *testing.T) {
	dir := t.TempDir()
	r := newStaged(t, write(t, dir, "gateway.yaml", house), 2*time.Second)
	if err := os.MkdirAll(filepath.Join(dir, "state", "valve.json", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	r.next(t)
	r.board.want(t, 2, true)
	r.take("{}")
	r.next(t) // as it is checked
	trial := r.next(t)
	valve, err := trial.watch.Actuator("valve")
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "trial", func() bool { return valve.Status().Known })
	valve.Trip(actuator.Cause{Rule: "gas-leak", Device: "g/n/kitchen", At: time.Now().UnixMilli()})
	r.board.want(t, 1, true)
	r.log.find(t, `(configuration that was pushed is given up)`)
	after, err := r.next(t).watch.Actuator("valve")
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "word of the valve", func() bool { return after.Status().Known })
	if !after.Latch().Latched || !r.board.level(1) {
		t.Errorf("the valve's latch is %+v, its line %v", after.Latch(), r.board.level(1))
	}
}

// A gateway that is made anew has not stopped: no valve closes, none that is shut opens.
func TestNoFailSafeBetweenLives(t *testing.T) {
	dir := t.TempDir()
	r := newStaged(t, write(t, dir, "gateway.yaml", house+`
  - {id: safe, kind: gas_valve, fail_safe: act, output: {gpio: {line: 5}}}
  - {id: open, kind: gas_valve, fail_safe: rest, output: {gpio: {line: 6}}}
`), 2*time.Second)
	r.start(t)
	known := func(p *parts, name string) *actuator.Actuator {
		t.Helper()
		a, err := p.watch.Actuator(name)
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, name, func() bool { return a.Status().Known })
		return a
	}
	known(r.next(t), "safe")
	r.take("{}")
	r.next(t) // as it is checked
	trial := r.next(t)
	known(trial, "safe")
	known(trial, "open").Trip(actuator.Cause{Rule: "gas-leak", Device: "g/n/kitchen", At: time.Now().UnixMilli()})
	r.board.want(t, 6, true)
	r.log.find(t, `(configuration that was pushed is given up)`)
	after := r.next(t)
	known(after, "safe")
	known(after, "open")
	for {
		select {
		case m := <-r.board.moved:
			if m.line == 5 || m.line == 6 {
				t.Errorf("line %d became %v", m.line, m.level)
			}
			continue
		default:
		}
		break
	}
}
