package mqttsensor

import (
	"strings"
	"sync"
	"time"

	"weishao.dev/weishao/telemetry"
)

// maxWaiting is how many messages a device may have that it has not taken.
const maxWaiting = 64

// What one device may send. A sensor has something to say each second at most, and a
// board that has many of them has them all on one prefix, and says them all when it
// connects.
const (
	perSecond = 50
	burst     = 250
)

// inbox is what a session has for one device. Putting never waits.
type inbox struct {
	clock   telemetry.Clock
	filters []string
	link    uint64        // the connection that was asked for its topics; the Broker's
	signal  chan struct{} // has a token when there may be something to take

	mu       sync.Mutex
	messages []Message
	may      float64   // messages that may come
	counted  time.Time // when that was so
	up       bool
	since    time.Time
}

func newInbox(clock telemetry.Clock, filters []string) *inbox {
	now := clock.Now()
	return &inbox{clock: clock, filters: filters, signal: make(chan struct{}, 1), since: now, may: burst, counted: now}
}

// put takes a message, if it is one for the device, and reports whether it, or an older
// one, had to go.
func (b *inbox) put(m Message) (full bool) {
	if !matchesAny(b.filters, m.Topic) {
		return false
	}
	m.At = b.clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.allowed(m.At) {
		return true
	}
	if full = len(b.messages) >= maxWaiting; full {
		b.messages = append(b.messages[:0], b.messages[1:]...)
	}
	b.messages = append(b.messages, m)
	b.wake()
	return full
}

// allowed counts a message against what the device may send. The caller holds mu.
func (b *inbox) allowed(now time.Time) bool {
	b.may = min(burst, b.may+max(0, now.Sub(b.counted).Seconds())*perSecond)
	b.counted = now
	if b.may < 1 {
		return false
	}
	b.may--
	return true
}

// connected says that what the device listens to will come, or will not.
func (b *inbox) connected(up bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if up != b.up {
		b.up, b.since = up, b.clock.Now()
		b.wake()
	}
}

func (b *inbox) wake() {
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// take empties the inbox, and says whether the connection is there and since when.
func (b *inbox) take() (messages []Message, up bool, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages, b.messages = b.messages, nil
	return messages, b.up, b.since
}

func matchesAny(filters []string, topic string) bool {
	for _, f := range filters {
		if matches(f, topic) {
			return true
		}
	}
	return false
}

// matches says whether an MQTT topic filter takes a topic. Filters here have '+' only.
func matches(filter, topic string) bool {
	for {
		f, frest, fmore := strings.Cut(filter, "/")
		t, trest, tmore := strings.Cut(topic, "/")
		if f != "+" && f != t || fmore != tmore {
			return false
		}
		if !fmore {
			return true
		}
		filter, topic = frest, trest
	}
}
