// Package bustest has buses for drivers' tests: recorded conversations, and buses on
// which one step of a conversation goes wrong.
//
// A conversation is what is said on a bus from a driver's first word to the end of a
// sample, written down from the part's data sheet. Check plays it, then plays it once
// more for each step and for each way in which a step can fail, and then mends the
// part: the driver must have answered with a fault or with the right value, never
// with a wrong one, and must recover by itself.
package bustest

import (
	"errors"
	"fmt"
	"sync"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"weishao.dev/weishao/devices/bus"
)

// IO is one step: what is written, and what is read.
type IO = i2ctest.IO

// Way is how a step fails.
type Way struct {
	Kind Kind
	Byte int // of a WrongByte
}

// Kind of failure.
type Kind int

const (
	Fine      Kind = iota
	NoAnswer       // the part does not acknowledge, or the bus reports an error
	ShortRead      // the second half of the answer never comes: the idle bus reads as ones
	WrongByte      // a bit of one byte is flipped
	Shifted        // the answer comes a byte late
	AllZero        // the bus is held low
	AllOnes        // nobody drives the bus, and nobody notices
	Hang           // the transaction does not return
)

var kindNames = [...]string{"fine", "no answer", "short read", "wrong byte", "shifted", "all zero", "all ones", "hang"}

func (w Way) String() string {
	if w.Kind == WrongByte {
		return fmt.Sprintf("wrong byte %d", w.Byte)
	}
	return kindNames[w.Kind]
}

// ways are those in which a step can fail. What is only written cannot come wrong.
func ways(op IO) []Way {
	list := []Way{{Kind: NoAnswer}, {Kind: Hang}}
	if len(op.R) == 0 {
		return list
	}
	for i := range op.R {
		list = append(list, Way{WrongByte, i})
	}
	if len(op.R) > 1 {
		list = append(list, Way{Kind: ShortRead}, Way{Kind: Shifted})
	}
	return append(list, Way{Kind: AllZero}, Way{Kind: AllOnes})
}

// spoil is an answer that went wrong.
func (w Way) spoil(r []byte) []byte {
	out := append([]byte(nil), r...)
	switch w.Kind {
	case ShortRead:
		for i := len(out) / 2; i < len(out); i++ {
			out[i] = 0xff
		}
	case WrongByte:
		out[w.Byte] ^= 0x10
	case Shifted:
		copy(out[1:], r)
		out[0] = 0xff
	case AllZero, AllOnes:
		for i := range out {
			out[i] = byte(0)
			if w.Kind == AllOnes {
				out[i] = 0xff
			}
		}
	}
	return out
}

var errNoAnswer = errors.New("no acknowledge")

// Bus plays a conversation over and over, on I²C or SPI. The zero Way at Step is a
// part that is well.
type Bus struct {
	mu     sync.Mutex
	ops    []IO
	play   *i2ctest.Playback
	step   int
	way    Way
	hung   chan struct{}
	failed bool // the step has been reached
	opened int
	strict []error // where a driver said what is not in the conversation
}

// Play is a bus on which ops can be said, again and again.
func Play(ops ...IO) *Bus {
	b := &Bus{ops: ops, step: -1, hung: make(chan struct{})}
	b.rewind()
	return b
}

// Fail makes a step fail. The steps before are said first.
func (b *Bus) Fail(step int, way Way) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.step, b.way, b.failed = step, way, false
}

// Mend makes the part well, as if it had just been powered.
func (b *Bus) Mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.step, b.failed = -1, false
	close(b.hung)
	b.hung = make(chan struct{})
	b.rewind()
}

func (b *Bus) rewind() { b.play = &i2ctest.Playback{Ops: b.ops, DontPanic: true} }

// Opened is how often the bus was opened.
func (b *Bus) Opened() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

// Done is an error if the conversation was not said to its end, or something else was
// said.
func (b *Bus) Done() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.strict) > 0 {
		return b.strict[0]
	}
	return b.play.Close()
}

// Buses has the bus at every I²C and SPI path.
func (b *Bus) Buses() *bus.Buses {
	open := func() { b.mu.Lock(); b.opened++; b.mu.Unlock() }
	return bus.New(bus.Openers{
		I2C: func(string) (i2c.BusCloser, error) { open(); return onI2C{b}, nil },
		SPI: func(string) (spi.PortCloser, error) { open(); return onSPI{b}, nil },
	})
}

// tx is one transaction.
func (b *Bus) tx(addr uint16, w, r []byte) error {
	b.mu.Lock()
	hit := b.step >= 0 && !b.failed && b.play.Count == b.step
	if !hit {
		defer b.mu.Unlock()
		return b.say(addr, w, r)
	}
	b.failed = true
	way, hung := b.way, b.hung
	if way.Kind != Hang {
		defer b.mu.Unlock()
		if way.Kind == NoAnswer {
			return errNoAnswer
		}
		err := b.say(addr, w, r)
		copy(r, way.spoil(r))
		return err
	}
	b.mu.Unlock()
	<-hung
	return errNoAnswer
}

// say plays a step. Once a step has failed, what does not belong is a part that does
// not understand.
func (b *Bus) say(addr uint16, w, r []byte) error {
	if b.step < 0 && b.play.Count == len(b.ops) {
		b.rewind()
	}
	err := b.play.Tx(addr, w, r)
	if err != nil && b.failed {
		return errNoAnswer
	}
	if err != nil {
		b.strict = append(b.strict, err)
	}
	return err
}

type onI2C struct{ *Bus }

func (onI2C) String() string                      { return "recorded" }
func (onI2C) Close() error                        { return nil }
func (onI2C) SetSpeed(physic.Frequency) error     { return nil }
func (c onI2C) Tx(addr uint16, w, r []byte) error { return c.tx(addr, w, r) }

type onSPI struct{ *Bus }

func (onSPI) String() string                                              { return "recorded" }
func (onSPI) Close() error                                                { return nil }
func (onSPI) LimitSpeed(physic.Frequency) error                           { return nil }
func (c onSPI) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) { return c, nil }
func (onSPI) Duplex() conn.Duplex                                         { return conn.Full }
func (onSPI) TxPackets([]spi.Packet) error                                { return errors.New("not recorded") }
func (c onSPI) Tx(w, r []byte) error                                      { return c.tx(0, w, r) }
