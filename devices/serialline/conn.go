package serialline

import (
	"context"
	"errors"
	"time"
)

// ErrSilent is what Read returns when nothing came in time.
var ErrSilent = errors.New("nothing was received")

// Conn is the port during one transaction.
type Conn struct {
	ctx    context.Context
	line   *Line
	heard  bool
	broken error // the port's own failure
}

// Settings are the line's.
func (c *Conn) Settings() Settings { return c.line.settings }

// Write sends all of b, or fails.
func (c *Conn) Write(b []byte) error {
	for len(b) > 0 {
		n, err := c.line.port.Write(b)
		if err != nil {
			c.broken = err
			return err
		}
		b = b[n:]
	}
	return nil
}

// Read waits for bytes, at most until the given time and the transaction's end; then
// it returns ErrSilent. It returns as soon as there are any.
func (c *Conn) Read(b []byte, until time.Time) (int, error) {
	if end, ok := c.ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	for {
		if err := c.ctx.Err(); errors.Is(err, context.Canceled) {
			return 0, err
		}
		wait := min(max(time.Until(until), 0), slice)
		err := c.line.port.SetReadTimeout(wait)
		n := 0
		if err == nil {
			n, err = c.line.port.Read(b)
		}
		switch {
		case err != nil:
			c.broken = err
			return 0, err
		case n > 0:
			c.heard = true
			return n, nil
		case !time.Now().Before(until):
			return 0, ErrSilent
		}
	}
}

// Discard drops what was received and not read yet, and what was not sent.
func (c *Conn) Discard() error {
	err := errors.Join(c.line.port.ResetInputBuffer(), c.line.port.ResetOutputBuffer())
	if err != nil {
		c.broken = err
	}
	return err
}
