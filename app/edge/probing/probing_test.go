package probing

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/telemetry"
)

// board is an I²C bus of parts: by address, what they answer to the bytes written.
type board struct {
	parts  map[uint16]map[string]string
	writes map[string]bool
}

func (board) String() string                  { return "board" }
func (board) Close() error                    { return nil }
func (board) SetSpeed(physic.Frequency) error { return nil }

func (b board) Tx(addr uint16, w, r []byte) error {
	part, there := b.parts[addr]
	if !there {
		return errors.New("no acknowledge")
	}
	b.writes[string(w)] = true
	copy(r, make([]byte, len(r)))
	copy(r, part[string(w)])
	return nil
}

func TestI2C(t *testing.T) {
	b := board{writes: map[string]bool{}, parts: map[uint16]map[string]string{
		0x76: {"\xd0": "\x60"},
		0x77: {"\xd0": "\x58"},
		0x40: {"\xfe": "\x54\x49", "\xff": "\x22\x60"},
		0x41: {"\x00": "\x39\x9f"},
		0x44: {"\xf3\x2d": "\x80\x10\xe1"},
		0x48: {"\x01": "\x85\x83", "\x02": "\x80\x00", "\x03": "\x7f\xff"},
		0x57: {"\xff": "\x15"},
		0x45: {},
		0x20: {},
	}}
	buses := bus.New(bus.Openers{I2C: func(path string) (i2c.BusCloser, error) {
		if path == "/dev/i2c-3" {
			return nil, errors.New("no such device")
		}
		return b, nil
	}})
	var got []string
	for _, f := range I2C(t.Context(), buses, []string{"/dev/i2c-1", "/dev/i2c-3"}) {
		got = append(got, f.Where+" "+f.What+" | "+f.YAML)
	}
	want := []string{
		"/dev/i2c-1 0x20 something answers that is not recognised | ",
		"/dev/i2c-1 0x40 INA226 | {id: ina226-1-40, kind: ina226, shunt: 0.1, bus: /dev/i2c-1, address: 0x40}",
		"/dev/i2c-1 0x41 INA219 | {id: ina219-1-41, kind: ina219, shunt: 0.1, bus: /dev/i2c-1, address: 0x41}",
		"/dev/i2c-1 0x44 SHT3x | {id: sht3x-1-44, kind: sht3x, bus: /dev/i2c-1, address: 0x44}",
		"/dev/i2c-1 0x45 something answers that is not recognised (at this address could be: INA226, SHT3x, INA219) | ",
		"/dev/i2c-1 0x48 ADS1115 or ADS1015: a converter: name it in adc of the device that is wired to it | ",
		"/dev/i2c-1 0x57 MAX30105: kind max30105, with the calibration of its chamber | ",
		"/dev/i2c-1 0x76 BME280 | {id: bme280-1-76, kind: bme280, bus: /dev/i2c-1, address: 0x76}",
		"/dev/i2c-1 0x77 BMP280: no humidity: it is not supported | ",
		"/dev/i2c-3 no part answers | ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for w := range b.writes {
		if len(w) > 1 && w != "\xf3\x2d" {
			t.Errorf("% x was written", w)
		}
	}
}

