package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/turn"
	"weishao.dev/weishao/telemetry"
)

// tcp is a Modbus TCP server. It is connected to at the first transaction, and anew
// after each failure.
type tcp struct {
	addr string
	turn turn.Turn

	mu   sync.Mutex
	held int

	// What follows belongs to whoever has the turn.
	conn   net.Conn
	number uint16
}

func (t *tcp) String() string { return "tcp://" + t.addr }

func (t *tcp) exchange(ctx context.Context, urgent bool, slave byte, question []byte, timeout time.Duration) ([]byte, error) {
	if err := t.turn.Take(ctx, urgent); err != nil {
		return nil, err
	}
	defer t.turn.Pass()
	answer, err := t.ask(ctx, slave, question, time.Now().Add(timeout))
	if err != nil && t.conn != nil {
		_ = t.conn.Close() // it is broken anyway
		t.conn = nil
	}
	return answer, err
}

func (t *tcp) ask(ctx context.Context, slave byte, question []byte, until time.Time) ([]byte, error) {
	if t.conn == nil {
		d := net.Dialer{Deadline: until}
		conn, err := d.DialContext(ctx, "tcp", t.addr)
		if err != nil {
			return nil, devices.Fault(telemetry.NoResponse, errors.New("no connection to the server"))
		}
		t.conn = conn
	}
	conn := t.conn
	if err := conn.SetDeadline(until); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	t.number++
	head := binary.BigEndian.AppendUint16(nil, t.number)
	head = append(head, 0, 0, 0, byte(1+len(question)), slave)
	if _, err := t.conn.Write(append(head, question...)); err != nil {
		return nil, t.cause(err)
	}
	for {
		number, from, answer, err := receive(t.conn)
		switch {
		case err != nil:
			return nil, t.cause(err)
		case number != t.number: // to an earlier question
		case from != slave:
			return nil, ErrOther
		default:
			return answer, nil
		}
	}
}

func (t *tcp) cause(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrNoAnswer
	case errors.Is(err, ErrContent):
		return err
	}
	return devices.Fault(telemetry.NoResponse, errors.New("the server closed the connection"))
}

// receive reads one frame: transaction, protocol 0, length, unit, PDU.
func receive(r io.Reader) (number uint16, slave byte, pdu []byte, err error) {
	head := make([]byte, 7)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(head[4:])) - 1
	if binary.BigEndian.Uint16(head[2:]) != 0 || n < 1 || n > maxADU {
		return 0, 0, nil, ErrContent
	}
	pdu = make([]byte, n)
	_, err = io.ReadFull(r, pdu)
	return binary.BigEndian.Uint16(head), head[6], pdu, err
}

func (t *tcp) hold() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held++
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.held--; t.held == 0 {
			go t.close()
		}
	})
}

// close waits for the transaction that is under way.
func (t *tcp) close() {
	if t.turn.Take(context.Background(), false) != nil {
		return
	}
	defer t.turn.Pass()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held == 0 && t.conn != nil {
		_ = t.conn.Close()
		t.conn = nil
	}
}
