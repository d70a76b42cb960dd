package edge

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/climate"
	"weishao.dev/weishao/devices/max30105"
	"weishao.dev/weishao/devices/mq"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

const calibrateHelp = `Usage: weishao-gateway calibrate DEVICE --config FILE [--by NAME] [--yes]

Calibrates a sensor in clean air and writes the record beside the configuration
(DEVICE.calibration.yaml, for its owner alone). The gateway reads it with its next
start. Stop the gateway before.

Kinds that can be calibrated: mq2, mq4, mq5, mq6, mq7, mq9, max30105.

Flags:
`

// calibrators make what is calibrated of a device's mapping.
type calibrators map[string]func(*gateway.Device) (devices.Calibrator, error)

func (w *wiring) calibrators(catalogue *telemetry.Catalogue) calibrators {
	parts := mq.Parts{Buses: w.buses, ADC: newHardware(w, catalogue).input, Catalogue: catalogue}
	list := calibrators{}
	for kind, model := range mq.Models {
		list[kind] = func(d *gateway.Device) (devices.Calibrator, error) {
			var own mq.Own
			if err := d.DecodeOwn(&own); err != nil {
				return nil, err
			}
			return own.Calibrator(model, d.ID.V, parts)
		}
	}
	list["max30105"] = func(d *gateway.Device) (devices.Calibrator, error) {
		var own max30105.Own
		if err := d.DecodeOwn(&own); err != nil {
			return nil, err
		}
		return own.Calibrator(d.Info(), w.buses)
	}
	return list
}

// calibrate is the command of that name.
func calibrate(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("weishao-gateway calibrate", flag.ContinueOnError)
	config := flags.String("config", "", "the gateway's configuration `FILE`")
	by := flags.String("by", "", "`NAME` of who calibrates; default: it is asked for")
	yes := flags.Bool("yes", false, "the sensor is warm and the air is clean: do not ask")
	device := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		device, args = args[0], args[1:]
	}
	if code, done := parseFlags(flags, args, calibrateHelp, 1, stdout, stderr, config); done {
		return code
	}
	if device == "" {
		device = flags.Arg(0)
	}
	if device == "" {
		fmt.Fprintln(stderr, "weishao-gateway calibrate: name the device, see --help")
		return 2
	}
	c := calibration{wiring: newWiring(bus.Host()), catalogue: telemetry.NewCatalogue(telemetry.LEL{}), file: *config, device: device, by: *by, yes: *yes, in: bufio.NewReader(stdin), out: stdout}
	return exit(c.run(ctx), stderr)
}

// calibration is one walk through.
type calibration struct {
	wiring       *wiring
	catalogue    *telemetry.Catalogue
	kinds        calibrators // default the wiring's
	clock        telemetry.Clock
	file, device string
	by           string
	yes          bool
	in           *bufio.Reader
	out          io.Writer
}

func (c *calibration) run(ctx context.Context) error {
	part, err := c.part()
	if err != nil {
		return err
	}
	r := part.Record()
	length := time.Duration(r.Times) * r.Every
	fmt.Fprintf(c.out, `Calibration of %s in clean air.

  1. The sensor has been on for %v without a pause.
  2. The room was aired for 10 minutes, and then the windows were closed.
  3. Nobody cooks, smokes, paints or cleans with alcohol, nearby either.
  4. Nothing is touched for the next %v.

`, c.device, onFor(r.Preheat), length)
	if !c.yes {
		if _, err := c.ask("Press Enter when all of this is so, Ctrl-C to leave: "); err != nil {
			return err
		}
	}
	res, err := devices.Calibrate(ctx, c.clock, part, func(n int, v float64) {
		fmt.Fprintf(c.out, "  %d of %d: %.5g %s\n", n, r.Times, v, r.Unit)
	})
	if err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	fmt.Fprintf(c.out, "\n%s = %.5g %s, spread %.1f %%\n", r.Key, res.Value, r.Unit, 100*res.Spread)
	if c.by == "" {
		if c.by, err = c.ask("Your name, for the record: "); err != nil {
			return err
		}
	}
	air, err := c.air(r)
	if err != nil {
		return err
	}
	dir := filepath.Dir(c.file)
	path := gateway.CalibrationFile(dir, c.device)
	record := gateway.Calibration{Key: r.Key, Unit: r.Unit, Value: res.Value, Spread: math.Round(1e4*res.Spread) / 100, Times: res.N, Air: air, Date: c.clock.Now(), By: c.by}
	if err := record.Write(dir, c.device); err != nil {
		return err
	}
	if err := giveAway(dir, path); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "The record is in %s. Start the gateway again to use it.\n", path)
	return nil
}

// part is the device that is named, as one that can be calibrated.
func (c *calibration) part() (devices.Calibrator, error) {
	if c.kinds == nil {
		c.kinds = c.wiring.calibrators(c.catalogue)
	}
	cfg, err := inEffect(c.file, goodFile, kindsOn(c.wiring, c.catalogue, slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range cfg.Devices {
		d := &cfg.Devices[i]
		names = append(names, d.ID.V)
		if d.ID.V != c.device {
			continue
		}
		build, ok := c.kinds[d.Kind.V]
		if !ok {
			return nil, conf.Errors{{Pos: d.Kind.Pos, Text: fmt.Sprintf("a %s is not calibrated in clean air; what is: %s", d.Kind.V, strings.Join(slices.Sorted(maps.Keys(c.kinds)), ", "))}}
		}
		if d.HasCalibration() {
			return nil, conf.Errors{{Pos: d.Pos, Text: fmt.Sprintf("%q has its calibration in the file, which goes before a record: take it out first", c.device)}}
		}
		return build(d)
	}
	return nil, fmt.Errorf("there is no device %q in %s%s", c.device, c.file, telemetry.Suggest(c.device, names))
}

func (c *calibration) ask(question string) (string, error) {
	fmt.Fprint(c.out, question)
	line, err := c.in.ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", fmt.Errorf("nobody answers: use --yes and --by (%w)", err)
	}
	return strings.TrimSpace(line), nil
}

// air asks how warm and damp it was, where the record says it. An answer that is left out
// is not known; with --yes nobody is asked.
func (c *calibration) air(r devices.Record) (*climate.Air, error) {
	if !r.Air || c.yes {
		return nil, nil
	}
	var a climate.Air
	for _, q := range []struct {
		text        string
		to          *float64
		least, most float64
	}{{"Temperature of the air in °C (Enter if you do not know): ", &a.Temperature, -20, 60}, {"Its humidity in %RH (Enter if you do not know): ", &a.Humidity, 0, 100}} {
		for {
			answer, err := c.ask(q.text)
			if err != nil || answer == "" {
				return nil, err
			}
			v, err := strconv.ParseFloat(answer, 64)
			if err == nil && v >= q.least && v <= q.most {
				*q.to = v
				break
			}
			fmt.Fprintf(c.out, "%q is not a number from %g to %g.\n", answer, q.least, q.most)
		}
	}
	return &a, nil
}

// onFor is a length of time as people say it: 24 h, 2 min.
func onFor(d time.Duration) string {
	if d >= time.Hour {
		return fmt.Sprintf("%g h", d.Hours())
	}
	return fmt.Sprintf("%g min", d.Minutes())
}
