package incidents

import (
	"context"
	"sync"
)

// Change tells a subscriber that an incident has changed, or, with Resync, that
// changes were left out because it read too slowly: ask for everything again.
type Change struct {
	Incident Incident `json:"incident"` // without timeline
	Resync   bool     `json:"resync,omitempty"`
}

// feedBuffer is how many changes a subscriber may be behind.
const feedBuffer = 64

type feed struct {
	mu     sync.Mutex
	closed bool
	subs   map[chan Change]struct{}
}

// Subscribe delivers each change after it is committed, in order of commit,
// until ctx ends or the store is closed; then the channel is closed. A slow
// subscriber holds up nobody: it loses changes and gets a resync marker in their
// place.
func (s *Store) Subscribe(ctx context.Context) <-chan Change {
	c := make(chan Change, feedBuffer)
	f := &s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		close(c)
		return c
	}
	if f.subs == nil {
		f.subs = map[chan Change]struct{}{}
	}
	f.subs[c] = struct{}{}
	context.AfterFunc(ctx, func() { f.drop(c) })
	return c
}

// publish never blocks. The last free slot takes the marker, and while the
// channel is full the marker is still in it: whatever was left out, the
// subscriber will ask again after it.
func (f *feed) publish(i Incident) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.subs {
		switch free := cap(c) - len(c); {
		case free > 1:
			c <- Change{Incident: i}
		case free == 1:
			c <- Change{Resync: true}
		}
	}
}

func (f *feed) drop(c chan Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.subs[c]; ok {
		delete(f.subs, c)
		close(c)
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.subs {
		close(c)
	}
	f.subs = nil
}