func TestFiles(t *testing.T) {
	root := t.TempDir()
	for _, p := range []string{"dev/i2c-1", "dev/i2c-10", "dev/gpiochip0", "dev/spidev0.0", "dev/ttyUSB0", "dev/ttyUSB1", "dev/ttyAMA0", "sys/bus/w1/devices/28-0316a2795dff", "sys/bus/w1/devices/w1_bus_master1", "sys/bus/w1/devices/3b-000000000001"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, p), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "dev/serial/by-id"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../ttyUSB1", filepath.Join(root, "dev/serial/by-id/usb-FTDI")); err != nil {
		t.Fatal(err)
	}
	f := Files{root}
	if got := f.I2C(); !slices.Equal(got, []string{"/dev/i2c-1", "/dev/i2c-10"}) {
		t.Errorf("I²C: %v", got)
	}
	var where []string
	for _, list := range [][]Found{f.Serial(), f.OneWire(), f.GPIO()} {
		for _, found := range list {
			where = append(where, found.Where)
		}
	}
	want := []string{"/dev/serial/by-id/usb-FTDI", "/dev/ttyAMA0", "/dev/ttyUSB0", "/sys/bus/w1/devices/28-0316a2795dff", "/sys/bus/w1/devices/3b-000000000001", "/sys/bus/w1/devices/w1_bus_master1", "/dev/gpiochip0", "/dev/spidev0.0"}
	if !slices.Equal(where, want) {
		t.Errorf("got %v\nwant %v", where, want)
	}
	var out strings.Builder
	if err := Print(&out, f.OneWire()); err != nil || !strings.Contains(out.String(), "\ndevices: # give each a name and a placement that say where it is\n  - {id: t-5dff, kind: ds18b20, part: 28-0316a2795dff, interval: 10s}\n") {
		t.Errorf("%v\n%s", err, &out)
	}
}

// slaves answer by number.
type slaves map[byte]func(addr, n uint16) ([]uint16, error)

type one struct {
	s slaves
	n byte
}

func (o one) Registers(_ context.Context, _ byte, addr, n uint16) ([]uint16, error) {
	if f := o.s[o.n]; f != nil {
		return f(addr, n)
	}
	return nil, modbus.ErrNoAnswer
}

func TestModbus(t *testing.T) {
	volts := math.Float32bits(229.6)
	s := slaves{
		3: func(_, n uint16) ([]uint16, error) {
			return []uint16{2301, 450, 0, 1000, 0, 20, 0, 500, 98, 0}[:n], nil
		},
		5:  func(_, n uint16) ([]uint16, error) { return []uint16{uint16(volts >> 16), uint16(volts)}[:n], nil },
		7:  func(_, _ uint16) ([]uint16, error) { return nil, modbus.Exception(2) },
		8:  func(_, _ uint16) ([]uint16, error) { return nil, modbus.Exception(11) },
		9:  func(_, _ uint16) ([]uint16, error) { return nil, modbus.ErrChecksum },
		11: func(_, n uint16) ([]uint16, error) { return make([]uint16, n), nil },
	}
	asked := 0
	list := Modbus(t.Context(), func(n byte) Registers { return one{s, n} }, 1, 20, "/dev/ttyUSB0", "port: /dev/ttyUSB0, baud: 9600", func(int) { asked++ })
	var got []string
	for _, f := range list {
		got = append(got, f.Where[len("/dev/ttyUSB0 slave "):]+" "+f.What[:20]+" "+f.YAML)
	}
	want := []string{
		"3 PZEM-004T v3, PZEM-0 {id: meter-3, kind: pzem, port: /dev/ttyUSB0, baud: 9600, slave: 3}",
		"5 a meter with IEEE 75 {id: meter-5, kind: modbus_meter, map: sdm120, port: /dev/ttyUSB0, baud: 9600, slave: 5}",
		"7 a slave that has no  ",
		"9 something answers th ",
		"11 a slave that is not  ",
	}
	if !slices.Equal(got, want) || asked != 20 {
		t.Errorf("%d asked, got\n%s\nwant\n%s", asked, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if list := Modbus(t.Context(), func(n byte) Registers { return one{nil, n} }, 1, 3, "x", "", func(int) {}); len(list) != 1 || !strings.HasPrefix(list[0].What, "no slave answers") {
		t.Errorf("an empty line: %v", list)
	}
	gone := devices.Fault(telemetry.NoResponse, errors.New("the port is gone"))
	asked = 0
	list = Modbus(t.Context(), func(n byte) Registers {
		return one{slaves{1: func(_, _ uint16) ([]uint16, error) { return nil, gone }}, n}
	}, 1, 247, "x", "", func(int) { asked++ })
	if asked != 1 || len(list) != 1 || !strings.Contains(list[0].What, "the port is gone") {
		t.Errorf("a line that is gone, asked %d times: %v", asked, list)
	}
}
