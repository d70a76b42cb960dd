package bus

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"weishao.dev/weishao/internal/conf"
)

// Address is a part's address on an I²C bus, without the read bit.
type Address uint16

func (a Address) String() string { return fmt.Sprintf("0x%02x", uint16(a)) }

// UnmarshalText reads "0x48" or "72".
func (a *Address) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 0, 16)
	if err != nil || v < 0x08 || v > 0x77 {
		return fmt.Errorf("%q is not the address of a part: write it as on the data sheet, 0x08 to 0x77", text)
	}
	*a = Address(v)
	return nil
}

// DefaultI2C is the bus on the header of a Raspberry Pi.
const DefaultI2C = "/dev/i2c-1"

// OnI2C are the keys of a part on an I²C bus.
type OnI2C struct {
	Bus     conf.At[string]  `yaml:"bus"`     // default /dev/i2c-1
	Address conf.At[Address] `yaml:"address"` // default the part's first
}

var i2cPath = regexp.MustCompile(`^/dev/i2c-\d+$`)

// Conn is the part that the keys name. allowed are the addresses that the part can
// have, its first being the default; who is what claims the address alone, and at
// where mistakes are reported that no key stands for.
func (o *OnI2C) Conn(b *Buses, errs *conf.Errors, at conf.Pos, who string, allowed ...Address) Conn {
	path, addr := o.Bus.V, o.Address.V
	if path == "" {
		path = DefaultI2C
	} else if !i2cPath.MatchString(path) {
		errs.Add(o.Bus.Pos, "bus %q is not an I²C bus: write /dev/i2c-1 or the like", path)
	}
	if addr == 0 {
		addr = allowed[0]
	} else {
		at = o.Address.Pos
		o.check(errs, allowed)
	}
	if before := b.Claim(path+" "+addr.String(), who); before != "" {
		errs.Add(at, "address %s on %s is taken by %s: give one of them another", addr, path, before)
	}
	return b.I2C(path, addr)
}

func (o *OnI2C) check(errs *conf.Errors, allowed []Address) {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		if a == o.Address.V {
			return
		}
		names[i] = a.String()
	}
	errs.Add(o.Address.Pos, "this part cannot have the address %s (one of %s)", o.Address.V, strings.Join(names, ", "))
}

// OnSPI are the keys of a part on an SPI bus.
type OnSPI struct {
	Bus conf.At[string] `yaml:"bus"` // with chip select; default /dev/spidev0.0
}

// DefaultSPI is the first chip select on the header of a Raspberry Pi.
const DefaultSPI = "/dev/spidev0.0"

var spiPath = regexp.MustCompile(`^/dev/spidev\d+\.\d+$`)

// Path is the chip select that the keys name.
func (o *OnSPI) Path(errs *conf.Errors) string {
	switch {
	case o.Bus.V == "":
		return DefaultSPI
	case !spiPath.MatchString(o.Bus.V):
		errs.Add(o.Bus.Pos, "bus %q is not an SPI chip select: write /dev/spidev0.0 or the like", o.Bus.V)
	}
	return o.Bus.V
}

// OnGPIO are the keys of a part at a GPIO line.
type OnGPIO struct {
	Chip conf.At[string] `yaml:"chip"` // default /dev/gpiochip0
	Line conf.At[int]    `yaml:"line"` // number on the chip: on a Raspberry Pi the GPIO number
}

// DefaultGPIO is the chip of the header of a Raspberry Pi.
const DefaultGPIO = "/dev/gpiochip0"

var gpioPath = regexp.MustCompile(`^/dev/gpiochip\d+$`)

// Pin is the line that the keys name.
func (o *OnGPIO) Pin(b *Buses, errs *conf.Errors, at conf.Pos, who string) Pin {
	chip := o.Chip.V
	if chip == "" {
		chip = DefaultGPIO
	} else if !gpioPath.MatchString(chip) {
		errs.Add(o.Chip.Pos, "chip %q is not a GPIO chip: write /dev/gpiochip0 or the like", chip)
	}
	switch {
	case o.Line.Pos.Line == 0:
		errs.Add(at, "line is missing: the number of the GPIO line that the part is wired to")
	case o.Line.V < 0 || o.Line.V > 511:
		errs.Add(o.Line.Pos, "line %d is not between 0 and 511", o.Line.V)
	default:
		if before := b.Claim(fmt.Sprintf("%s line %d", chip, o.Line.V), who); before != "" {
			errs.Add(o.Line.Pos, "line %d of %s is taken by %s", o.Line.V, chip, before)
		}
	}
	return b.Pin(chip, o.Line.V)
}
