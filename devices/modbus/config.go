package modbus

import (
	"fmt"
	"net"
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
)

// Own are the keys by which a device names its slave, beside those of
// serialline.Own:
//
//	port: /dev/serial/by-id/usb-...   # or tcp://10.0.0.7:502
//	slave: 1                          # 1 to 247
//	timeout: 500ms                    # within which it begins to answer, 20ms to 5s
type Own struct {
	serialline.Own `yaml:",inline"`
	Number         conf.At[int]           `yaml:"slave"`
	Timeout        conf.At[conf.Duration] `yaml:"timeout"`
}

// Defaults are what a part is like as it comes from its maker.
type Defaults struct {
	Line     serialline.Settings
	Timeout  time.Duration
	MaxSlave int           // 247 unless the part answers to another
	Interval time.Duration // between two samples
}

const (
	minInterval = 100 * time.Millisecond
	minTimeout  = 20 * time.Millisecond
	maxTimeout  = 5 * time.Second
)

// Slave is the slave that is named, and info with its interval; at is where the
// device stands. It is nil if there were mistakes.
func (o *Own) Slave(buses *Buses, info *devices.Info, at conf.Pos, def Defaults, errs *conf.Errors) *Slave {
	n := len(*errs)
	if def.MaxSlave == 0 {
		def.MaxSlave = 247
	}
	if o.Number.Pos.Line == 0 {
		o.Number.V = 1
	} else if o.Number.V < 1 || o.Number.V > def.MaxSlave {
		errs.Add(o.Number.Pos, "slave %d is not between 1 and %d", o.Number.V, def.MaxSlave)
	}
	timeout := conf.Span(errs, "timeout", o.Timeout, def.Timeout, minTimeout, maxTimeout)
	if info.Interval <= 0 {
		info.Interval = def.Interval
	} else if info.Interval < minInterval {
		errs.Add(at, "interval %v is too short for a slave: at least %v", info.Interval, minInterval)
	}
	if addr, ok := strings.CutPrefix(o.Port.V, "tcp://"); ok {
		return o.tcp(buses, addr, timeout, errs, n)
	}
	line := o.Line(buses.lines, info.ID, at, def.Line, false, errs)
	if line == nil || len(*errs) > n {
		return nil
	}
	return buses.Serial(line, byte(o.Number.V), timeout)
}

func (o *Own) tcp(buses *Buses, addr string, timeout time.Duration, errs *conf.Errors, before int) *Slave {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		errs.Add(o.Port.Pos, "port %q has no port number: write %s:502", o.Port.V, o.Port.V)
	}
	for _, key := range []conf.Pos{o.Baud.Pos, o.Parity.Pos, o.StopBits.Pos} {
		if key.Line != 0 {
			errs.Add(key, "a server has no baud, parity or stop_bits: take it out")
		}
	}
	if len(*errs) > before {
		return nil
	}
	return buses.TCP(addr, byte(o.Number.V), timeout)
}

// Alone reports registers that another device reads: of an entry that was copied, and
// shows one flat's meter as another's. at is where the device stands.
func (o *Own) Alone(buses *Buses, slave *Slave, device string, at conf.Pos, function byte, registers []uint16, errs *conf.Errors) {
	if o.Number.Pos.Line != 0 {
		at = o.Number.Pos
	}
	for _, r := range registers {
		if before := buses.claim(fmt.Sprintf("%s, function %d, register %d", slave, function, r), device); before != "" {
			errs.Add(at, "register %d of %s is read by %s: give each part a number of its own", r, slave, before)
			return
		}
	}
}
