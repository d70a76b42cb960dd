package probing

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"weishao.dev/weishao/devices/ads1x15"
	"weishao.dev/weishao/devices/bme280"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/ina219"
	"weishao.dev/weishao/devices/ina226"
	"weishao.dev/weishao/devices/max30105"
	"weishao.dev/weishao/devices/sht3x"
)

// part is one that can be recognised on I²C, as its package says.
type part struct {
	name      string
	addresses []bus.Address
	is        func(ctx context.Context, c bus.Conn) bool
	yaml      string // of the keys beside id, bus and address; empty: see note
	note      string
}

// parts are tried in order.
var parts = []part{
	{"BME280", bme280.Addresses, bme280.Is, "kind: bme280", ""},
	{"BMP280", bme280.Addresses, bme280.IsBMP280, "", "no humidity: it is not supported"},
	{"INA226", ina226.Addresses, ina226.Is, "kind: ina226, shunt: 0.1", ""},
	{"MAX30105", max30105.Addresses, max30105.Is, "", "kind max30105, with the calibration of its chamber"},
	{"SHT3x", sht3x.Addresses, sht3x.Is, "kind: sht3x", ""},
	{"ADS1115 or ADS1015", ads1x15.Addresses, ads1x15.Is, "", "a converter: name it in adc of the device that is wired to it"},
	{"INA219", ina219.Addresses, ina219.Is, "kind: ina219, shunt: 0.1", ""},
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
		if !slices.Contains(p.addresses, addr) {
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
