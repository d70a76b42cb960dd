// Package serialline holds the serial lines of a gateway: each port is opened once,
// and all devices on it use it in turn.
//
// What a Line promises:
//   - One transaction at a time, in the order in which they were asked for, urgent
//     ones first: an urgent one waits behind at most one that has begun.
//   - A transaction ends in its time. If the port itself hangs, its caller is let go,
//     whoever comes later is told at once (ErrHangs), and no other line notices.
//   - A port that failed is closed and opened again at the next transaction, after a
//     back-off of 100 ms to 10 s. So an adapter may be pulled out and put back.
//
// Name a port by /dev/serial/by-id/...: /dev/ttyUSB0 and ttyUSB1 may change places
// when the board starts, and then the meter of one flat is read as another's.
//
// Ports are opened with go.bug.st/serial, for this program alone and without flow
// control. Nothing is opened before the first transaction, and what is not held (Hold)
// is closed: a file can be checked beside a gateway that runs.
package serialline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/turn"
	"weishao.dev/weishao/telemetry"
)

// ErrHangs is the error of a transaction that did not end in its time, and of all
// that are asked for until it does.
var ErrHangs = errors.New("the port hangs: take the adapter out and put it back")

const (
	minPause = 100 * time.Millisecond // before a port that failed is opened again; doubling
	maxPause = 10 * time.Second
	grace    = 250 * time.Millisecond // beyond its time, before a transaction counts as hanging
	slice    = 100 * time.Millisecond // within which a read notices that its caller gave up
)

// Lines are a gateway's lines by path. It is safe for concurrent use.
type Lines struct {
	mu    sync.Mutex
	lines map[string]*claimed
}

type claimed struct {
	line  *Line
	by    string
	alone bool
}

// NewLines is a set without lines.
func NewLines() *Lines { return &Lines{lines: map[string]*claimed{}} }

// Line is the line at path for a device. alone says that the device listens all the
// time and shares the line with none. Two devices that disagree are an error.
func (l *Lines) Line(path string, s Settings, device string, alone bool) (*Line, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, known := l.lines[path]
	switch {
	case !known:
		c = &claimed{line: &Line{path: path, settings: s}, by: device, alone: alone}
		l.lines[path] = c
	case alone || c.alone:
		return nil, fmt.Errorf("%s is the line of device %q, and only devices that are asked share one", path, c.by)
	case c.line.settings != s:
		return nil, fmt.Errorf("%s runs at %s for device %q: a line has one speed, not also %s", path, c.line.settings, c.by, s)
	}
	return c.line, nil
}

// Line is one serial port.
type Line struct {
	path     string
	settings Settings
	turn     turn.Turn

	mu    sync.Mutex
	held  int
	hangs bool

	// What follows belongs to whoever has the turn.
	port   serial.Port
	failed error // why there is no port
	retry  time.Time
	pause  time.Duration
}

// Path is the port's.
func (l *Line) Path() string { return l.path }

// Settings are the port's.
func (l *Line) Settings() Settings { return l.settings }

// Waiting is how many transactions wait for the one that has begun.
func (l *Line) Waiting() int { return l.turn.Waiting() }

// Do runs job with the port to itself, for at most the time within. Waiting for the
// turn is bounded by ctx alone, so ctx should have a deadline. job must return when
// its Conn gives an error other than ErrSilent. The errors of job are returned as they
// are.
func (l *Line) Do(ctx context.Context, urgent bool, within time.Duration, job func(*Conn) error) error {
	if l.hanging() {
		return fmt.Errorf("%s: %w", l.path, ErrHangs)
	}
	if err := l.turn.Take(ctx, urgent); err != nil {
		return fmt.Errorf("%s was busy all the time: %w", l.path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := l.use(ctx, job)
		l.mu.Lock()
		l.hangs = false
		done <- err
		l.mu.Unlock()
		l.turn.Pass()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case err := <-done:
		return err
	default:
		l.hangs = true
		return fmt.Errorf("%s: %w", l.path, ErrHangs)
	}
}

func (l *Line) hanging() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hangs
}

// use is called by whoever has the turn.
func (l *Line) use(ctx context.Context, job func(*Conn) error) error {
	if err := l.open(); err != nil {
		return err
	}
	c := &Conn{ctx: ctx, line: l}
	err := job(c)
	if c.broken != nil {
		l.fail(c.broken)
		return l.failed
	}
	if c.heard {
		l.pause = 0
	}
	return err
}

func (l *Line) open() error {
	if l.port != nil {
		return nil
	}
	if l.failed != nil && time.Now().Before(l.retry) {
		return l.failed
	}
	p, err := serial.Open(l.path, l.settings.mode())
	if err != nil {
		l.fail(err)
		return l.failed
	}
	l.port, l.failed = p, nil
	return nil
}

// fail closes the port and puts off the next try.
func (l *Line) fail(err error) {
	if l.port != nil {
		_ = l.port.Close() // it is broken anyway
		l.port = nil
	}
	l.pause = min(max(2*l.pause, minPause), maxPause)
	l.retry = time.Now().Add(l.pause)
	l.failed = devices.Fault(telemetry.NoResponse, fmt.Errorf("%s: %w", l.path, plain(err)))
}

// What keeps a port from working, in words that do not change while it lasts: a
// pulled adapter fails in several ways one after the other, and is one event.
var (
	errGone   = errors.New("the port is gone: is its adapter plugged in?")
	errDenied = errors.New("no permission to open the port: the gateway's user has to be in the group dialout")
	errTaken  = errors.New("another program has the port open")
)

func plain(err error) error {
	if p, ok := errors.AsType[*serial.PortError](err); ok {
		switch p.Code() {
		case serial.PortClosed, serial.PortNotFound:
			return errGone
		case serial.PermissionDenied:
			return errDenied
		case serial.PortBusy:
			return errTaken
		}
	}
	for _, gone := range []error{os.ErrNotExist, unix.EIO, unix.ENXIO, unix.ENODEV, unix.EBADF} {
		if errors.Is(err, gone) {
			return errGone
		}
	}
	return err
}

// Hold keeps the port open between transactions, until release is called. The last
// one closes it.
func (l *Line) Hold() (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		l.held--
		last := l.held == 0
		l.mu.Unlock()
		if last {
			l.close()
		}
	})
}

// close waits for nobody: a transaction that is under way ends first.
func (l *Line) close() {
	go func() {
		if l.turn.Take(context.Background(), false) != nil {
			return
		}
		defer l.turn.Pass()
		l.mu.Lock()
		held := l.held
		l.mu.Unlock()
		if held == 0 && l.port != nil {
			_ = l.port.Close()
			l.port = nil
		}
	}()
}

// Holding is d, holding the line while it runs.
func (l *Line) Holding(d devices.Device) devices.Device { return &holder{d, l} }

type holder struct {
	devices.Device
	line *Line
}

func (h *holder) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	defer h.line.Hold()()
	return h.Device.Run(ctx, clock, emit)
}
