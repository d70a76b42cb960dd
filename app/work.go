package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// stopWait is how long one part may take to stop. The whole is bounded too: a
// hub that hangs is killed by whoever supervises it, and loses nothing by that.
const (
	stopWait = 10 * time.Second
	stopAll  = 25 * time.Second
)

// work is what runs and what was opened, to be ended in the opposite order.
type work struct {
	log    *slog.Logger
	failed chan error // the first failure of a part
	parts  []part
}

type part struct {
	name string
	end  func(context.Context) error
}

func newWork(log *slog.Logger) *work { return &work{log: log, failed: make(chan error, 1)} }

// opened has end called at the stop.
func (w *work) opened(name string, end func() error) {
	w.parts = append(w.parts, part{name, func(context.Context) error { return end() }})
}

// start runs f until the stop. A part that ends by itself before that has
// failed.
func (w *work) start(name string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := f(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = fmt.Errorf("it ended")
			}
			w.fail(fmt.Errorf("%s: %w", name, err))
		}
		done <- err
	}()
	w.parts = append(w.parts, part{name, func(context.Context) error {
		cancel()
		return <-done
	}})
}

// fail reports a failure of a part; the first one counts.
func (w *work) fail(err error) {
	select {
	case w.failed <- err:
	default:
	}
}

// stop ends everything, the last first. What does not end in time is left
// behind and named.
func (w *work) stop() {
	all, cancel := context.WithTimeout(context.Background(), stopAll)
	defer cancel()
	for _, p := range slices.Backward(w.parts) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(all, stopWait)
		done := make(chan error, 1)
		go func() { done <- p.end(ctx) }()
		select {
		case err := <-done:
			if err != nil {
				w.log.Error("stopped badly", "part", p.name, "error", err)
			}
		case <-ctx.Done():
			w.log.Error("did not stop in time", "part", p.name, "waited", time.Since(began).Round(time.Millisecond))
		}
		cancel()
	}
	w.parts = nil
}
