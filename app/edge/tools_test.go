package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc/adctest"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/mq"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/telemetry"
)

// watch shows what is measured, keeps nothing, and needs no hub.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "gateway.yaml", "group: g\nnode: n\ndevices:\n  - {id: kitchen, kind: simulated, interval: 100ms, simulate: {gas: {}}}\n")
	for name, c := range map[string]struct {
		inPlace bool
		want    string
	}{
		"lines": {false, `(?m)^\S+T\S+ kitchen gas\.ch4 0\.\d+ %LEL good$`},
		"table": {true, `kitchen  gas\.ch4  0\.\d+ %LEL  good +\d`},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
		var out, errs bytes.Buffer
		err := watchOn(ctx, newWiring(bus.Host()), file, &out, &errs, c.inPlace)
		cancel()
		if err != nil || !regexp.MustCompile(c.want).Match(out.Bytes()) || errs.Len() > 0 {
			t.Errorf("%s: %v\n%s\n%s", name, err, &out, &errs)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something was written: %v, %v", entries, err)
	}
	if code, _, errs := call(t, "watch"); code != 2 || !strings.Contains(errs, "--config is needed") {
		t.Errorf("%d %s", code, errs)
	}
	if code, out, _ := call(t, "watch", "--help"); code != 0 || !strings.Contains(out, "-for") {
		t.Errorf("%d %s", code, out)
	}
}

func calibrated(t *testing.T, dir, device, answers string, volts func() float64) (string, error) {
	t.Helper()
	catalogue := telemetry.NewCatalogue(telemetry.LEL{})
	in := &adctest.Input{}
	var out strings.Builder
	c := calibration{wiring: newWiring(bus.Host()), catalogue: catalogue, clock: telemetry.NewClock(5000), file: filepath.Join(dir, "gateway.yaml"), device: device,
		in: bufio.NewReader(strings.NewReader(answers)), out: &out}
	c.kinds = calibrators{"mq4": func(d *gateway.Device) (devices.Calibrator, error) {
		var own mq.Own
		if err := d.DecodeOwn(&own); err != nil {
			return nil, err
		}
		part, err := own.Calibrator(mq.Models["mq4"], d.ID.V, mq.Parts{ADC: in.Open, Catalogue: catalogue})
		return moving{part, func() { in.Set(volts()) }}, err
	}}
	err := c.run(t.Context())
	return out.String(), err
}

// moving is a part whose voltage is set before each measurement.
type moving struct {
	devices.Calibrator
	before func()
}

func (m moving) Reference(ctx context.Context, clock telemetry.Clock) (float64, error) {
	m.before()
	return m.Calibrator.Reference(ctx, clock)
}

const mqConfig = `group: g
node: n
devices:
  - {id: kitchen, kind: mq4, adc: {kind: mcp3208, channel: 0}}
  - {id: other, kind: mq4, adc: {kind: mcp3208, channel: 1}, calibration: {r0: 5000}}
  - {id: sim, kind: simulated, simulate: {gas: {}}}
`

// The record that calibrate writes is what the gateway then needs, and nobody else's to
// read; without one the configuration is refused.
func TestCalibrate(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "gateway.yaml", mqConfig)
	if code, _, errs := call(t, "--check", "--config", file); code != 1 || !strings.Contains(errs, "calibration is missing") {
		t.Errorf("before: %d %s", code, errs)
	}
	out, err := calibrated(t, dir, "kitchen", "\nZhang \"Wei\"\n", func() float64 { return 0.5 })
	if err != nil || !strings.Contains(out, "60 of 60") {
		t.Fatalf("%v\n%s", err, out)
	}
	path := gateway.CalibrationFile(dir, "kitchen")
	text, err := os.ReadFile(path)
	st, _ := os.Stat(path)
	// 10 kΩ at 5 V with 0.5 V over it: 90 kΩ, and 4.4 times R0 in clean air.
	want := regexp.MustCompile(`(?m)^r0: 20454\.5 # Ω\nspread: 0\.00 # %, standard deviation\ndate: \d{4}-\S+\nby: "Zhang \\"Wei\\""\n`)
	if err != nil || st.Mode().Perm() != 0o600 || !want.Match(text) {
		t.Errorf("%v, %v\n%s", st.Mode(), err, text)
	}
	code, listed, errs := call(t, "--check", "--config", file)
	if code != 0 || !strings.Contains(listed, "gas.ch4, device.calibration_left") {
		t.Errorf("after: %d %s%s", code, listed, errs)
	}
	write(t, dir, "kitchen.calibration.yaml", "r0: [1]\n")
	if code, _, errs := call(t, "--check", "--config", file); code != 1 || !strings.Contains(errs, "kitchen.calibration.yaml:1:5: a record of a calibration has single values only") {
		t.Errorf("a record that is none: %d %s", code, errs)
	}
}

