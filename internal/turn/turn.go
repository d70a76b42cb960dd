// Package turn lets many callers use one thing in turn: one at a time, in the
// order in which they came, and whoever is urgent before all who wait.
//
// It is what a mutex is not: waiting ends with a context, and the order is kept.
// Nobody is interrupted, so an urgent caller waits behind at most one other that
// is not urgent.
package turn

import (
	"context"
	"slices"
	"sync"
)

// Turn is one thing to be used in turn. The zero value is free.
type Turn struct {
	mu       sync.Mutex
	taken    bool
	urgent   []chan struct{}
	ordinary []chan struct{}
}

// Take waits for the turn, at most until ctx ends; then its cause is returned.
// Whoever took it gives it on with Pass.
func (t *Turn) Take(ctx context.Context, urgent bool) error {
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	queue := t.queue(urgent)
	*queue = append(*queue, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(*queue, mine)
	if i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
	}
	t.mu.Unlock()
	if i < 0 { // it was handed over just now
		t.Pass()
	}
	return context.Cause(ctx)
}

func (t *Turn) queue(urgent bool) *[]chan struct{} {
	if urgent {
		return &t.urgent
	}
	return &t.ordinary
}

// Pass gives the turn to the next.
func (t *Turn) Pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, queue := range []*[]chan struct{}{&t.urgent, &t.ordinary} {
		if len(*queue) > 0 {
			close((*queue)[0])
			*queue = slices.Delete(*queue, 0, 1)
			return
		}
	}
	t.taken = false
}

// Waiting is how many wait.
func (t *Turn) Waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.urgent) + len(t.ordinary)
}
