package ingest

import "sync"

// message is one as the broker gave it. A payload that is too large is not kept.
type message struct {
	topic    string
	payload  []byte
	tooLarge bool
}

// Bounds of the queue. Our own gateways send again what is dropped; at the
// gateways' window of 20,000 readings this is some hundred of them at once.
const (
	maxQueueBytes    = 64 << 20
	maxQueueMessages = 1 << 20
	messageOverhead  = 64 // bytes of a message beside its payload, about
)

// queue hands messages from the broker's goroutine to the builder: whole slices
// at a time, since a channel's cost per message is what a message of readings
// costs to decode.
type queue struct {
	mu    sync.Mutex
	items []message
	bytes int
	wake  chan struct{} // has one element when items may have some
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// put adds a message, or reports that there is no room.
func (q *queue) put(m message) bool {
	size := len(m.payload) + messageOverhead
	q.mu.Lock()
	if q.bytes+size > maxQueueBytes || len(q.items) >= maxQueueMessages {
		q.mu.Unlock()
		return false
	}
	q.items = append(q.items, m)
	q.bytes += size
	first := len(q.items) == 1
	q.mu.Unlock()
	if first {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// swap takes all there is and leaves empty, whose memory is used again.
func (q *queue) swap(empty []message) []message {
	clear(empty)
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items, q.bytes = empty[:0], 0
	return items
}

// depth is how many messages wait.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}