// A device that the hub has pushed is calibrated like any other.
func TestCalibrateWhatIsInEffect(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", mqConfig)
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "state/"+goodFile, "devices:\n  - {id: bath, kind: mq4, adc: {kind: mcp3208, channel: 0}}\n")
	if out, err := calibrated(t, dir, "bath", "\nme\n", func() float64 { return 0.5 }); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := calibrated(t, dir, "kitchen", "\nme\n", nil); err == nil || !strings.Contains(err.Error(), `no device "kitchen"`) {
		t.Errorf("a device that is not in effect: %v", err)
	}
}

// How warm and damp it was is asked where it bears on the reading, and may be left out.
func TestCalibrateAsksForTheAir(t *testing.T) {
	for answers, want := range map[string]string{
		"\nme\n22,5\n120\n22.5\n48\n": "by: \"me\"\ntemperature: 22.5 # °C\nhumidity: 48 # %RH\n",
		"\nme\n22\n\n":                "by: \"me\"\n",
	} {
		dir := t.TempDir()
		file := write(t, dir, "gateway.yaml", mqConfig+`  - {id: air, kind: sht3x}
  - {id: damp, kind: mq4, climate: air, adc: {kind: mcp3208, channel: 3},
     compensation: {temperature: [0, 40], humidity: [20, 90], factor: [[2, 1], [1, 0.5]], source: our own}}
`)
		if out, err := calibrated(t, dir, "damp", answers, func() float64 { return 0.5 }); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if text, err := os.ReadFile(gateway.CalibrationFile(dir, "damp")); err != nil || !strings.HasSuffix(string(text), want) {
			t.Errorf("%v\n%swant %s", err, text, want)
		}
		write(t, dir, "kitchen.calibration.yaml", "r0: 5000\n")
		if code, _, errs := call(t, "--check", "--config", file); code != 0 {
			t.Errorf("what was written is not read: %s", errs)
		}
	}
}

func TestCalibrateRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "gateway.yaml", mqConfig)
	n := 0
	for _, c := range []struct {
		device, answers string
		volts           func() float64
		want            string
	}{
		{"kitchen", "\nme\n", func() float64 { return 0 }, "it or its wire is broken"},
		{"kitchen", "\nme\n", func() float64 { return 5 }, "the element is shorted"},
		{"kitchen", "\nme\n", func() float64 { n++; return 0.5 + 0.005*float64(n) }, "the element is not warm yet"},
		{"kitchen", "\nme\n", func() float64 { n++; return 0.5 + 0.2*float64(n%2) }, "the values scatter too much"},
		{"kitchen", "", func() float64 { return 0.5 }, "nobody answers"},
		{"kitchn", "\nme\n", nil, `did you mean "kitchen"?`},
		{"other", "\nme\n", nil, "has its calibration in the file"},
		{"sim", "\nme\n", nil, "a simulated is not calibrated in clean air; what is: mq4"},
	} {
		if out, err := calibrated(t, dir, c.device, c.answers, c.volts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s\n%s", c.device, err, c.want, out)
		}
	}
	if _, err := os.Stat(gateway.CalibrationFile(dir, "kitchen")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a record was written: %v", err)
	}
}

func TestProbeCommand(t *testing.T) {
	for want, args := range map[string][]string{
		"slaves are 1 to 247":       {"probe", "--modbus", "/dev/null", "--last", "300"},
		"is not one of":             {"probe", "--modbus", "/dev/null", "--baud", "9601"},
		`"x" is not expected`:       {"probe", "x"},
		`parity "mark" is not none`: {"probe", "--modbus", "/dev/null", "--parity", "mark"},
	} {
		if code, _, errs := call(t, args...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
}
