// Package mcp3x08 drives the converters MCP3008 (10 bits) and MCP3208 (12 bits) of
// Microchip, on SPI.
//
// Data sheets: MCP3004/3008 DS21295D
// (https://ww1.microchip.com/downloads/en/DeviceDoc/21295d.pdf), MCP3204/3208 DS21298E
// (https://ww1.microchip.com/downloads/en/DeviceDoc/21298e.pdf).
//
//   - Inputs: 8, against ground, 0 V to VREF. A step is VREF/1024 or VREF/4096;
//     accuracy ±1 LSB (MCP3208-B) to ±2 LSB, and that of VREF, which on a bare board is
//     the supply: a few per cent unless it is a reference.
//   - The source must be below 1 kΩ at full clock rate; at ours (1 MHz) below about
//     10 kΩ (DS21298E figure 4-2).
//   - Clock: at most 1 MHz at 2.7 V (MCP3208), 1.35 MHz (MCP3008); at least 10 kHz, so
//     that the sample does not leak away within a conversion (section 6.2).
//   - No warm-up, no registers, nothing to set up: the part cannot tell a reset.
//
// A conversion (sections 5.0 and 6.1): start bit, single-ended bit, three bits of the
// input's number, one clock to sample, a null bit, the result from its highest bit,
// and, if the clock goes on, the result once more from its second lowest bit to its
// highest, then zeros. That second half is used as a check: an answer of which the two
// halves differ is no measurement. What it cannot find is a bus held low throughout:
// that reads as 0 V. Tie MISO up by 100 kΩ, so that a part that is away reads as ones.
package mcp3x08

import (
	"context"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/spi"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/telemetry"
)

// Model is one of the two parts.
type Model struct {
	Name string
	bits int
}

// Models.
var (
	MCP3008 = Model{"mcp3008", 10}
	MCP3208 = Model{"mcp3208", 12}
)

const (
	clock = 1_000_000              // Hz
	every = 250 * time.Microsecond // between samples of a burst
)

// Chip is one converter.
type Chip struct {
	conn  bus.Conn
	model Model
	vref  float64
}

// New makes a converter at a chip select, with its reference in V.
func New(b *bus.Buses, path string, m Model, vref float64) *Chip {
	return &Chip{b.SPI(path, clock, spi.Mode0), m, vref}
}

// Input is the input number n, 0 to 7.
func (c *Chip) Input(n int) adc.Input { return &input{c, n} }

type input struct {
	chip *Chip
	n    int
}

func (in *input) String() string {
	return fmt.Sprintf("%s at %s input %d", in.chip.model.Name, in.chip.conn, in.n)
}

// Resets is 0: the part cannot tell.
func (in *input) Resets() int { return 0 }

// request is what selects the input: for both parts the null bit is followed by the
// result in the second byte's lowest bits.
func (m Model) request(n int) []byte {
	if m.bits == 12 {
		return []byte{0x06 | byte(n>>2), byte(n << 6), 0, 0, 0}
	}
	return []byte{0x01, 0x80 | byte(n<<4), 0, 0, 0}
}

var (
	errNull   = errors.New("the null bit is set: nobody answers")
	errMirror = errors.New("the result and its repetition differ")
)

// decode takes the result out of the five bytes that came in.
func (m Model) decode(r []byte) (int, error) {
	var all uint64
	for _, b := range r {
		all = all<<8 | uint64(b)
	}
	from := 24 - m.bits // position of the result's highest bit, from the first bit that came
	bit := func(i int) int { return int(all >> (39 - i) & 1) }
	if bit(from-1) != 0 {
		return 0, errNull
	}
	v := 0
	for i := range m.bits {
		v = v<<1 | bit(from+i)
	}
	mirror := 0
	for i := 1; i < m.bits; i++ {
		mirror |= bit(23+i) << i
	}
	rest := all & (1<<(17-m.bits) - 1)
	if mirror != v&^1 || rest != 0 {
		return 0, errMirror
	}
	return v, nil
}

func (in *input) Volts(ctx context.Context) (float64, error) {
	c := in.chip
	r := make([]byte, 5)
	if err := c.conn.Tx(ctx, c.model.request(in.n), r); err != nil {
		return 0, err
	}
	v, err := c.model.decode(r)
	if err != nil {
		return 0, devices.Fault(telemetry.BadFrame, fmt.Errorf("%s: %w", c.conn, err))
	}
	if v == 1<<c.model.bits-1 {
		return 0, adc.ErrEnd
	}
	return float64(v) * c.vref / float64(int(1)<<c.model.bits), nil
}

func (in *input) Burst(ctx context.Context, length time.Duration) (samples []adc.Sample, err error) {
	began := time.Now()
	for due := time.Duration(0); due <= length; due = adc.Pace(time.Since(began), every) {
		if err := adc.Sleep(ctx, due-time.Since(began)); err != nil {
			return nil, devices.Fault(telemetry.NoResponse, err)
		}
		at := time.Since(began)
		v, err := in.Volts(ctx)
		if err != nil {
			return nil, err
		}
		samples = append(samples, adc.Sample{At: at, Volts: v})
	}
	return samples, nil
}
