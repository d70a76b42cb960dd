package serialline

import (
	"fmt"
	"strings"
	"time"

	"go.bug.st/serial"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Settings are a line's speed and framing; eight data bits always.
type Settings struct {
	Baud     int
	Parity   Parity
	StopBits int // 1 or 2
}

// Parity is "none", "even" or "odd".
type Parity string

// The parities that parts use.
const (
	None Parity = "none"
	Even Parity = "even"
	Odd  Parity = "odd"
)

// At9600 is what most parts use: 9600 8N1.
var At9600 = Settings{Baud: 9600, Parity: None, StopBits: 1}

func (s Settings) String() string {
	return fmt.Sprintf("%d baud, parity %s, stop_bits %d", s.Baud, s.Parity, s.StopBits)
}

// Chars is how long n characters take on the line.
func (s Settings) Chars(n float64) time.Duration {
	bits := 1 + 8 + s.StopBits // with the start bit
	if s.Parity != None {
		bits++
	}
	return time.Duration(n * float64(bits) / float64(s.Baud) * float64(time.Second))
}

func (s Settings) mode() *serial.Mode {
	m := &serial.Mode{BaudRate: s.Baud, DataBits: 8}
	switch s.Parity {
	case Even:
		m.Parity = serial.EvenParity
	case Odd:
		m.Parity = serial.OddParity
	}
	if s.StopBits == 2 {
		m.StopBits = serial.TwoStopBits
	}
	return m
}

// Own are the keys by which a device names its line. What is not given is the part's
// default.
//
//	port: /dev/serial/by-id/usb-1a86_USB_Serial-if00-port0
//	baud: 9600
//	parity: none      # or even, odd
//	stop_bits: 1      # or 2
type Own struct {
	Port     conf.At[string] `yaml:"port"`
	Baud     conf.At[int]    `yaml:"baud"`
	Parity   conf.At[string] `yaml:"parity"`
	StopBits conf.At[int]    `yaml:"stop_bits"`
}

var bauds = []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200}

// Line is the line that is named, for a device; at is where the device stands. It
// is nil if there were mistakes.
func (o *Own) Line(lines *Lines, device string, at conf.Pos, def Settings, alone bool, errs *conf.Errors) *Line {
	n := len(*errs)
	if o.Port.V == "" {
		errs.Add(at, "port is missing: name the serial port of %q, such as /dev/serial/by-id/usb-...", device)
	} else if !strings.HasPrefix(o.Port.V, "/") {
		errs.Add(o.Port.Pos, "port %q is no path: write /dev/serial/by-id/usb-..., or /dev/ttyS0", o.Port.V)
	}
	s := o.settings(def, errs)
	if len(*errs) > n {
		return nil
	}
	line, err := lines.Line(o.Port.V, s, device, alone)
	if err != nil {
		errs.Add(o.Port.Pos, "port: %v", err)
		return nil
	}
	return line
}

func (o *Own) settings(s Settings, errs *conf.Errors) Settings {
	if o.Baud.Pos.Line != 0 {
		s.Baud = o.Baud.V
		known := false
		for _, b := range bauds {
			known = known || b == s.Baud
		}
		if !known {
			errs.Add(o.Baud.Pos, "baud %d is not one of %v", s.Baud, bauds)
		}
	}
	if o.Parity.V != "" {
		s.Parity = Parity(o.Parity.V)
		if s.Parity != None && s.Parity != Even && s.Parity != Odd {
			errs.Add(o.Parity.Pos, "parity %q is not none, even or odd%s", o.Parity.V, telemetry.Suggest(o.Parity.V, []string{"none", "even", "odd"}))
		}
	}
	if o.StopBits.Pos.Line != 0 {
		s.StopBits = o.StopBits.V
		if s.StopBits != 1 && s.StopBits != 2 {
			errs.Add(o.StopBits.Pos, "stop_bits %d is not 1 or 2", s.StopBits)
		}
	}
	return s
}
