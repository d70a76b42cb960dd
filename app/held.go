package app

import (
	"sync"

	"weishao.dev/weishao/hub/broker"
	"weishao.dev/weishao/telemetry"
)

// heldConn keeps the gateways' messages away from ingest until release: the
// site and the rules of this start go into the log before them.
type heldConn struct {
	broker.Conn
	mu      sync.Mutex
	open    bool
	handler func(topic string, payload []byte)
	notify  func(connected bool)
}

func hold(c broker.Conn) *heldConn { return &heldConn{Conn: c} }

// Subscribe implements broker.Conn.
func (c *heldConn) Subscribe(h func(topic string, payload []byte)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handler = h
	if c.open {
		return c.Conn.Subscribe(h)
	}
	return nil
}

// NotifyState implements broker.Conn: gateways are asked for their births only
// when they can be heard.
func (c *heldConn) NotifyState(f func(connected bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notify = f
	if c.open {
		c.Conn.NotifyState(f)
	}
}

// release lets messages through.
func (c *heldConn) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = true
	if c.handler != nil {
		if err := c.Conn.Subscribe(c.handler); err != nil {
			return err
		}
	}
	if c.notify != nil {
		c.Conn.NotifyState(c.notify)
	}
	return nil
}

// rejects passes on what the broker refuses, and keeps what it refused before
// there was anybody to count it.
type rejects struct {
	mu    sync.Mutex
	to    func(node string, kind telemetry.Bad)
	early []rejected
}

type rejected struct {
	node string
	kind telemetry.Bad
}

// maxEarly bounds what is kept of the moment of the start.
const maxEarly = 10_000

func (r *rejects) add(node string, kind telemetry.Bad) {
	r.mu.Lock()
	to := r.to
	if to == nil && len(r.early) < maxEarly {
		r.early = append(r.early, rejected{node, kind})
	}
	r.mu.Unlock()
	if to != nil {
		to(node, kind)
	}
}

func (r *rejects) pass(to func(node string, kind telemetry.Bad)) {
	r.mu.Lock()
	early := r.early
	r.to, r.early = to, nil
	r.mu.Unlock()
	for _, e := range early {
		to(e.node, e.kind)
	}
}
