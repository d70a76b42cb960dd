//go:build !linux

package bus

import (
	"errors"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/spi"
)

var errLinux = errors.New("hardware buses are read on Linux only")

// Host opens this machine's own hardware.
func Host() Openers {
	return Openers{
		I2C:     func(string) (i2c.BusCloser, error) { return nil, errLinux },
		SPI:     func(string) (spi.PortCloser, error) { return nil, errLinux },
		GPIO:    func(string, int) (GPIO, error) { return nil, errLinux },
		OneWire: func(string) (OneWire, error) { return nil, errLinux },
	}
}
