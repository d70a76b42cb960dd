package broker

import (
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// natsConn is the hub's Conn inside the process: messages come over NATS, which
// costs a fraction of an MQTT client's work.
type natsConn struct {
	nc *nats.Conn

	mu     sync.Mutex
	sub    *nats.Subscription
	closed chan struct{}
	notify func(bool)
}

// allNodes matches group/TYPE/node and below, on one subscription: NATS keeps
// the order of messages within a subscription only, and a birth must not be
// overtaken by the data it announces. The hub's own commands match too; NoEcho
// keeps them away. STATE has a level less and does not match.
var allNodes = subjectFilter("spBv1.0/+/+") + ".>"

// maxPending bounds, in bytes, what waits for a handler. It does not block, so
// this is never reached unless the process is starved.
const maxPending = 64 << 20

func (c *natsConn) Subscribe(h func(topic string, payload []byte)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sub != nil {
		return errors.New("broker: subscribed already")
	}
	topics := make(map[string]string) // by subject; only the one goroutine of the subscription uses it
	done := make(chan struct{})
	sub, err := c.nc.Subscribe(allNodes, func(m *nats.Msg) {
		topic, ok := topics[m.Subject]
		if !ok {
			if len(topics) >= maxTopics {
				clear(topics)
			}
			topic = topicOf(m.Subject)
			topics[m.Subject] = topic
		}
		h(topic, m.Data)
	})
	if err != nil {
		return fmt.Errorf("broker: subscribing: %w", err)
	}
	sub.SetClosedHandler(func(string) { close(done) })
	if err := sub.SetPendingLimits(-1, maxPending); err != nil {
		return fmt.Errorf("broker: subscribing: %w", err)
	}
	c.sub, c.closed = sub, done
	// The server knows the subscription only once it has read it.
	if err := c.nc.Flush(); err != nil {
		return fmt.Errorf("broker: subscribing: %w", err)
	}
	return nil
}

// maxTopics bounds the memory for translated topics: a hostile but enrolled
// gateway may invent device names without end.
const maxTopics = 100_000

func (c *natsConn) Publish(topic string, payload []byte) error {
	if err := c.nc.Publish(subjectOf(topic), payload); err != nil {
		return fmt.Errorf("%w: %w", ErrNotConnected, err)
	}
	return nil
}

func (c *natsConn) Connected() bool { return c.nc.IsConnected() }

func (c *natsConn) NotifyState(f func(connected bool)) {
	c.mu.Lock()
	c.notify = f
	c.mu.Unlock()
	c.nc.SetDisconnectErrHandler(func(*nats.Conn, error) { f(false) })
	c.nc.SetReconnectHandler(func(*nats.Conn) { f(true) })
	f(c.Connected())
}

func (c *natsConn) Close() error {
	c.mu.Lock()
	done := c.closed
	c.mu.Unlock()
	c.nc.Close()
	if done != nil {
		<-done // the handler has returned for the last time
	}
	return nil
}
