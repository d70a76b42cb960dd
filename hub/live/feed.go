package live

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// feed hands changes of places to subscribers. What a slow one has not read yet
// is kept by place, the last state only: it misses no place and holds up nobody,
// and what waits for it is bounded by the number of places.
type feed struct {
	mu   sync.Mutex
	subs map[*subscriber]struct{}
}

type subscriber struct {
	waiting map[string]Place
	wake    chan struct{} // has one element when waiting may have some
}

// Subscribe sends each change of a place's state, and closes the channel when
// ctx ends.
func (v *View) Subscribe(ctx context.Context) <-chan Place {
	s := &subscriber{waiting: map[string]Place{}, wake: make(chan struct{}, 1)}
	f := &v.feed
	f.mu.Lock()
	if f.subs == nil {
		f.subs = map[*subscriber]struct{}{}
	}
	f.subs[s] = struct{}{}
	f.mu.Unlock()
	out := make(chan Place)
	go func() {
		defer close(out)
		defer f.drop(s)
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
			}
			for _, p := range f.take(s) {
				select {
				case <-ctx.Done():
					return
				case out <- p:
				}
			}
		}
	}()
	return out
}

func (f *feed) publish(changed []Place) {
	if len(changed) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		for _, p := range changed {
			s.waiting[p.ID] = p
		}
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// take is what waits for a subscriber, by place.
func (f *feed) take(s *subscriber) []Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Place, 0, len(s.waiting))
	for _, p := range s.waiting {
		list = append(list, p)
	}
	clear(s.waiting)
	slices.SortFunc(list, func(a, b Place) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func (f *feed) drop(s *subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs, s)
}
