package bus

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's GPIO interface, version 2 (Linux 5.10), as in <linux/gpio.h>. All
// fields are aligned to 8 bytes, so that 32-bit and 64-bit machines agree.
const (
	gpioGetLine   = 0xc250b407 // GPIO_V2_GET_LINE_IOCTL, on the chip
	gpioSetConfig = 0xc110b40d // GPIO_V2_LINE_SET_CONFIG_IOCTL, on the line
	gpioGetValues = 0xc010b40e // GPIO_V2_LINE_GET_VALUES_IOCTL
	gpioSetValues = 0xc010b40f // GPIO_V2_LINE_SET_VALUES_IOCTL

	gpioInput    = 1 << 2
	gpioOutput   = 1 << 3
	gpioPullUp   = 1 << 8
	gpioPullDown = 1 << 9
	gpioPullOff  = 1 << 10

	gpioAttrValues = 2 // the attribute that holds an output's first level
)

type gpioAttr struct {
	id, _ uint32
	value uint64
	mask  uint64
}

type gpioConfig struct {
	flags    uint64
	numAttrs uint32
	_        [5]uint32
	attrs    [10]gpioAttr
}

type gpioRequest struct {
	offsets  [64]uint32
	consumer [32]byte
	config   gpioConfig
	numLines uint32
	_        uint32 // event buffer size
	_        [5]uint32
	fd       int32
}

type gpioValues struct{ bits, mask uint64 }

// gpioLine is a line that the kernel keeps for us. It is asked for as what it is
// first used for, so that an output never is an input for a moment.
type gpioLine struct {
	chip   string
	number int

	line   *os.File // nil before its first use
	config gpioConfig
}

func hostGPIO(chip string, line int) (GPIO, error) {
	return &gpioLine{chip: chip, number: line}, nil
}

func (g *gpioLine) Close() error {
	if g.line == nil {
		return nil
	}
	err := g.line.Close()
	g.line = nil
	return err
}

func (g *gpioLine) In(pull Pull) (bool, error) {
	flags := []uint64{PullNone: gpioPullOff, PullUp: gpioPullUp, PullDown: gpioPullDown}[pull]
	if err := g.become(gpioConfig{flags: gpioInput | flags}); err != nil {
		return false, err
	}
	v := gpioValues{mask: 1}
	if err := ioctl(g.line, gpioGetValues, unsafe.Pointer(&v)); err != nil {
		return false, fmt.Errorf("the line's level: %w", err)
	}
	return v.bits&1 == 1, nil
}

func (g *gpioLine) Out(level bool) error {
	v := gpioValues{mask: 1}
	if level {
		v.bits = 1
	}
	if g.line != nil && g.config.flags == gpioOutput {
		if err := ioctl(g.line, gpioSetValues, unsafe.Pointer(&v)); err != nil {
			return fmt.Errorf("set the line: %w", err)
		}
		return nil
	}
	c := gpioConfig{flags: gpioOutput, numAttrs: 1}
	c.attrs[0] = gpioAttr{id: gpioAttrValues, value: v.bits, mask: 1}
	return g.become(c)
}

// become asks for the line, or makes of one that we have what c says.
func (g *gpioLine) become(c gpioConfig) error {
	if g.line != nil {
		if g.config.flags == c.flags {
			return nil
		}
		if err := ioctl(g.line, gpioSetConfig, unsafe.Pointer(&c)); err != nil {
			return fmt.Errorf("configure the line: %w", err)
		}
		g.config = c
		return nil
	}
	chip, err := os.OpenFile(g.chip, os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer chip.Close() // the line outlives it
	req := gpioRequest{config: c, numLines: 1}
	req.offsets[0] = uint32(g.number)
	copy(req.consumer[:], "weishao")
	if err := ioctl(chip, gpioGetLine, unsafe.Pointer(&req)); err != nil {
		return fmt.Errorf("ask for the line (is another program using it?): %w", err)
	}
	g.line, g.config = os.NewFile(uintptr(req.fd), g.chip), c
	return nil
}

func ioctl(f *os.File, op uintptr, arg unsafe.Pointer) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	if err := c.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, op, uintptr(arg))
	}); err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}
