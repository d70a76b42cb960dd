package modbusmeter

import (
	"fmt"
	"math"
	"slices"
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

func device(text string, info devices.Info) (devices.Device, error) {
	var o Own
	if err := conf.Decode("f.yaml", []byte(text), &o); err != nil {
		return nil, err
	}
	return o.Device(info, o.Pos, modbus.NewBuses(serialline.NewLines()), telemetry.NewCatalogue(telemetry.LEL{}))
}

func float(r *modbustest.Registers, addr uint16, v float32) {
	bits := math.Float32bits(v)
	r.Set(addr, uint16(bits>>16), uint16(bits))
}

// A meter of each shipped map, as its maker describes it.
func TestShippedMaps(t *testing.T) {
	eastron := modbustest.NewRegisters(0)
	for addr, v := range map[uint16]float32{0: 230.5, 6: 1.5, 12: 207, 18: 345.75, 24: -120, 30: 0.6, 70: 49.98} {
		float(eastron, addr, v)
	}
	acrel := modbustest.NewRegisters(0x0B, 2305, 150, 207, 0xFF88, 346, 600, 4998)
	for name, slave := range map[string]modbustest.Slave{"sdm120": eastron.Slave(4), "sdm230": eastron.Slave(4), "adl200": acrel.Slave(3)} {
		line := modbustest.New(t)
		line.Put(7, slave)
		dev, err := device(fmt.Sprintf("map: %s\nport: %s\nslave: 7\nbaud: 115200\ntimeout: 50ms\n", name, line.Path), devices.Info{ID: "m"})
		if err != nil {
			t.Fatal(err)
		}
		if dev.Info().Model == "" || dev.Info().Interval == 0 {
			t.Errorf("%s: %+v", name, dev.Info())
		}
		got := devicetest.Run(t, dev).Works()
		for metric, want := range map[string]float64{"voltage": 230.5, "current": 1.5, "power": 207, "reactive_power": -120, "power_factor": 0.6, "frequency": 49.98} {
			if p := got[metric]; math.Abs(p.Value-want) > 1e-5 || p.Quality != telemetry.Good {
				t.Errorf("%s %s: got %v, want %v", name, metric, p, want)
			}
		}
	}
	if got := Maps(); !slices.Equal(got, []string{"adl200", "sdm120", "sdm230"}) {
		t.Errorf("maps %v are not all tested", got)
	}
}

func TestDrill(t *testing.T) {
	regs := modbustest.NewRegisters(10, 2300)
	float(regs, 20, 99.5)
	modbustest.Drill(t, regs.Slave(3), func(t *testing.T, port string) devices.Device { return twoRegisters(t, port) })
}

func twoRegisters(t *testing.T, port string) devices.Device {
	t.Helper()
	dev, err := device("port: "+port+"\nbaud: 115200\ntimeout: 100ms\nfunction: 3\nregisters: [{metric: voltage, address: 10, scale: 0.1}, {metric: power, address: 20, type: f32}]\n",
		devices.Info{ID: "m", Interval: 400e6})
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

// Half a sample is none: the second register is refused.
func TestHalfASample(t *testing.T) {
	line := modbustest.New(t)
	regs := modbustest.NewRegisters(10, 2300)
	line.Put(1, regs.Slave(3))
	r := devicetest.Run(t, twoRegisters(t, line.Path))
	r.Faulty(telemetry.BadFrame)
	float(regs, 20, 99.5)
	if m := r.Works(); m["voltage"].Value != 230 || m["power"].Value != 99.5 {
		t.Errorf("got %v", m)
	}
}

func TestStuck(t *testing.T) {
	line := modbustest.New(t)
	line.Put(1, modbustest.NewRegisters(0, 2300).Slave(4))
	dev, err := device("port: "+line.Path+"\nbaud: 115200\nstuck_after: 300ms\nregisters: [{metric: voltage, address: 0, scale: 0.1}]\n", devices.Info{ID: "m", Interval: 100e6})
	if err != nil {
		t.Fatal(err)
	}
	r := devicetest.Run(t, dev)
	r.Works()
	r.Faulty(telemetry.Stuck)
}

// An idle circuit shows 0 W without end: that is no fault, unless the file says so. With
// a voltage among the registers it is one.
func TestIdleIsNotStuck(t *testing.T) {
	for registers, want := range map[string]time.Duration{
		"[{metric: power, address: 1}]":                                  0,
		"[{metric: power, address: 1}, {metric: current, address: 2}]":   0,
		"[{metric: power, address: 1}, {metric: voltage, address: 2}]":   10 * time.Minute,
		"[{metric: frequency, address: 1}, {metric: power, address: 2}]": 10 * time.Minute,
	} {
		var o Own
		if err := conf.Decode("f.yaml", []byte("port: /dev/x\nregisters: "+registers), &o); err != nil {
			t.Fatal(err)
		}
		var errs conf.Errors
		plan := o.Plan(telemetry.NewCatalogue(telemetry.LEL{}), o.Pos, &errs)
		if got := stuckAfter(plan); got != want || len(errs) > 0 {
			t.Errorf("%s: got %v, want %v, %v", registers, got, want, errs)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, text := range map[string]string{
		`f.yaml:1:6: unknown map "sdm12" (one of adl200, sdm120, sdm230), did you mean "sdm120"?`: "map: sdm12\nport: /dev/x",
		"f.yaml:1:1: map is missing: name one of":                                                 "port: /dev/x",
		"f.yaml:1:6: map and registers are both given":                                            "map: sdm120\nport: /dev/x\nregisters: [{metric: voltage, address: 0}]",
		"f.yaml:2:8: slave 248 is not between 1 and 247":                                          "map: sdm120\nslave: 248\nport: /dev/x",
		"f.yaml:2:10: timeout 10ms is not between":                                                "map: sdm120\ntimeout: 10ms\nport: /dev/x",
		`f.yaml:2:7: port "tcp://meter" has no port number: write tcp://meter:502`:                "map: sdm120\nport: tcp://meter",
		"f.yaml:3:14: stuck_after -10m0s is not between 0s and":                                   "map: sdm120\nport: /dev/x\nstuck_after: -10m",
		"f.yaml:3:7: a server has no baud":                                                        "map: sdm120\nport: tcp://meter:502\nbaud: 9600",
		`f.yaml:2:1: unknown key "slav", did you mean "slave"?`:                                   "map: sdm120\nslav: 1\nport: /dev/x",
	} {
		if dev, err := device(text, devices.Info{ID: "m"}); dev != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// Devices that read one register of one slave are an entry that was copied.
func TestTwoOfOneNumber(t *testing.T) {
	buses := modbus.NewBuses(serialline.NewLines())
	catalogue := telemetry.NewCatalogue(telemetry.LEL{})
	for _, c := range []struct{ id, text, want string }{
		{"a", "map: sdm120\nport: tcp://h:502\nslave: 2", ""},
		{"a", "map: sdm120\nport: tcp://h:502\nslave: 2", ""}, // the same one, read again
		{"b", "map: sdm120\nport: tcp://h:502\nslave: 2", "f.yaml:3:8: register 0 of slave 2 at tcp://h:502 is read by a: give each part a number of its own"},
		{"c", "map: sdm120\nport: tcp://h:502\nslave: 3", ""},
		{"d", "map: sdm120\nport: tcp://i:502\nslave: 2", ""},
		{"e", "port: tcp://h:502\nslave: 2\nregisters: [{metric: voltage, address: 900}]", ""}, // another circuit of one meter
		{"f", "port: tcp://h:502\nslave: 2\nregisters: [{metric: voltage, address: 901}, {metric: power, address: 900}]", "f.yaml:2:8: register 900 of slave 2 at tcp://h:502 is read by e: give each part a number of its own"},
		{"g", "port: tcp://h:502\nslave: 2\nfunction: 3\nregisters: [{metric: voltage, address: 900}]", ""},
	} {
		var o Own
		if err := conf.Decode("f.yaml", []byte(c.text), &o); err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, err := o.Device(devices.Info{ID: c.id}, o.Pos, buses, catalogue); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.id, got, c.want)
		}
	}
}
