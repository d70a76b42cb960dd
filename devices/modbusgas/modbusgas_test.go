package modbusgas

import (
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/devicetest"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/modbus/modbustest"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

func device(text string, every time.Duration) (devices.Device, error) {
	var o Own
	if err := conf.Decode("f.yaml", []byte(text), &o); err != nil {
		return nil, err
	}
	return o.Device(devices.Info{ID: "d", Interval: every}, o.Pos, modbus.NewBuses(serialline.NewLines()), telemetry.NewCatalogue(telemetry.LEL{}))
}

const copeland = `
baud: 115200
timeout: 100ms
full_scale: 100
registers: [{metric: gas.ch4, address: 101, scale: 0.1}]
status:
  address: 102
  bits: {0: open, 1: no_response, 4: saturated, 5: suspect, 7: warmup}
  values: {512: stuck}
`

func run(t *testing.T, line *modbustest.Line, text string) *devicetest.Running {
	t.Helper()
	dev, err := device("port: "+line.Path+text, 150*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return devicetest.Run(t, dev)
}

func is(v float64, q telemetry.Quality) func(map[string]telemetry.Point) bool {
	return func(m map[string]telemetry.Point) bool {
		p := m["gas.ch4"]
		return p.Quality == q && (q.Fault() || p.Value == v)
	}
}

// The status goes before the value, whatever the value.
func TestStatus(t *testing.T) {
	line := modbustest.New(t)
	regs := modbustest.NewRegisters(101, 123, 0)
	line.Put(1, regs.Slave(4))
	r := run(t, line, copeland)
	for _, c := range []struct {
		raw, status uint16
		value       float64
		want        telemetry.Quality
	}{
		{123, 0, 12.3, telemetry.Good},
		{123, 1, 0, telemetry.Open},
		{123, 1 << 1, 0, telemetry.NoResponse},
		{123, 1 << 4, 0, telemetry.Saturated},
		{124, 1 << 5, 12.4, telemetry.Suspect},
		{125, 1 << 7, 12.5, telemetry.Warmup},
		{125, 1<<7 | 1, 0, telemetry.Open}, // the fault goes before
		{123, 512, 0, telemetry.Stuck},
		{123, 1 << 9 << 1, 12.3, telemetry.Good}, // a bit that means nothing to us
		{1000, 0, 0, telemetry.Saturated},
		{1000, 1 << 7, 0, telemetry.Saturated}, // also while it warms up
		{0, 0, 0, telemetry.Good},
	} {
		regs.Set(101, c.raw, c.status)
		r.Until(c.want.String(), is(c.value, c.want))
	}
	if r.Events() != nil {
		t.Errorf("told %q", r.Events())
	}
}

func TestDrill(t *testing.T) {
	modbustest.Drill(t, modbustest.NewRegisters(101, 50, 0).Slave(4), func(t *testing.T, port string) devices.Device {
		dev, err := device("port: "+port+copeland, 400*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		return dev
	})
}

// It warms up when it is first heard and when it has been silent, and is saturated
// even so.
func TestWarmup(t *testing.T) {
	line := modbustest.New(t)
	regs := modbustest.NewRegisters(101, 50, 0)
	line.Put(1, regs.Slave(4))
	r := run(t, line, copeland+"warmup: 1500ms\n")
	r.Until("warmup", is(5, telemetry.Warmup))
	regs.Set(101, 1000)
	r.Until("saturated", is(0, telemetry.Saturated))
	regs.Set(101, 50)
	r.Until("good", is(5, telemetry.Good))
	line.Distort(func(_, _ []byte) []byte { return nil })
	r.Faulty(telemetry.NoResponse)
	line.Distort(nil)
	r.Until("warmup again", is(5, telemetry.Warmup))
	r.Until("good again", is(5, telemetry.Good))
}

func TestStuckIsNotCleanAir(t *testing.T) {
	line := modbustest.New(t)
	regs := modbustest.NewRegisters(101, 0, 0)
	line.Put(1, regs.Slave(4))
	r := run(t, line, copeland+"stuck_after: 300ms\n")
	for range 4 {
		r.Until("clean air", is(0, telemetry.Good))
	}
	regs.Set(101, 70)
	r.Until("gas", is(7, telemetry.Good))
	r.Faulty(telemetry.Stuck)
	regs.Set(101, 71)
	r.Until("gas", is(7.1, telemetry.Good))
}

func TestMistakes(t *testing.T) {
	const start = "port: /dev/x\nregisters: [{metric: co, address: 1}]\n"
	for want, text := range map[string]string{
		"f.yaml:3:9: status has no address":              start + "status: {bits: {0: open}}",
		"f.yaml:3:9: status has neither bits nor values": start + "status: {address: 1}",
		`f.yaml:3:34: bit "16" is not 0 to 15`:           start + "status: {address: 1, bits: {16:  open}}",
		`f.yaml:3:37: value "x" is not 0 to 65535`:       start + "status: {address: 1, values: {x:    open}}",
		"f.yaml:3:32: ": start + "status: {address: 1, bits: {1: broken}}",
		"f.yaml:3:13: full_scale -1 is not positive":         start + "full_scale: -1",
		`f.yaml:1:7: port "x" is no path`:                    "port: x\nregisters: [{metric: co, address: 1}]",
		`f.yaml:3:1: unknown key "warmpu", did you mean "wa`: start + "warmpu: 3m",
	} {
		if dev, err := device(text, time.Second); dev != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
