package probing

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"weishao.dev/weishao/devices/bus"
)

// part is one that can be recognised on I²C.
type part struct {
	name        string
	first, last bus.Address
	is          func(ctx context.Context, c bus.Conn) bool
	yaml        string // of the keys beside id, bus and address; empty: see note
	note        string
}

// parts are tried in order.
var parts = []part{
	{"BME280", 0x76, 0x77, byteIs(0xd0, 0x60), "kind: bme280", ""},
	{"BMP280", 0x76, 0x77, byteIs(0xd0, 0x58), "", "no humidity: it is not supported"},
	{"INA226", 0x40, 0x4f, wordsAre(0xfe, 0x5449, 0xff, 0x2260), "kind: ina226, shunt: 0.1", ""},
	{"MAX30105", 0x57, 0x57, byteIs(0xff, 0x15), "", "kind max30105, with the calibration of its chamber"},
	{"SHT3x", 0x44, 0x45, sht3x, "kind: sht3x", ""},
	{"ADS1115 or ADS1015", 0x48, 0x4b, ads1x15, "", "a converter: name it in adc of the device that is wired to it"},
	{"INA219", 0x40, 0x4f, ina219, "kind: ina219, shunt: 0.1", ""},
}

func byteIs(register, want byte) func(context.Context, bus.Conn) bool {
	return func(ctx context.Context, c bus.Conn) bool {
		var r [1]byte
		return c.Tx(ctx, []byte{register}, r[:]) == nil && r[0] == want
	}
}

func word(ctx context.Context, c bus.Conn, register byte) (uint16, bool) {
	var r [2]byte
	err := c.Tx(ctx, []byte{register}, r[:])
	return binary.BigEndian.Uint16(r[:]), err == nil
}

func wordsAre(r1 byte, want1 uint16, r2 byte, want2 uint16) func(context.Context, bus.Conn) bool {
	return func(ctx context.Context, c bus.Conn) bool {
		a, ok := word(ctx, c, r1)
		if !ok || a != want1 {
			return false
		}
		b, ok := word(ctx, c, r2)
		return ok && b == want2
	}
}

// sht3x asks for the status: two bytes and their checksum.
func sht3x(ctx context.Context, c bus.Conn) bool {
	var r [3]byte
	if c.Tx(ctx, []byte{0xf3, 0x2d}, r[:]) != nil {
		return false
	}
	crc := byte(0xff)
	for _, b := range r[:2] {
		crc ^= b
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x31
			} else {
				crc <<= 1
			}
		}
	}
	return crc == r[2]
}

// ads1x15 looks at the thresholds and the configuration, which after power-up are
// 0x8000, 0x7fff and 0x8583, and at one that a gateway has left.
func ads1x15(ctx context.Context, c bus.Conn) bool {
	low, ok := word(ctx, c, 2)
	if !ok {
		return false
	}
	high, ok := word(ctx, c, 3)
	if !ok {
		return false
	}
	config, ok := word(ctx, c, 1)
	return ok && (low == 0x8000 && high == 0x7fff || config == 0x8583)
}

// ina219 has no identity: its configuration after power-up is 0x399f, and the top bit
// never stays.
func ina219(ctx context.Context, c bus.Conn) bool {
	config, ok := word(ctx, c, 0)
	return ok && config == 0x399f
}

// I2C looks at the buses of paths.
func I2C(ctx context.Context, buses *bus.Buses, paths []string) (list []Found) {
	for _, path := range paths {
		n := len(list)
		for addr := bus.Address(0x08); addr <= 0x77; addr++ {
			if ctx.Err() != nil {
				return list
			}
			c := buses.I2C(path, addr)
			var r [1]byte
			err := c.Tx(ctx, nil, r[:])
			if errors.Is(err, bus.ErrStuck) {
				list = append(list, Found{Where: path, What: "the bus is stuck: a part holds a line down, or a pull-up is missing"})
				break
			}
			if err == nil {
				list = append(list, recognise(ctx, c, path, addr))
			}
		}
		if len(list) == n {
			list = append(list, Found{Where: path, What: "no part answers"})
		}
	}
	return list
}

func recognise(ctx context.Context, c bus.Conn, path string, addr bus.Address) Found {
	f := Found{Where: fmt.Sprintf("%s %s", path, addr), What: "something answers that is not recognised"}
	var could []string
	for _, p := range parts {
		if addr < p.first || addr > p.last {
			continue
		}
		if !p.is(ctx, c) {
			could = append(could, p.name)
			continue
		}
		f.What = p.name
		if p.note != "" {
			f.What += ": " + p.note
		}
		if p.yaml != "" {
			id := strings.ToLower(p.name) + "-" + filepath.Base(path)[len("i2c-"):] + "-" + addr.String()[2:]
			f.YAML = fmt.Sprintf("{id: %s, %s, bus: %s, address: %s}", id, p.yaml, path, addr)
		}
		return f
	}
	if len(could) > 0 {
		f.What += " (at this address could be: " + strings.Join(could, ", ") + ")"
	}
	return f
}
