package edge

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"weishao.dev/weishao/app/edge/probing"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
)

const probeHelp = `Usage: weishao-gateway probe [--modbus PORT|tcp://HOST:502 [--baud N]]

Looks at this board's I²C buses, serial ports, 1-wire buses, SPI and GPIO, and prints
what it recognises, with the YAML to paste into "devices". It only reads. Modbus
slaves are looked for on the line that is named: at 100 ms a slave that is half a
minute. Stop the gateway before: a serial port belongs to one program at a time.

Flags:
`

// probe is the command of that name.
func probe(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("weishao-gateway probe", flag.ContinueOnError)
	var m modbusLine
	flags.StringVar(&m.port, "modbus", "", "look for Modbus slaves on this serial `PORT`, or at tcp://HOST:502, instead")
	flags.IntVar(&m.baud, "baud", 9600, "speed of the line")
	flags.StringVar(&m.parity, "parity", "none", "none, even or odd")
	flags.DurationVar(&m.timeout, "timeout", 100*time.Millisecond, "how long a slave may take to answer")
	flags.IntVar(&m.first, "first", 1, "first slave")
	flags.IntVar(&m.last, "last", 247, "last slave")
	if code, done := parseFlags(flags, args, probeHelp, 0, stdout, stderr, nil); done {
		return code
	}
	w := newWiring(bus.Host())
	var found []probing.Found
	if m.port != "" {
		var err error
		if found, err = m.probe(ctx, w, stderr); err != nil {
			fmt.Fprintf(stderr, "weishao-gateway probe: %v\n", err)
			return 2
		}
	} else {
		files := probing.Files{Root: "/"}
		found = append(probing.I2C(ctx, w.buses, files.I2C()), files.OneWire()...)
		found = append(append(found, files.Serial()...), files.GPIO()...)
	}
	return exit(probing.Print(stdout, found), stderr)
}

// modbusLine is the line that is asked for.
type modbusLine struct {
	port, parity      string
	baud, first, last int
	timeout           time.Duration
}

func (m modbusLine) probe(ctx context.Context, w *wiring, stderr io.Writer) ([]probing.Found, error) {
	if m.first < 1 || m.last > 247 || m.first > m.last || m.timeout < 20*time.Millisecond {
		return nil, fmt.Errorf("slaves are 1 to 247, and the timeout is at least 20ms")
	}
	keys := "port: " + m.port
	slave := func(n byte) probing.Registers {
		return w.modbus.TCP(strings.TrimPrefix(m.port, "tcp://"), n, m.timeout)
	}
	if !strings.HasPrefix(m.port, "tcp://") {
		at := conf.Pos{Line: 1}
		own := serialline.Own{Port: conf.At[string]{V: m.port, Pos: at}, Baud: conf.At[int]{V: m.baud, Pos: at}, Parity: conf.At[string]{V: m.parity, Pos: at}}
		var errs conf.Errors
		line := own.Line(w.lines, "probe", at, serialline.At9600, false, &errs)
		if line == nil {
			return nil, fmt.Errorf("%s", errs[0].Text)
		}
		defer line.Hold()()
		slave = func(n byte) probing.Registers { return w.modbus.Serial(line, n, m.timeout) }
		keys += fmt.Sprintf(", baud: %d", m.baud)
		if m.parity != "none" {
			keys += ", parity: " + m.parity
		}
	}
	return probing.Modbus(ctx, slave, m.first, m.last, m.port, keys, func(n int) {
		fmt.Fprintf(stderr, "\rslave %d of %d\x1b[K", n, m.last)
		if n == m.last {
			fmt.Fprint(stderr, "\r\x1b[K")
		}
	}), nil
}
