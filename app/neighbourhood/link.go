package neighbourhood

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"weishao.dev/weishao/telemetry"
)

// Link is the network between a gateway and the broker: a relay that passes TCP
// connections on to a target, until the story cuts it. While it is cut, open
// connections are closed and new ones closed at once.
type Link struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

// NewLink listens on a free port of this machine; Addr says which. target is the
// broker's "host:port".
func NewLink(target string) (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the demo's link: %w", err)
	}
	return &Link{listener: l, target: target, conns: map[net.Conn]struct{}{}}, nil
}

// Addr is where the gateway is to connect to, "host:port".
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Run relays until ctx ends; then it closes everything and returns when the last
// connection is gone. The link is down from cutAt to backAt, times of the clock.
func (l *Link) Run(ctx context.Context, clock telemetry.Clock, cutAt, backAt time.Time) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		l.listener.Close()
		l.Cut(true)
	})
	defer stop()
	wg.Go(func() {
		if wait(ctx, clock, cutAt) {
			l.Cut(true)
			if wait(ctx, clock, backAt) {
				l.Cut(false)
			}
		}
	})
	for {
		c, err := l.listener.Accept()
		if ctx.Err() != nil {
			if c != nil {
				c.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("the demo's link: %w", err)
		}
		wg.Go(func() { l.relay(ctx, c) })
	}
}

// wait sleeps until the clock shows t; false if ctx ended first.
func wait(ctx context.Context, clock telemetry.Clock, t time.Time) bool {
	timer := time.NewTimer(clock.Wall(t.Sub(clock.Now())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Cut takes the link down or up.
func (l *Link) Cut(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = down
	if down {
		for c := range l.conns {
			c.Close()
		}
	}
}

// enter registers a connection, so that Cut closes it; false while the link is down.
func (l *Link) enter(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *Link) leave(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	c.Close()
}

func (l *Link) relay(ctx context.Context, in net.Conn) {
	defer in.Close()
	if !l.enter(in) {
		return
	}
	defer l.leave(in)
	out, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", l.target)
	if err != nil {
		return // as a network does: the gateway sees its connection end
	}
	defer out.Close()
	if !l.enter(out) {
		return
	}
	defer l.leave(out)
	var wg sync.WaitGroup
	pass := func(to, from net.Conn) {
		_, err := io.Copy(to, from)
		if err == nil || errors.Is(err, io.EOF) {
			if half, ok := to.(*net.TCPConn); ok && half.CloseWrite() == nil {
				return
			}
		}
		to.Close()
		from.Close()
	}
	wg.Go(func() { pass(out, in) })
	wg.Go(func() { pass(in, out) })
	wg.Wait()
}
