// Package ds18b20 reads the 1-wire thermometer DS18B20 of Analog Devices (Maxim),
// through the kernel's drivers w1-gpio and w1-therm.
//
// Data sheet: DS18B20, 19-7487
// (https://www.analog.com/media/en/technical-documentation/data-sheets/ds18b20.pdf).
//
//   - Range: −55 to 125 °C (the catalogue begins at −40); step 0.0625 °C.
//   - Accuracy: ±0.5 °C from −10 to 85 °C, ±2 °C beyond. Many parts sold under
//     this name are clones, some with an offset of 3 °C: compare with a thermometer.
//   - A conversion takes up to 750 ms (table "AC electrical characteristics"), within which the kernel holds the bus:
//     ten parts on one bus need an interval of at least 10 s.
//   - Warm-up: none. Response: minutes in a probe, seconds on a busbar.
//
// Wiring: data to GPIO 4 with 4.7 kΩ to 3.3 V, dtoverlay=w1-gpio on a Raspberry Pi. Do
// not feed the part parasitically from the data line: its reset value of 85 °C is the
// usual result.
//
// The kernel shows the scratchpad (figure "DS18B20 memory map"): temperature 0 and 1, alarm limits 2 and 3,
// configuration 4 (0RR11111), reserved 5 to 7, CRC 8. The driver does not take the
// kernel's word for the CRC. What it refuses beside a wrong one:
//
//   - all zeros, whose CRC is right: the data line is shorted to ground (short);
//   - all ones: nobody drives it (open);
//   - a configuration that is none (bad_frame);
//   - 85 °C as after power-up, when nothing has been converted: reserved byte 6 is then
//     0x0c, and after a conversion to 85 °C it is 0x10 (bad_frame). Clones may differ.
package ds18b20

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// DefaultRoot is where the kernel shows 1-wire parts.
const DefaultRoot = "/sys/bus/w1/devices"

// Own is what a device of kind ds18b20 has beside what all devices have.
type Own struct {
	Pos  conf.Pos        `yaml:"-"`
	Part conf.At[string] `yaml:"part"` // its folder: 28-0316a2795dff
	Root conf.At[string] `yaml:"root"` // default /sys/bus/w1/devices
}

// Range in °C.
const (
	coldest = -55
	hottest = 125
)

// PartName is what the kernel calls a DS18B20.
var PartName = regexp.MustCompile(`^28-[0-9a-f]{12}$`)

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, b *bus.Buses) (devices.Device, error) {
	var errs conf.Errors
	root := o.Root.V
	if root == "" {
		root = DefaultRoot
	}
	switch {
	case o.Part.V == "":
		errs.Add(o.Pos, "part is missing: the name of its folder in %s, such as 28-0316a2795dff", root)
	case !PartName.MatchString(o.Part.V):
		errs.Add(o.Part.Pos, "part %q is not that of a DS18B20: write 28- and twelve digits of 0-9 and a-f", o.Part.V)
	default:
		if before := b.Claim(root+"/"+o.Part.V, info.ID); before != "" {
			errs.Add(o.Part.Pos, "part %s is read by %s", o.Part.V, before)
		}
	}
	if info.Model == "" {
		info.Model = "DS18B20"
	}
	if info.Interval <= 0 {
		info.Interval = 10 * time.Second
	}
	if info.Interval < time.Second {
		errs.Add(o.Pos, "an interval of %v is shorter than a conversion takes: allow at least 1s", info.Interval)
	}
	info.Metrics = []string{"temperature"}
	files := b.OneWire(root, o.Part.V)
	return devices.PollPatiently(info, func(ctx context.Context, _ time.Time) ([]telemetry.Point, error) {
		text, err := files.Read(ctx, "w1_slave")
		if err != nil {
			return nil, err
		}
		t, q, err := decode(string(text))
		if q == telemetry.Saturated {
			return devices.Faults(q, info.Metrics), nil // it goes on measuring
		}
		if err != nil {
			return nil, devices.Fault(q, fmt.Errorf("%s: %w", files, err))
		}
		return []telemetry.Point{{Metric: "temperature", Value: t}}, nil
	}), errs.Err()
}

var (
	errText    = errors.New("the kernel's text is not as expected")
	errCRC     = errors.New("the checksum is wrong")
	errShorted = errors.New("the scratchpad is all zeros: the data line is shorted")
	errNobody  = errors.New("the scratchpad is all ones: nobody drives the data line")
	errConfig  = errors.New("the scratchpad's configuration is none")
	errRange   = errors.New("the temperature is none that the part can have")
	errHot     = errors.New("the part is hotter than its range")
	errReset   = errors.New("85 °C as after power-up: the part lost its supply before it converted")
)

// scratchpad is the beginning of the text: nine bytes in hexadecimal.
var scratchpad = regexp.MustCompile(`^((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (?:YES|NO)\n`)

// decode gives °C, or the fault with its reason.
func decode(text string) (float64, telemetry.Quality, error) {
	m := scratchpad.FindStringSubmatch(text)
	if m == nil {
		return 0, telemetry.BadFrame, errText
	}
	b, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
	switch {
	case err != nil:
		return 0, telemetry.BadFrame, errText
	case all(b, 0):
		return 0, telemetry.Short, errShorted
	case all(b, 0xff):
		return 0, telemetry.Open, errNobody
	case crc(b[:8]) != b[8]:
		return 0, telemetry.BadFrame, errCRC
	case b[4]&0x9f != 0x1f:
		return 0, telemetry.BadFrame, errConfig
	case b[0] == 0x50 && b[1] == 0x05 && b[6] == 0x0c:
		return 0, telemetry.BadFrame, errReset
	}
	raw := int16(uint16(b[1])<<8 | uint16(b[0]))
	raw &^= 1<<(3-b[4]>>5) - 1 // bits that a lower resolution leaves undefined
	switch t := float64(raw) / 16; {
	case t < coldest:
		return 0, telemetry.BadFrame, errRange
	case t > hottest:
		return 0, telemetry.Saturated, errHot
	default:
		return t, telemetry.Good, nil
	}
}

func all(b []byte, v byte) bool {
	for _, x := range b {
		if x != v {
			return false
		}
	}
	return true
}

// crc is the CRC-8 x⁸+x⁵+x⁴+1 of "CRC generation", lowest bit first.
func crc(b []byte) byte {
	c := byte(0)
	for _, x := range b {
		c ^= x
		for range 8 {
			carry := c&1 != 0
			c >>= 1
			if carry {
				c ^= 0x8c
			}
		}
	}
	return c
}
