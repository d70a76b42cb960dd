package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Limits of one transaction.
const (
	Limit        = 500 * time.Millisecond // I²C, SPI, GPIO: a hundred times what any of ours takes
	OneWireLimit = 3 * time.Second        // a conversion takes up to 0.75 s within the read
)

// Conn is one part on a bus.
type Conn interface {
	// Tx writes w and reads len(r) bytes: on I²C one after the other in one
	// transaction, on SPI at the same time and of the same length. ctx bounds the
	// wait for the turn too. r is changed only if the error is nil.
	Tx(ctx context.Context, w, r []byte) error
	String() string
}

// Files are the files by which the kernel shows one 1-wire part.
type Files interface {
	Read(ctx context.Context, name string) ([]byte, error)
	String() string
}

// Pull is the resistor that the board connects to a line.
type Pull uint8

const (
	PullNone Pull = iota
	PullUp
	PullDown
)

// Pin is one GPIO line, true being high.
type Pin interface {
	// Read makes the line an input with the pull and reads its level.
	Read(ctx context.Context, pull Pull) (bool, error)
	// Write makes the line an output of the level, from the first moment.
	Write(ctx context.Context, level bool) error
	String() string
}

// Openers open the hardware. Each is called again after the bus failed.
type Openers struct {
	I2C     func(path string) (i2c.BusCloser, error)
	SPI     func(path string) (spi.PortCloser, error)
	GPIO    func(chip string, line int) (GPIO, error)
	OneWire func(part string) (OneWire, error) // part: the folder of one
}

// GPIO is an open line, OneWire an open part.
type (
	GPIO interface {
		io.Closer
		In(Pull) (bool, error)
		Out(bool) error
	}
	OneWire interface {
		io.Closer
		ReadFile(name string) ([]byte, error)
	}
)

// Buses are the buses of a machine. It is safe for concurrent use.
type Buses struct {
	open Openers

	mu      sync.Mutex
	i2c     map[string]*line[i2c.BusCloser]
	spi     map[string]*line[spiPort]
	pins    map[string]*line[GPIO]
	onewire map[string]*line[oneWireBus]
	claims  map[string]string
}

// New makes the buses that the openers open; nothing is opened yet.
func New(open Openers) *Buses {
	return &Buses{open: open, i2c: map[string]*line[i2c.BusCloser]{}, spi: map[string]*line[spiPort]{},
		pins: map[string]*line[GPIO]{}, onewire: map[string]*line[oneWireBus]{}, claims: map[string]string{}}
}

// get is the entry of m, made if need be.
func get[P io.Closer](b *Buses, m map[string]*line[P], name string, limit time.Duration, open func() (P, error)) *line[P] {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := m[name]
	if l == nil {
		l = newLine(name, limit, open)
		m[name] = l
	}
	return l
}

// Claim says that who uses what alone ("/dev/i2c-1 0x48"), and returns who has
// claimed it before, or "".
func (b *Buses) Claim(what, who string) (before string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if before := b.claims[what]; before != "" && before != who {
		return before
	}
	b.claims[what] = who
	return ""
}

// Close closes what is open and idle.
func (b *Buses) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(closeAll(b.i2c), closeAll(b.spi), closeAll(b.pins), closeAll(b.onewire))
}

func closeAll[P io.Closer](m map[string]*line[P]) error {
	var errs []error
	for _, l := range m {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}

// I2C is the part with an address on the bus of a path such as /dev/i2c-1.
func (b *Buses) I2C(path string, addr Address) Conn {
	l := get(b, b.i2c, path, Limit, func() (i2c.BusCloser, error) { return b.open.I2C(path) })
	return &i2cConn{l, addr}
}

type i2cConn struct {
	line *line[i2c.BusCloser]
	addr Address
}

func (c *i2cConn) String() string { return c.line.name + " " + c.addr.String() }

func (c *i2cConn) Tx(ctx context.Context, w, r []byte) error {
	own, answer := append([]byte(nil), w...), make([]byte, len(r))
	err := c.line.do(ctx, func(b i2c.BusCloser) error {
		if err := b.Tx(uint16(c.addr), own, answer); err != nil {
			return fmt.Errorf("%s: %w", c.addr, err)
		}
		return nil
	})
	if err == nil {
		copy(r, answer)
	}
	return err
}

// SPI is the part at a chip select's path such as /dev/spidev0.0, clocked at most hz,
// in a mode.
func (b *Buses) SPI(path string, hz int, mode spi.Mode) Conn {
	l := get(b, b.spi, path, Limit, func() (spiPort, error) {
		p, err := b.open.SPI(path)
		if err != nil {
			return spiPort{}, err
		}
		c, err := p.Connect(physic.Frequency(hz)*physic.Hertz, mode, 8)
		if err != nil {
			return spiPort{}, errors.Join(err, p.Close())
		}
		return spiPort{p, c}, nil
	})
	return &spiConn{l}
}

type spiPort struct {
	io.Closer
	conn spi.Conn
}

type spiConn struct{ line *line[spiPort] }

func (c *spiConn) String() string { return c.line.name }

func (c *spiConn) Tx(ctx context.Context, w, r []byte) error {
	own, answer := append([]byte(nil), w...), make([]byte, len(r))
	err := c.line.do(ctx, func(p spiPort) error { return p.conn.Tx(own, answer) })
	if err == nil {
		copy(r, answer)
	}
	return err
}

// Pin is a line of a GPIO chip such as /dev/gpiochip0. Each line has its own turn.
func (b *Buses) Pin(chip string, number int) Pin {
	name := fmt.Sprintf("%s line %d", chip, number)
	return &pin{get(b, b.pins, name, Limit, func() (GPIO, error) { return b.open.GPIO(chip, number) })}
}

type pin struct{ line *line[GPIO] }

func (p *pin) String() string { return p.line.name }

func (p *pin) Read(ctx context.Context, pull Pull) (bool, error) {
	answer := make(chan bool, 1)
	err := p.line.do(ctx, func(g GPIO) error {
		level, err := g.In(pull)
		answer <- level
		return err
	})
	if err != nil {
		return false, err
	}
	return <-answer, nil
}

func (p *pin) Write(ctx context.Context, level bool) error {
	return p.line.do(ctx, func(g GPIO) error { return g.Out(level) })
}

// OneWire is the part that the kernel shows in a folder such as
// /sys/bus/w1/devices/28-00000abcdef0. All parts of the folder above share one turn.
func (b *Buses) OneWire(root, part string) Files {
	l := get(b, b.onewire, root, OneWireLimit, func() (oneWireBus, error) { return oneWireBus{}, nil })
	return &files{l, root + "/" + part, b.open.OneWire}
}

// oneWireBus needs no opening; its parts do.
type oneWireBus struct{}

func (oneWireBus) Close() error { return nil }

type files struct {
	line *line[oneWireBus]
	part string
	open func(string) (OneWire, error)
}

func (f *files) String() string { return f.part }

func (f *files) Read(ctx context.Context, name string) ([]byte, error) {
	answer := make(chan []byte, 1)
	err := f.line.do(ctx, func(oneWireBus) error {
		p, err := f.open(f.part)
		if err != nil {
			return err
		}
		data, err := p.ReadFile(name)
		answer <- data
		return errors.Join(err, p.Close())
	})
	if err != nil {
		return nil, err
	}
	return <-answer, nil
}
