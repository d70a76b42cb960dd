package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// BadFrame marks as bad_frame what a part answered that it cannot have meant.
func BadFrame(c Conn, err error) error {
	return devices.Fault(telemetry.BadFrame, fmt.Errorf("%s: %w", c, err))
}

var errUnsteady = errors.New("a register that was read twice differs")

// ReadReg reads r from a register on.
func ReadReg(ctx context.Context, c Conn, reg byte, r []byte) error {
	return c.Tx(ctx, []byte{reg}, r)
}

// Answers reports whether a part's registers from reg on hold want. By that a part is
// recognised; nothing but the register's number is written.
func Answers(ctx context.Context, c Conn, reg byte, want ...byte) bool {
	r := make([]byte, len(want))
	return ReadReg(ctx, c, reg, r) == nil && string(r) == string(want)
}

// ReadTwice reads r from a register on twice, and refuses what differs: I²C has no
// checksum, and a result that stands still between two conversions can be checked so.
func ReadTwice(ctx context.Context, c Conn, reg byte, r []byte) error {
	again := make([]byte, len(r))
	if err := ReadReg(ctx, c, reg, r); err != nil {
		return err
	}
	if err := ReadReg(ctx, c, reg, again); err != nil {
		return err
	}
	if string(again) != string(r) {
		return BadFrame(c, errUnsteady)
	}
	return nil
}

// Read16 reads a register of two bytes, the high one first.
func Read16(ctx context.Context, c Conn, reg byte) (uint16, error) {
	r := make([]byte, 2)
	err := ReadReg(ctx, c, reg, r)
	return uint16(r[0])<<8 | uint16(r[1]), err
}

// Read16Twice is Read16 as ReadTwice does it.
func Read16Twice(ctx context.Context, c Conn, reg byte) (uint16, error) {
	r := make([]byte, 2)
	err := ReadTwice(ctx, c, reg, r)
	return uint16(r[0])<<8 | uint16(r[1]), err
}

// Write16 writes a register of two bytes.
func Write16(ctx context.Context, c Conn, reg byte, v uint16) error {
	return c.Tx(ctx, []byte{reg, byte(v >> 8), byte(v)}, nil)
}

// Wait waits for the part; that ctx ended meanwhile is a fault.
func Wait(ctx context.Context, c Conn, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return devices.Fault(telemetry.NoResponse, fmt.Errorf("%s: %w", c, ctx.Err()))
	case <-t.C:
		return nil
	}
}
