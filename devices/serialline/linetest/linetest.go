// Package linetest is the far end of a serial line for tests: a part, or several, on
// a pseudo-terminal. So a driver under test has a real file descriptor, real buffers
// and real time, and the adapter can be pulled out.
package linetest

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Port is a serial port with a part at its far end.
type Port struct {
	Path string // what a driver opens

	t    testing.TB
	mu   sync.Mutex
	part *os.File // nil while unplugged
	tty  *os.File // kept open, so that the part may speak while nobody listens
	done chan struct{}
}

// New is a port that is plugged in.
func New(t testing.TB) *Port {
	t.Helper()
	p := &Port{Path: filepath.Join(t.TempDir(), "ttyUSB0"), t: t}
	p.Plug()
	t.Cleanup(p.Unplug)
	return p
}

// Plug puts the adapter in, or back.
func (p *Port) Plug() {
	p.t.Helper()
	part, tty, err := pty.Open()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := raw(tty); err != nil {
		p.t.Fatal(err)
	}
	if part, err = pollable(part); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Symlink(tty.Name(), p.Path); err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part, p.tty = part, tty
}

// raw keeps the terminal from echoing before a driver has opened it.
func raw(tty *os.File) error {
	t, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, t)
}

// pollable is f such that Close ends a Read.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil // it looks whether fd blocks
}

// Unplug pulls the adapter out.
func (p *Port) Unplug() {
	p.mu.Lock()
	part, tty, done := p.part, p.tty, p.done
	p.part, p.tty, p.done = nil, nil, nil
	p.mu.Unlock()
	if part == nil {
		return
	}
	_ = os.Remove(p.Path)
	_ = part.Close()
	_ = tty.Close()
	if done != nil {
		<-done
	}
}

// Say sends bytes from the part.
func (p *Port) Say(b ...byte) {
	p.mu.Lock()
	part := p.part
	p.mu.Unlock()
	if part != nil {
		_, _ = part.Write(b) // fails when the adapter is pulled out
	}
}

// Serve answers each size bytes that the driver sends with what part returns, until
// the adapter is pulled out. part may use Say instead, or be silent.
func (p *Port) Serve(size int, part func(request []byte) []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, done := p.part, make(chan struct{})
	p.done = done
	go func() {
		defer close(done)
		request := make([]byte, size)
		for {
			if _, err := io.ReadFull(f, request); err != nil {
				return
			}
			if answer := part(request); len(answer) > 0 {
				_, _ = f.Write(answer)
			}
		}
	}()
}
