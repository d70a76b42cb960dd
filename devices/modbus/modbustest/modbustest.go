// Package modbustest is a Modbus RTU line with slaves on it for tests, on a
// pseudo-terminal, and all that can go wrong with an answer.
package modbustest

import (
	"encoding/binary"
	"sync"
	"testing"

	"weishao.dev/weishao/devices/serialline/linetest"
	"weishao.dev/weishao/telemetry"
)

// Line is a line with slaves.
type Line struct {
	*linetest.Port

	mu      sync.Mutex
	slaves  map[byte]Slave
	distort func(question, frame []byte) []byte
	asked   int
}

// Slave answers a PDU with a PDU; nil is silence.
type Slave func(question []byte) []byte

// New is a line without slaves.
func New(t testing.TB) *Line {
	l := &Line{Port: linetest.New(t), slaves: map[byte]Slave{}}
	l.Serve()
	return l
}

// Serve answers until the adapter is pulled out; needed after Plug.
func (l *Line) Serve() { l.Port.Serve(8, l.answer) }

func (l *Line) answer(question []byte) []byte {
	l.mu.Lock()
	slave, distort := l.slaves[question[0]], l.distort
	l.asked++
	l.mu.Unlock()
	if slave == nil || CRC(question) != 0 {
		return nil
	}
	pdu := slave(question[1:6])
	if pdu == nil {
		return nil
	}
	frame := Frame(question[0], pdu...)
	if distort != nil {
		return distort(question, frame)
	}
	return frame
}

// Put puts slave number n on the line.
func (l *Line) Put(n byte, s Slave) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slaves[n] = s
}

// Distort distorts all answers from now on, until it is called with nil.
func (l *Line) Distort(f func(question, frame []byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.distort = f
}

// Asked is how many questions came.
func (l *Line) Asked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// Registers are a slave's registers by address. What is not there is refused.
type Registers struct {
	mu     sync.Mutex
	values map[uint16]uint16
}

// NewRegisters has words from address first on.
func NewRegisters(first uint16, words ...uint16) *Registers {
	r := &Registers{values: map[uint16]uint16{}}
	r.Set(first, words...)
	return r
}

// Set sets words from address first on.
func (r *Registers) Set(first uint16, words ...uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, w := range words {
		r.values[first+uint16(i)] = w
	}
}

// Slave answers one function with the registers.
func (r *Registers) Slave(function byte) Slave {
	return func(q []byte) []byte {
		if q[0] != function {
			return []byte{q[0] | 0x80, 1}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		first, n := binary.BigEndian.Uint16(q[1:]), binary.BigEndian.Uint16(q[3:])
		answer := []byte{q[0], byte(2 * n)}
		for i := range n {
			w, known := r.values[first+i]
			if !known {
				return []byte{q[0] | 0x80, 2}
			}
			answer = binary.BigEndian.AppendUint16(answer, w)
		}
		return answer
	}
}

// CRC is the CRC-16 of Modbus, by another way than the master's: 0 for a frame with its
// own behind it.
func CRC(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, x := range b {
		for bit := range 8 {
			if (sum^uint16(x>>bit))&1 != 0 {
				sum = sum>>1 ^ 0xA001
			} else {
				sum >>= 1
			}
		}
	}
	return sum
}

// Frame is a PDU on the line.
func Frame(slave byte, pdu ...byte) []byte {
	b := append([]byte{slave}, pdu...)
	return binary.LittleEndian.AppendUint16(b, CRC(b))
}

// Fault is one thing that goes wrong, and what it has to be reported as.
type Fault struct {
	Name    string
	Quality telemetry.Quality
	Text    string // in the error
	Distort func(question, frame []byte) []byte
}

// Faults are all that a driver has to survive.
func Faults() []Fault {
	bad, silent := telemetry.BadFrame, telemetry.NoResponse
	return []Fault{
		{"no answer", silent, "no answer", func(_, _ []byte) []byte { return nil }},
		{"short frame", bad, "cut off", func(_, f []byte) []byte { return f[:len(f)-3] }},
		{"one byte", bad, "cut off", func(_, f []byte) []byte { return f[:1] }},
		{"wrong checksum", bad, "checksum is wrong", func(_, f []byte) []byte { f[len(f)-1] ^= 0xFF; return f }},
		{"a bit turned", bad, "checksum is wrong", func(_, f []byte) []byte { f[len(f)-4] ^= 0x10; return f }},
		{"shifted by a byte", bad, "does not begin", func(_, f []byte) []byte { return append(f[1:], 0) }},
		{"garbage before", bad, "does not begin", func(_, f []byte) []byte { return append([]byte{0xFF, 0x00}, f...) }},
		{"another slave", bad, "another slave", func(_, f []byte) []byte { return Frame(f[0]^0x40, f[1:len(f)-2]...) }},
		{"another question", bad, "another question", func(q, f []byte) []byte { return Frame(q[0], q[1]^7, 2, 0, 1) }},
		{"echo", bad, "echo off", func(q, f []byte) []byte { return append(append([]byte{}, q...), f...) }},
		{"refused", bad, "exception 2 (illegal data address)", func(q, _ []byte) []byte { return Frame(q[0], q[1]|0x80, 2) }},
		{"device failure", silent, "exception 4 (device failure)", func(q, _ []byte) []byte { return Frame(q[0], q[1]|0x80, 4) }},
	}
}
