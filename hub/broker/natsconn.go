package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// natsConn is the hub's Conn inside the process: messages come over NATS, which
// costs a fraction of an MQTT client's work.
type natsConn struct {
	nc     *nats.Conn // commands go out here
	dial   func() (net.Conn, error)
	secret string
	log    *slog.Logger

	mu     sync.Mutex
	tap    net.Conn // of the present tap; nil while there is none
	notify func(bool)
	closed chan struct{}
	done   chan struct{} // closed when listen has returned; nil before Subscribe
}

// tapRetry is the wait before a tap that was lost is opened again. The server
// closes one that does not read, which needs a process starved for seconds.
const tapRetry = 100 * time.Millisecond

func (c *natsConn) Subscribe(h func(topic string, payload []byte)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done != nil {
		return errors.New("broker: subscribed already")
	}
	t, err := c.open(h)
	if err != nil {
		return err
	}
	c.tap, c.done = t.conn, make(chan struct{})
	go c.listen(t, h)
	return nil
}

func (c *natsConn) open(h func(topic string, payload []byte)) (*tap, error) {
	conn, err := c.dial()
	if err != nil {
		return nil, fmt.Errorf("broker: listening inside the process: %w", err)
	}
	return dialTap(conn, userHub, c.secret, h)
}

// listen runs one tap after the other until Close.
func (c *natsConn) listen(t *tap, h func(topic string, payload []byte)) {
	defer close(c.done)
	for {
		err := t.run()
		_ = t.conn.Close()
		if !c.set(nil) {
			return
		}
		c.log.Error("the hub stopped hearing its broker; listening again", "error", err)
		for {
			select {
			case <-c.closed:
				return
			case <-time.After(tapRetry):
			}
			if t, err = c.open(h); err == nil {
				break
			}
			c.log.Error("the hub cannot hear its broker", "error", err)
		}
		if !c.set(t.conn) {
			_ = t.conn.Close()
			return
		}
	}
}

// set makes conn the tap's connection and tells who wants to know; false once
// closed.
func (c *natsConn) set(conn net.Conn) bool {
	c.mu.Lock()
	select {
	case <-c.closed:
		c.mu.Unlock()
		return false
	default:
	}
	c.tap = conn
	notify := c.notify
	c.mu.Unlock()
	if notify != nil {
		notify(conn != nil)
	}
	return true
}

func (c *natsConn) Publish(topic string, payload []byte) error {
	if err := c.nc.Publish(subjectOf(topic), payload); err != nil {
		return fmt.Errorf("%w: %w", ErrNotConnected, err)
	}
	return nil
}

func (c *natsConn) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nc.IsConnected() && (c.tap != nil || c.done == nil)
}

func (c *natsConn) NotifyState(f func(connected bool)) {
	c.mu.Lock()
	c.notify = f
	c.mu.Unlock()
	f(c.Connected())
}

func (c *natsConn) Close() error {
	c.mu.Lock()
	select {
	case <-c.closed:
		c.mu.Unlock()
		return nil
	default:
	}
	close(c.closed)
	if c.tap != nil {
		_ = c.tap.Close()
	}
	done := c.done
	c.mu.Unlock()
	c.nc.Close()
	if done != nil {
		<-done // the handler has returned for the last time
	}
	return nil
}
