package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// ErrStuck is in the chain of what a stuck bus answers.
var ErrStuck = errors.New("the bus is busy with a transaction that does not return")

// late is what those get whose own time ended first. It reads like ErrStuck, so that a
// bus that hangs is one event whoever's patience ends first.
type late struct{ cause error }

func (l late) Error() string { return ErrStuck.Error() }
func (l late) Unwrap() error { return l.cause }

const (
	firstReopen = 5 * time.Second // after a bus got stuck, doubling
	lastReopen  = 5 * time.Minute
	maxLeft     = 4  // transactions left behind at once, per bus
	maxFailed   = 16 // failures in a row after which a bus is opened anew
)

// line is one bus with port P, and whose turn it is.
type line[P io.Closer] struct {
	name  string
	limit time.Duration // of one transaction
	open  func() (P, error)

	mu     sync.Mutex
	now    *attempt[P]
	left   int           // attempts whose transaction has not returned
	reopen time.Duration // the next pause
	after  time.Time     // when a stuck bus may be opened anew
}

// attempt is a bus from its opening to its getting stuck.
type attempt[P io.Closer] struct {
	turn   chan struct{} // holds a token while nobody has the turn
	hung   chan struct{} // closed when a transaction is overdue
	opened bool          // the fields below belong to whoever has the turn
	port   P
	failed int // transactions in a row
}

func newLine[P io.Closer](name string, limit time.Duration, open func() (P, error)) *line[P] {
	return &line[P]{name: name, limit: limit, open: open, now: newAttempt[P](), reopen: firstReopen}
}

func newAttempt[P io.Closer]() *attempt[P] {
	a := &attempt[P]{turn: make(chan struct{}, 1), hung: make(chan struct{})}
	a.turn <- struct{}{}
	return a
}

// do waits for the turn and runs f on the open port. f may run on when do has
// returned: it must touch nothing that its caller keeps.
func (l *line[P]) do(ctx context.Context, f func(P) error) error {
	a, err := l.attempt()
	if err != nil {
		return l.fault(err)
	}
	select {
	case <-a.turn:
	case <-a.hung:
		return l.fault(ErrStuck)
	case <-ctx.Done():
		return l.fault(late{ctx.Err()})
	}
	done := make(chan error, 1)
	go l.transact(a, f, done)
	select {
	case err := <-done:
		return l.fault(err)
	case <-a.hung:
		return l.fault(ErrStuck)
	case <-ctx.Done():
		return l.fault(late{ctx.Err()})
	}
}

func (l *line[P]) fault(err error) error {
	if err == nil {
		return nil
	}
	return devices.Fault(telemetry.NoResponse, fmt.Errorf("%s: %w", l.name, err))
}

// attempt is the present one, or a new one if it has been stuck for long enough.
func (l *line[P]) attempt() (*attempt[P], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.now.stuck() {
		return l.now, nil
	}
	if l.left >= maxLeft || time.Now().Before(l.after) {
		return nil, ErrStuck
	}
	l.now = newAttempt[P]()
	return l.now, nil
}

func (a *attempt[P]) stuck() bool {
	select {
	case <-a.hung:
		return true
	default:
		return false
	}
}

// transact has the turn and gives it back.
func (l *line[P]) transact(a *attempt[P], f func(P) error, done chan<- error) {
	overdue := time.AfterFunc(l.limit, func() { l.hang(a) })
	err := l.work(a, f)
	if overdue.Stop() {
		l.healthy(a, err)
		a.turn <- struct{}{}
	} else {
		l.returned(a)
	}
	done <- err
}

// work runs f on the port, which it opens before and closes after many failures.
func (l *line[P]) work(a *attempt[P], f func(P) error) error {
	if !a.opened {
		port, err := l.open()
		if err != nil {
			return err
		}
		a.port, a.opened, a.failed = port, true, 0
	}
	err := f(a.port)
	if err == nil {
		a.failed = 0
		return nil
	}
	if a.failed++; a.failed >= maxFailed {
		_ = a.port.Close() // what it says of a bus that failed is no news
		a.opened = false
	}
	return err
}

func (l *line[P]) healthy(a *attempt[P], err error) {
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == a {
		l.reopen = firstReopen
	}
}

// hang is called when a transaction is overdue.
func (l *line[P]) hang(a *attempt[P]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(a.hung)
	l.left++
	l.after = time.Now().Add(l.reopen)
	l.reopen = min(2*l.reopen, lastReopen)
}

// returned is called when an overdue transaction has returned: the bus goes on with
// its port, or, if it was opened anew meanwhile, the old port is closed.
func (l *line[P]) returned(a *attempt[P]) {
	<-a.hung // hang may be about to run
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left--
	if l.now != a {
		if a.opened {
			_ = a.port.Close()
		}
		return
	}
	l.now = newAttempt[P]()
	l.now.port, l.now.opened, l.now.failed = a.port, a.opened, a.failed
}

// close closes the port unless a transaction has it.
func (l *line[P]) close() error {
	l.mu.Lock()
	a := l.now
	l.mu.Unlock()
	select {
	case <-a.turn:
		defer func() { a.turn <- struct{}{} }()
	default:
		return nil
	}
	if !a.opened {
		return nil
	}
	a.opened = false
	return a.port.Close()
}
