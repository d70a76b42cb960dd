package bus

import (
	"fmt"
	"os"
	"path/filepath"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/host/v3/sysfs"
)

// Host opens this machine's own hardware.
func Host() Openers {
	return Openers{I2C: hostI2C, SPI: hostSPI, GPIO: hostGPIO, OneWire: hostOneWire}
}

func hostI2C(path string) (i2c.BusCloser, error) {
	var n int
	if _, err := fmt.Sscanf(path, "/dev/i2c-%d", &n); err != nil {
		return nil, fmt.Errorf("%q is not an I²C bus", path)
	}
	b, err := sysfs.NewI2C(n)
	if err != nil {
		return nil, err // not b, which would be a non-nil interface
	}
	return b, nil
}

func hostSPI(path string) (spi.PortCloser, error) {
	var n, cs int
	if _, err := fmt.Sscanf(path, "/dev/spidev%d.%d", &n, &cs); err != nil {
		return nil, fmt.Errorf("%q is not an SPI chip select", path)
	}
	p, err := sysfs.NewSPI(n, cs)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func hostOneWire(part string) (OneWire, error) {
	if _, err := os.Stat(part); err != nil {
		return nil, err
	}
	return folder(part), nil
}

type folder string

func (folder) Close() error { return nil }

func (f folder) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), name))
}
