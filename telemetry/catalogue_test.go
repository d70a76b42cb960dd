package telemetry

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// The table of the design, which the wire and the rules are written against.
func TestBuiltInMetrics(t *testing.T) {
	cat := NewCatalogue(LEL{})
	want := map[string]Metric{
		"gas.ch4": {Unit: "%LEL", Max: 100}, "gas.lpg": {Unit: "%LEL", Max: 100}, "co": {Unit: "ppm", Max: 5000},
		"smoke": {Unit: "dB/m", Max: 20}, "temperature": {Unit: "°C", Min: -40, Max: 1200}, "humidity": {Unit: "%RH", Max: 100},
		"pm2_5": {Unit: "µg/m³", Max: 1000}, "contact": {Unit: "1", Max: 1}, "current": {Unit: "A", Max: 100},
		"voltage": {Unit: "V", Max: 500}, "power": {Unit: "W", Max: 50_000}, "reactive_power": {Unit: "var", Min: -50_000, Max: 50_000},
		"power_factor": {Unit: "1", Min: -1, Max: 1}, "frequency": {Unit: "Hz", Max: 70},
		"board.temperature": {Unit: "°C", Min: -40, Max: 150}, "board.undervoltage": {Unit: "1", Max: 1}, "board.load": {Unit: "1", Max: 10_000},
		"board.memory_free": {Unit: "%", Max: 100}, "board.disk_free": {Unit: "%", Max: 100},
		"outbox.depth": {Unit: "1", Max: 1e12}, "outbox.bytes": {Unit: "MB", Max: 1e9}, "outbox.volatile": {Unit: "1", Max: 1},
		"residual_current": {Unit: "mA", Max: 5000}, "thd_current": {Unit: "%", Max: 400},
		"device.life_left": {Unit: "1", Min: -36_500, Max: 36_500}, "device.calibration_left": {Unit: "1", Min: -36_500, Max: 36_500}, "device.drift": {Unit: "1", Max: 1},
		"actuator.state": {Unit: "1", Max: 1}, "actuator.latched": {Unit: "1", Max: 1},
	}
	for _, name := range cat.Names() {
		m, ok := cat.Lookup(name)
		if !ok || m.Name != name || !m.Unit.Known() || !(m.Min < m.Max) || m.Zh == "" || m.En == "" {
			t.Errorf("%s: got %+v", name, m)
		}
		w, measured := want[name]
		if m.Derived == measured {
			t.Errorf("%s: derived is %v", name, m.Derived)
		}
		if measured && (m.Unit != w.Unit || m.Min != w.Min || m.Max != w.Max) {
			t.Errorf("%s: got %s, %g to %g; want %s, %g to %g", name, m.Unit, m.Min, m.Max, w.Unit, w.Min, w.Max)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if _, ok := cat.Lookup("gas"); ok {
		t.Error("a metric called gas")
	}
}

// Above its range a sensor is at its end, and a room may be full of gas. Below it there is
// nothing to be at the end of: a detector whose zero has wandered a little is not taken
// for a room full of gas.
func TestMeasured(t *testing.T) {
	cat := NewCatalogue(LEL{})
	for _, c := range []struct {
		metric  string
		v, want float64
		q       Quality
	}{
		{"gas.ch4", 12.5, 12.5, Good}, {"gas.ch4", 0, 0, Good}, {"gas.ch4", 100, 100, Good},
		{"gas.ch4", 100.1, 0, Saturated}, {"gas.ch4", math.Inf(1), 0, Saturated},
		{"gas.ch4", -0.1, 0, Good}, {"gas.ch4", -3, 0, Good}, {"gas.ch4", -3.1, 0, BadFrame},
		{"gas.ch4", math.Inf(-1), 0, BadFrame}, {"gas.ch4", math.NaN(), 0, BadFrame},
		{"co", -4, 0, Good}, {"co", -11, 0, BadFrame},
		{"power", -1, 0, Good}, {"power", -230, 0, BadFrame}, {"power", 60_000, 0, Saturated},
		{"temperature", -40, -40, Good}, {"temperature", -40.1, 0, BadFrame}, {"reactive_power", -120, -120, Good},
	} {
		m, _ := cat.Lookup(c.metric)
		if got, q := m.Measured(c.v); got != c.want || q != c.q {
			t.Errorf("%s %g: got %g %v, want %g %v", c.metric, c.v, got, q, c.want, c.q)
		}
	}
}

func TestASitesOwnMetrics(t *testing.T) {
	cat := NewCatalogue(LEL{Methane: 4.4})
	h2 := Metric{Name: "gas.h2", Unit: "%LEL", Max: 100, Zh: "氢气", En: "Hydrogen"}
	own, err := cat.With(h2, Metric{Name: "noise_2", Unit: "1", Min: -1, Max: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := own.Lookup("gas.h2"); !ok || got != h2 {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := cat.Lookup("gas.h2"); ok || slices.Contains(cat.Names(), "gas.h2") {
		t.Error("With changed the catalogue that it copied")
	}
	if len(own.Names()) != len(cat.Names())+2 || !slices.IsSorted(own.Names()) {
		t.Errorf("names: %v", own.Names())
	}
	if v, err := own.Convert(10, "%LEL", "ppm", "gas.ch4"); err != nil || math.Abs(v-4400) > 1e-9 {
		t.Errorf("the copy has another LEL: 10 %%LEL are %g ppm, %v", v, err)
	}
	if _, err := own.Convert(10, "%LEL", "ppm", "gas.h2"); err == nil {
		t.Error("hydrogen's LEL is not known, but was used")
	}

	for _, c := range []struct {
		metric Metric
		want   string
	}{
		{Metric{Unit: "1", Max: 1}, `a metric's name is words of letters, digits and _ joined by '.', such as gas.h2, not ""`},
		{Metric{Name: "pm2.5", Unit: "1", Max: 1}, `not "pm2.5"`},
		{Metric{Name: "gas.", Unit: "1", Max: 1}, `not "gas."`},
		{Metric{Name: "氢气", Unit: "1", Max: 1}, `not "氢气"`},
		{Metric{Name: "a b", Unit: "1", Max: 1}, `not "a b"`},
		{Metric{Name: "co", Unit: "ppm", Max: 1}, `metric "co" is in the catalogue already`},
		{Metric{Name: "on", Unit: "1", Max: 1}, `metric "on": the rule language has another use for that word`},
		{Metric{Name: "h2s", Unit: "pmm", Max: 1}, `metric "h2s": unknown unit "pmm", did you mean "ppm"?`},
		{Metric{Name: "h2s", Unit: "ppm", Min: 1, Max: 1}, `metric "h2s": the valid range 1 to 1 is empty`},
		{Metric{Name: "h2s", Unit: "ppm", Max: math.NaN()}, `the valid range 0 to NaN is empty`},
	} {
		got, err := cat.With(c.metric)
		if err == nil || got != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.metric, err, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	m, _ := NewCatalogue(LEL{}).Lookup("temperature")
	for v, want := range map[float64]Bad{
		-40: BadNone, 1200: BadNone, 0: BadNone, -40.01: BadRange, 1200.01: BadRange, math.MaxFloat64: BadRange,
		math.Inf(1): BadInfinity, math.Inf(-1): BadInfinity,
	} {
		if got := m.Check(v); got != want {
			t.Errorf("%g °C: got %q, want %q", v, got, want)
		}
	}
	if got := m.Check(math.NaN()); got != BadNaN {
		t.Errorf("NaN: got %q", got)
	}
}

func TestSuggest(t *testing.T) {
	names := NewCatalogue(LEL{}).Names()
	for s, want := range map[string]string{
		"temprature": "temperature", "gas.CH4": "gas.ch4", "gas_ch4": "gas.ch4", "powerfactor": "power_factor", "SMOKE": "smoke",
		"smok": "smoke", "xylophone": "", "": "", "z": "",
	} {
		if want != "" {
			want = `, did you mean "` + want + `"?`
		}
		if got := Suggest(s, names); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
	kinds := []string{"pm", "pms", "pzem", "modbus_meter", "modbus_gas", "zigbee2mqtt"}
	for s, want := range map[string]string{"PMS5003": `, did you mean "pms"?`, "zigbee": `, did you mean "zigbee2mqtt"?`, "pm25_7003": "", "p": ""} {
		if got := Suggest(s, kinds); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
