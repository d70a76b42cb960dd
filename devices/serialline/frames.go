package serialline

import (
	"context"
	"errors"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// Scan finds the first frame in what was received. It drops used bytes from its
// front; frame is nil if there is none, and then used are those that can be part of
// none. rejected says why a frame that ended was none: a wrong checksum.
type Scan func(buf []byte) (frame []byte, used int, rejected error)

// Frames are the frames that a part sends by itself, or when asked.
type Frames struct {
	line *Line
	scan Scan
	buf  []byte
}

// NewFrames reads from line what scan takes for frames. A line has one Frames.
func NewFrames(line *Line, scan Scan) *Frames { return &Frames{line: line, scan: scan} }

// maxFrames bounds what is kept of bytes that are no frame yet.
const maxFrames = 4096

// Next waits for the next frame, at most for the time within. A frame that was
// rejected, and bytes that make no frame, are the fault bad_frame; silence is
// no_response.
func (f *Frames) Next(ctx context.Context, within time.Duration) ([]byte, error) {
	return f.one(ctx, within, func(*Conn) error { return nil })
}

// Ask sends a question and waits for the frame that answers it. What was received
// before is no answer to it.
func (f *Frames) Ask(ctx context.Context, question []byte, within time.Duration) ([]byte, error) {
	return f.one(ctx, within, func(c *Conn) error {
		f.buf = f.buf[:0]
		if err := c.Discard(); err != nil {
			return err
		}
		return c.Write(question)
	})
}

// Tell sends what needs no answer.
func (f *Frames) Tell(ctx context.Context, b []byte, within time.Duration) error {
	return f.line.Do(ctx, false, within, func(c *Conn) error { return c.Write(b) })
}

func (f *Frames) one(ctx context.Context, within time.Duration, first func(*Conn) error) ([]byte, error) {
	var frame []byte // not read when Do left the job behind
	err := f.line.Do(ctx, false, within, func(c *Conn) error {
		err := first(c)
		if err == nil {
			frame, err = f.read(c, time.Now().Add(within))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return frame, nil
}

func (f *Frames) read(c *Conn, until time.Time) ([]byte, error) {
	chunk := make([]byte, 256)
	heard := len(f.buf) > 0
	for {
		frame, used, rejected := f.scan(f.buf)
		f.buf = f.buf[:copy(f.buf, f.buf[min(used, len(f.buf)):])]
		if rejected != nil {
			return nil, devices.Fault(telemetry.BadFrame, rejected)
		}
		if frame != nil {
			return frame, nil
		}
		n, err := c.Read(chunk, until)
		if errors.Is(err, ErrSilent) {
			f.buf = f.buf[:0] // half a frame from before is no beginning of the next
			if heard {
				return nil, devices.Fault(telemetry.BadFrame, errors.New("bytes came, but no whole frame: wrong speed, a loose wire, or another part"))
			}
			return nil, devices.Fault(telemetry.NoResponse, ErrSilent)
		}
		if err != nil {
			f.buf = f.buf[:0]
			return nil, err
		}
		heard = true
		if len(f.buf)+n > maxFrames {
			f.buf = f.buf[:0]
		}
		f.buf = append(f.buf, chunk[:n]...)
	}
}
