package modbus

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"weishao.dev/weishao/devices/serialline"
)

const (
	betweenBytes = 60 * time.Millisecond  // within a frame: USB adapters hand over what they have every 16 ms
	afterFailure = 50 * time.Millisecond  // listened to before the next question
	neverSilent  = 300 * time.Millisecond // of bytes that nobody asked for
	maxADU       = 256
)

// crc is the CRC-16 of Modbus: polynomial 0xA001 reflected, initially 0xFFFF.
func crc(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, x := range b {
		sum ^= uint16(x)
		for range 8 {
			low := sum & 1
			sum >>= 1
			if low != 0 {
				sum ^= 0xA001
			}
		}
	}
	return sum
}

// frame is a PDU on a serial line.
func frame(slave byte, pdu []byte) []byte {
	b := append([]byte{slave}, pdu...)
	return binary.LittleEndian.AppendUint16(b, crc(b))
}

// unframe takes the PDU out of what was received for a question. What follows it is
// dropped: letting go of the line disturbs it.
func unframe(slave byte, question, got []byte) ([]byte, error) {
	answer := got[:min(len(got), wanted(question, got))]
	whole := len(answer) >= 5 && crc(answer[:len(answer)-2]) == binary.LittleEndian.Uint16(answer[len(answer)-2:])
	switch {
	case len(got) == 0:
		return nil, ErrNoAnswer
	case whole && got[0] != slave:
		return nil, ErrOther
	case whole:
		return answer[1 : len(answer)-2], nil
	case isEcho(slave, question, got):
		return nil, ErrEcho
	case got[0] != slave, len(got) >= 2 && got[1]&0x7F != question[0]:
		return nil, ErrShifted
	case len(got) < wanted(question, got):
		return nil, ErrShort
	}
	return nil, ErrChecksum
}

// isEcho reports whether a question came back. That of a write looks like its answer.
func isEcho(slave byte, question, got []byte) bool {
	if question[0] == WriteCoil || len(got) < 6 {
		return false
	}
	sent := frame(slave, question)
	n := min(len(sent), len(got))
	return bytes.Equal(sent[:n], got[:n])
}

// wanted is how many bytes an answer that begins like this has.
func wanted(question, got []byte) int {
	if len(got) >= 2 && got[1]&0x80 != 0 {
		return 5
	}
	return 1 + answerLen(question) + 2
}

// rtu is a serial line with slaves on it.
type rtu struct {
	line *serialline.Line

	// What follows belongs to whoever has the line.
	last   time.Time // when something was last sent or heard
	failed bool
}

func (r *rtu) String() string { return r.line.Path() }

func (r *rtu) hold() func() { return r.line.Hold() }

func (r *rtu) exchange(ctx context.Context, urgent bool, slave byte, question []byte, timeout time.Duration) ([]byte, error) {
	s := r.line.Settings()
	timeout += s.Chars(float64(8 + 3 + answerLen(question)))
	var answer []byte // not read when Do left the job behind
	err := r.line.Do(ctx, urgent, timeout+neverSilent, func(c *serialline.Conn) error {
		err := r.settle(c)
		if err == nil {
			answer, err = r.ask(c, slave, question, timeout)
		}
		r.failed = err != nil
		r.last = time.Now()
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// settle waits until the line has been silent for long enough, and drops what comes
// until then.
func (r *rtu) settle(c *serialline.Conn) error {
	silence := max(c.Settings().Chars(3.5), 1750*time.Microsecond)
	if r.failed {
		silence = max(silence, afterFailure)
	}
	if err := c.Discard(); err != nil {
		return err
	}
	end, until := time.Now().Add(neverSilent), r.last.Add(silence)
	dropped := make([]byte, maxADU)
	for time.Now().Before(until) {
		_, err := c.Read(dropped, until)
		switch {
		case errors.Is(err, serialline.ErrSilent):
			return nil
		case err != nil:
			return err
		}
		if until = time.Now().Add(silence); until.After(end) {
			return ErrNoise
		}
	}
	return nil
}

func (r *rtu) ask(c *serialline.Conn, slave byte, question []byte, timeout time.Duration) ([]byte, error) {
	if err := c.Write(frame(slave, question)); err != nil {
		return nil, err
	}
	got := make([]byte, 0, 2*maxADU)
	until := time.Now().Add(timeout)
	for len(got) < wanted(question, got) {
		n, err := c.Read(got[len(got):cap(got)], until)
		if errors.Is(err, serialline.ErrSilent) {
			break
		}
		if err != nil {
			return nil, err
		}
		got = got[:len(got)+n]
		if until = time.Now().Add(betweenBytes); len(got) == cap(got) {
			break
		}
	}
	return unframe(slave, question, got)
}
