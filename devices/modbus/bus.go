package modbus

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/telemetry"
)

// transport carries one question and its answer.
type transport interface {
	fmt.Stringer
	exchange(ctx context.Context, urgent bool, slave byte, question []byte, timeout time.Duration) ([]byte, error)
	hold() (release func())
}

// Buses are a gateway's Modbus lines and servers. It is safe for concurrent use.
type Buses struct {
	lines *serialline.Lines

	mu     sync.Mutex
	buses  map[string]transport
	claims map[string]string
}

// NewBuses is a set without buses, whose serial lines are of lines.
func NewBuses(lines *serialline.Lines) *Buses {
	return &Buses{lines: lines, buses: map[string]transport{}, claims: map[string]string{}}
}

func (b *Buses) bus(name string, make func() transport) transport {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buses[name] == nil {
		b.buses[name] = make()
	}
	return b.buses[name]
}

// claim says that who reads what, and returns who was first, or "".
func (b *Buses) claim(what, who string) (before string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if before := b.claims[what]; before != "" && before != who {
		return before
	}
	b.claims[what] = who
	return ""
}

// Serial is slave number n on a serial line. timeout is how long it may take to begin
// its answer.
func (b *Buses) Serial(line *serialline.Line, n byte, timeout time.Duration) *Slave {
	return &Slave{b.bus(line.Path(), func() transport { return &rtu{line: line} }), n, timeout}
}

// TCP is unit n of the server at host:port.
func (b *Buses) TCP(addr string, n byte, timeout time.Duration) *Slave {
	return &Slave{b.bus("tcp://"+addr, func() transport { return &tcp{addr: addr} }), n, timeout}
}

// Slave is one slave. It is safe for concurrent use.
type Slave struct {
	bus     transport
	number  byte
	timeout time.Duration
}

func (s *Slave) String() string { return fmt.Sprintf("slave %d at %s", s.number, s.bus) }

// tries is how often a question is asked. A frame that was disturbed is common on a
// long line and costs nothing but its time.
const tries = 2

// ask is one question and the content of its answer, within tries.
func (s *Slave) ask(ctx context.Context, urgent bool, question []byte) (data []byte, err error) {
	for range tries {
		var answer []byte
		if answer, err = s.bus.exchange(ctx, urgent, s.number, question, s.timeout); err == nil {
			if data, err = content(question, answer); err == nil {
				return data, nil
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("%s: %w", s, err)
}

// Registers reads n registers from addr on, by ReadInput or ReadHolding.
func (s *Slave) Registers(ctx context.Context, function byte, addr, n uint16) ([]uint16, error) {
	if n < 1 || n > MaxRegisters {
		return nil, fmt.Errorf("%d registers cannot be read at once", n)
	}
	data, err := s.ask(ctx, false, read(function, addr, n))
	if err != nil {
		return nil, err
	}
	regs := make([]uint16, n)
	for i := range regs {
		regs[i] = binary.BigEndian.Uint16(data[2*i:])
	}
	return regs, nil
}

// Coil reads one coil.
func (s *Slave) Coil(ctx context.Context, addr uint16) (bool, error) {
	data, err := s.ask(ctx, true, read(ReadCoils, addr, 1))
	if err != nil {
		return false, err
	}
	return data[0]&1 != 0, nil
}

// SetCoil switches a coil and reads it back, ahead of all who wait for the line. It is
// read back because a slave confirms with what it was sent, and so does an adapter
// that echoes with no slave behind it.
func (s *Slave) SetCoil(ctx context.Context, addr uint16, on bool) error {
	value := uint16(0)
	if on {
		value = 0xFF00
	}
	if _, err := s.ask(ctx, true, write(WriteCoil, addr, value)); err != nil {
		return err
	}
	is, err := s.Coil(ctx, addr)
	if err == nil && is != on {
		err = fmt.Errorf("%s: coil %d was switched and is not", s, addr)
	}
	return err
}

// Holding is d, holding the slave's line while it runs.
func (s *Slave) Holding(d devices.Device) devices.Device { return &holder{d, s.bus} }

type holder struct {
	devices.Device
	bus transport
}

func (h *holder) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	defer h.bus.hold()()
	return h.Device.Run(ctx, clock, emit)
}
