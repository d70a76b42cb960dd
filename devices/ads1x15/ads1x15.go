// Package ads1x15 drives the converters ADS1115 (16 bits, 8 to 860 samples a second)
// and ADS1015 (12 bits, 128 to 3300) of Texas Instruments, on I²C.
//
// Data sheets: ADS1115 SBAS444 (https://www.ti.com/lit/ds/symlink/ads1115.pdf),
// ADS1015 SBAS473 (https://www.ti.com/lit/ds/symlink/ads1015.pdf). Names of tables
// are those of SBAS444E.
//
//   - Inputs: 4, against ground. The voltage must stay within ground − 0.3 V and
//     supply + 0.3 V whatever the range: a 5 V sensor at a converter on 3.3 V needs a
//     divider.
//   - Ranges: ±6.144, 4.096, 2.048, 1.024, 0.512, 0.256 V ("Full-scale range"). With one input
//     against ground only the positive half is of use. Accuracy: gain 0.15 % at most,
//     offset 3 LSB; at 4.096 V a step is 125 µV (ADS1115) or 2 mV (ADS1015).
//   - Data rate: ±10 %. Each conversion averages over its whole length,
//     so that what changes within it is damped by sinc(f/rate): see package sct013.
//   - Warm-up: 25 µs from power-down.
//   - Errata: boards sold as ADS1015 may carry an ADS1115, whose low bits are set: such a
//     one is refused as ads1015, and works as ads1115.
//   - Addresses: 0x48 to 0x4b by what ADDR is wired to: GND, VDD, SDA, SCL.
//
// Registers: 0 conversion, 1 configuration (reset 0x8583), 2 and 3 the
// comparator's thresholds (reset 0x8000 and 0x7fff). Configuration ("Config register field
// descriptions"): OS 15,
// MUX 14:12, PGA 11:9, MODE 8, DR 7:5, COMP_MODE 4, COMP_POL 3, COMP_LAT 2, COMP_QUE 1:0.
//
// I²C carries no checksum. So the configuration is read back before the result is
// believed, which finds a part that was reset, a bus that is held and a second master;
// and a single conversion is read twice. A configuration that is found to be the reset
// value was not written by us: the part has lost its supply in between.
package ads1x15

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/turn"
	"weishao.dev/weishao/telemetry"
)

// Model is one of the two parts.
type Model struct {
	Name   string
	bits   uint // the lowest 16−bits bits of a result are 0
	single int  // samples a second of single conversions, and its code
	code1  uint16
	burst  int // samples a second in bursts: code 7
}

// Models.
var (
	ADS1115 = Model{Name: "ads1115", bits: 16, single: 128, code1: 4, burst: 860}
	ADS1015 = Model{Name: "ads1015", bits: 12, single: 1600, code1: 4, burst: 3300}
)

// Addresses that the parts can have.
var Addresses = []bus.Address{0x48, 0x49, 0x4a, 0x4b}

// Is reports whether one of the two answers, as it is after power-up or as a gateway has
// left it: by its thresholds, which only the comparator changes, or its configuration.
func Is(ctx context.Context, c bus.Conn) bool {
	return bus.Answers(ctx, c, regLow, 0x80, 0x00) && bus.Answers(ctx, c, regHigh, 0x7f, 0xff) ||
		bus.Answers(ctx, c, regConfig, reset>>8, reset&0xff)
}

// Ranges are the full scales in V, by their codes.
var Ranges = []float64{6.144, 4.096, 2.048, 1.024, 0.512, 0.256}

const (
	regResult = 0
	regConfig = 1
	regLow    = 2
	regHigh   = 3

	reset       = 0x8583
	start       = 1 << 15 // OS: written, begins a conversion; read, none is under way
	singleShot  = 1 << 8  // MODE
	noCompare   = 3       // COMP_QUE
	wakeUp      = 25 * time.Microsecond
	readyChecks = 3
)

var (
	errForeign  = errors.New("its configuration is not what was written to it")
	errNotReady = errors.New("a conversion does not end")
	errBelow    = errors.New("a voltage as far below ground as the range goes, which no input can have")
	errUnsteady = errors.New("a result that was read twice differs")
	errBits     = errors.New("bits that the part does not have are set (an ADS1115 that is sold as an ADS1015?)")
)

// Chip is one converter.
type Chip struct {
	conn   bus.Conn
	model  Model
	turn   turn.Turn
	last   uint16 // the configuration that was written; 0 if not known
	resets atomic.Int32
}

// New makes a converter; it is not spoken to yet.
func New(conn bus.Conn, m Model) *Chip { return &Chip{conn: conn, model: m} }

// Input is the input number n, 0 to 3, with the full scale of Ranges[r].
func (c *Chip) Input(n, r int) adc.Input { return &input{c, n, r} }

type input struct {
	chip     *Chip
	n, scale int
}

