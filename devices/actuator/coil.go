package actuator

import (
	"context"
	"fmt"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
)

// Coil are the keys of an output or input at a Modbus slave's coil.
type Coil struct {
	Pos        conf.Pos `yaml:"-"`
	modbus.Own `yaml:",inline"`
	Number     conf.At[int]    `yaml:"coil"`   // its address, 0 to 65535: the first relay of most modules is 0
	Active     conf.At[string] `yaml:"active"` // on (default) or off: the coil while it acts
}

// relayModule is what relay modules are like as they come.
var relayModule = modbus.Defaults{Line: serialline.Settings{Baud: 9600, Parity: "none", StopBits: 1}, Timeout: 200 * time.Millisecond, Interval: time.Second}

// Modbus are the coils of slaves. An output goes ahead of all polls on its line, and
// is read back. As an input a coil is a relay's own word, not that of what it moves.
func Modbus(buses *modbus.Buses) Wires {
	return Wires{
		Output: func(p *Part) (Output, error) { return newCoil(p, buses) },
		Input:  func(p *Part) (Input, error) { return newCoil(p, buses) },
	}
}

func newCoil(p *Part, buses *modbus.Buses) (*coil, error) {
	var own Coil
	if err := p.Decode(&own); err != nil {
		return nil, err
	}
	var errs conf.Errors
	switch {
	case own.Number.Pos.Line == 0:
		errs.Add(p.Pos, "coil is missing: its address, such as 0 for the first relay of a module")
	case own.Number.V < 0 || own.Number.V > 65535:
		errs.Add(own.Number.Pos, "coil %d is not between 0 and 65535", own.Number.V)
	}
	switch own.Active.V {
	case "", "on", "off":
	default:
		errs.Add(own.Active.Pos, "active is on or off, not %q", own.Active.V)
	}
	c := &coil{number: uint16(own.Number.V), off: own.Active.V == "off"}
	c.slave = own.Slave(buses, &devices.Info{ID: p.Who}, p.Pos, relayModule, &errs)
	return c, errs.Err()
}

type coil struct {
	slave  *modbus.Slave
	number uint16
	off    bool
}

func (c *coil) String() string { return fmt.Sprintf("coil %d of %s", c.number, c.slave) }

func (c *coil) Set(ctx context.Context, act bool) error {
	return c.slave.SetCoil(ctx, c.number, act != c.off)
}

func (c *coil) Get(ctx context.Context) (bool, error) {
	on, err := c.slave.Coil(ctx, c.number)
	return on != c.off && err == nil, err
}

// Holding keeps the line open while the actuator runs.
func (c *coil) Holding(d devices.Device) devices.Device { return c.slave.Holding(d) }
