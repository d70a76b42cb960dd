package probing

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weishao.dev/weishao/devices/ds18b20"
)

// Files are found by the names that the kernel gives them below a root: "/" but for
// tests.
type Files struct{ Root string }

func (f Files) glob(patterns ...string) (list []string) {
	for _, p := range patterns {
		found, _ := filepath.Glob(filepath.Join(f.Root, p)) // only a bad pattern is an error
		for _, path := range found {
			list = append(list, "/"+strings.TrimPrefix(strings.TrimPrefix(path, filepath.Clean(f.Root)), "/"))
		}
	}
	slices.Sort(list)
	return list
}

// I2C are the paths of the I²C buses.
func (f Files) I2C() []string { return f.glob("dev/i2c-*") }

// GPIO are the GPIO chips and SPI chip selects.
func (f Files) GPIO() (list []Found) {
	for _, p := range f.glob("dev/gpiochip*") {
		list = append(list, Found{Where: p, What: "GPIO chip; lines are named in chip and line of a device"})
	}
	for _, p := range f.glob("dev/spidev*") {
		list = append(list, Found{Where: p, What: "SPI chip select; a converter there cannot be asked what it is"})
	}
	return list
}

// Serial are the serial ports, by the name that stays.
func (f Files) Serial() (list []Found) {
	named := map[string]bool{}
	for _, p := range f.glob("dev/serial/by-id/*") {
		what := "serial port"
		if to, err := os.Readlink(filepath.Join(f.Root, p)); err == nil {
			named[filepath.Base(to)] = true
			what += ", now " + filepath.Base(to)
		}
		list = append(list, Found{Where: p, What: what + "; for Modbus: probe --modbus " + p})
	}
	for _, p := range f.glob("dev/ttyUSB*", "dev/ttyACM*", "dev/ttyAMA*", "dev/serial0") {
		if !named[filepath.Base(p)] {
			list = append(list, Found{Where: p, What: "serial port; for Modbus: probe --modbus " + p})
		}
	}
	return list
}

// OneWire are the parts that the kernel has found on 1-wire buses.
func (f Files) OneWire() (list []Found) {
	for _, p := range f.glob("sys/bus/w1/devices/*") {
		name := filepath.Base(p)
		switch {
		case ds18b20.PartName.MatchString(name):
			list = append(list, Found{p, "DS18B20", fmt.Sprintf("{id: t-%s, kind: ds18b20, part: %s, interval: 10s}", name[len(name)-4:], name)})
		case strings.HasPrefix(name, "w1_bus_master"):
			list = append(list, Found{Where: p, What: "1-wire bus"})
		default:
			list = append(list, Found{Where: p, What: "a 1-wire part that is not supported (of those, DS18B20 is: its name begins with 28-)"})
		}
	}
	return list
}