func (in *input) String() string {
	return fmt.Sprintf("%s of %s input %d", in.chip.model.Name, in.chip.conn, in.n)
}

func (in *input) Resets() int { return int(in.chip.resets.Load()) }

// config is the configuration for this input, converting by mode and rate code.
func (in *input) config(mode, rate uint16) uint16 {
	return start | (4+uint16(in.n))<<12 | uint16(in.scale)<<9 | mode | rate<<5 | noCompare
}

// volts is what a result means.
func (in *input) volts(code uint16) (float64, error) {
	if code<<in.chip.model.bits != 0 {
		return 0, bad(errBits)
	}
	top := int16(uint16(0x7fff) >> (16 - in.chip.model.bits) << (16 - in.chip.model.bits))
	switch v := int16(code); v {
	case top:
		return 0, adc.ErrEnd
	case -0x8000:
		return 0, bad(errBelow)
	default:
		return float64(v) * Ranges[in.scale] / 0x8000, nil
	}
}
func bad(err error) error { return devices.Fault(telemetry.BadFrame, err) }

func (in *input) Volts(ctx context.Context) (float64, error) {
	c := in.chip
	if err := c.take(ctx); err != nil {
		return 0, err
	}
	defer c.turn.Pass()
	want := in.config(singleShot, c.model.code1)
	if err := c.begin(ctx, want); err != nil {
		return 0, err
	}
	if err := c.wait(ctx, want); err != nil {
		return 0, err
	}
	first, err := c.read(ctx, regResult)
	if err != nil {
		return 0, err
	}
	second, err := c.read(ctx, regResult)
	if err != nil {
		return 0, err
	}
	if first != second {
		return 0, bad(errUnsteady)
	}
	return in.volts(first)
}

func (in *input) Burst(ctx context.Context, length time.Duration) (samples []adc.Sample, err error) {
	c := in.chip
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.turn.Pass()
	want := in.config(0, 7)
	if err := c.begin(ctx, want); err != nil {
		return nil, err
	}
	every := time.Second / time.Duration(c.model.burst)
	if err := adc.Sleep(ctx, wakeUp+every+every/5); err != nil { // the first conversion, at a rate 10 % low
		return nil, devices.Fault(telemetry.NoResponse, err)
	}
	began := time.Now()
	for due := time.Duration(0); due <= length; due = adc.Pace(time.Since(began), every) {
		if err := adc.Sleep(ctx, due-time.Since(began)); err != nil {
			return nil, devices.Fault(telemetry.NoResponse, err)
		}
		at := time.Since(began)
		code, err := c.read(ctx, regResult)
		if err != nil {
			return nil, err
		}
		v, err := in.volts(code)
		if err != nil {
			return nil, err
		}
		samples = append(samples, adc.Sample{At: at, Volts: v})
	}
	return samples, c.same(ctx, want)
}

func (c *Chip) take(ctx context.Context) error {
	if err := c.turn.Take(ctx, false); err != nil {
		return devices.Fault(telemetry.NoResponse, fmt.Errorf("%s: no turn at the converter: %w", c.conn, err))
	}
	return nil
}

// begin looks whether the part is as it was left, and starts converting. In single
// conversions the comparator is off, and so it is in bursts.
func (c *Chip) begin(ctx context.Context, config uint16) error {
	was, err := c.read(ctx, regConfig)
	if err != nil {
		return err
	}
	switch {
	case was == reset:
		c.resets.Add(1)
	case c.last != 0 && was|start != c.last|start:
		c.last = 0
		return bad(errForeign)
	}
	c.last = config
	return c.tx(ctx, []byte{regConfig, byte(config >> 8), byte(config)}, nil)
}

// wait waits for a single conversion.
func (c *Chip) wait(ctx context.Context, config uint16) error {
	length := time.Second / time.Duration(c.model.single)
	pause := wakeUp + length + length/10
	for range readyChecks {
		if err := adc.Sleep(ctx, pause); err != nil {
			return devices.Fault(telemetry.NoResponse, err)
		}
		got, err := c.read(ctx, regConfig)
		if err != nil {
			return err
		}
		if got|start != config {
			c.last = 0
			return bad(errForeign)
		}
		if got&start != 0 {
			return nil
		}
		pause = length / 4
	}
	return bad(errNotReady)
}

// same is an error if the part is not converting as config says.
func (c *Chip) same(ctx context.Context, config uint16) error {
	got, err := c.read(ctx, regConfig)
	if err == nil && got|start != config {
		c.last = 0
		return bad(errForeign)
	}
	return err
}

func (c *Chip) read(ctx context.Context, reg byte) (uint16, error) {
	r := make([]byte, 2)
	err := c.tx(ctx, []byte{reg}, r)
	return uint16(r[0])<<8 | uint16(r[1]), err
}

func (c *Chip) tx(ctx context.Context, w, r []byte) error {
	err := c.conn.Tx(ctx, w, r)
	if err != nil {
		c.last = 0
	}
	return err
}
