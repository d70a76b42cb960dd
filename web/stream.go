package web

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

const (
	keptEvents  = 512 // for Last-Event-ID
	queueEvents = 128 // per listener; one that falls further behind gets a resync
)

// event is one server-sent event, encoded once for all listeners.
type event struct {
	id   uint64
	name string
	data []byte
}

// stream fans events out to listeners, in order. publish never blocks: a
// listener that cannot keep up loses its queue and is told so.
type stream struct {
	boot string // tells the events of this process from those before a restart

	mu        sync.Mutex
	last      uint64
	kept      []event // the newest, oldest first
	listeners map[*listener]struct{}
	closed    bool
}

// listener is one open event stream.
type listener struct {
	start  uint64 // newest event when it began
	events chan event
	gone   chan struct{} // closed when the stream ends
}

func newStream() *stream {
	return &stream{boot: strings.ToLower(rand.Text()[:8]), listeners: make(map[*listener]struct{})}
}

// publish sends v, encoded as JSON, to every listener.
func (s *stream) publish(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.resyncAll()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(name, data)
}

// add numbers, keeps and sends an event; the caller holds mu.
func (s *stream) add(name string, data []byte) {
	s.last++
	e := event{s.last, name, data}
	if len(s.kept) == keptEvents {
		s.kept = append(s.kept[:0], s.kept[1:]...)
	}
	s.kept = append(s.kept, e)
	for l := range s.listeners {
		l.send(e)
	}
}

// send queues e or, when the queue is full, puts a resync in place of all that
// waits. In the queue, so that no later event overtakes it: a reader that comes
// back with a later ID has seen the resync. The caller holds stream.mu, so
// nobody else writes to the queue.
func (l *listener) send(e event) {
	select {
	case l.events <- e:
		return
	default:
	}
	for {
		select {
		case <-l.events:
		default:
			l.events <- resync(e.id)
			return
		}
	}
}

// resync tells a reader to read everything again, as of the event with this ID.
func resync(id uint64) event { return event{id, "resync", []byte("{}")} }

// resyncAll tells every listener to read everything again. It is an event of
// its own, so that one who comes back later hears of it too.
func (s *stream) resyncAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add("resync", []byte("{}"))
}

// listen opens a listener. With the ID of an event that is still kept it first
// gets what came after it; with any other ID, a resync.
func (s *stream) listen(lastID string) *listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &listener{start: s.last, events: make(chan event, queueEvents), gone: make(chan struct{})}
	if s.closed {
		close(l.gone)
		return l
	}
	s.listeners[l] = struct{}{}
	if lastID == "" {
		return l
	}
	missed, ok := s.since(lastID)
	if !ok || len(missed) > queueEvents {
		l.send(resync(s.last))
		return l
	}
	for _, e := range missed {
		l.events <- e
	}
	return l
}

// since is what came after the event with the given ID; false when that is not
// known any more.
func (s *stream) since(id string) ([]event, bool) {
	boot, num, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(num, 10, 64)
	if err != nil || boot != s.boot || n > s.last {
		return nil, false
	}
	missed := s.last - n
	if missed > uint64(len(s.kept)) {
		return nil, false
	}
	return s.kept[uint64(len(s.kept))-missed:], true
}

// name is an event's ID on the wire.
func (s *stream) name(n uint64) string { return fmt.Sprintf("%s-%d", s.boot, n) }

func (s *stream) leave(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// close ends every listener, and every later one at once.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		close(l.gone)
		delete(s.listeners, l)
	}
}
