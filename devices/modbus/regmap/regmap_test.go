package regmap

import (
	"math"
	"slices"
	"strings"
	"testing"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

func plan(text string, extra ...uint16) (*Plan, conf.Errors) {
	var m struct {
		Pos conf.Pos `yaml:"-"`
		Map `yaml:",inline"`
	}
	if err := conf.Decode("f.yaml", []byte(text), &m); err != nil {
		return nil, err.(conf.Errors)
	}
	var errs conf.Errors
	return m.Plan(telemetry.NewCatalogue(telemetry.LEL{}), m.Pos, &errs, extra...), errs
}

func TestValues(t *testing.T) {
	f := math.Float32bits(-12.5)
	nan := math.Float32bits(float32(math.NaN()))
	for _, c := range []struct {
		register, order string
		words           []uint16
		want            telemetry.Point
	}{
		{"metric: voltage, address: 0, scale: 0.1", "", []uint16{2257}, telemetry.Point{Metric: "voltage", Value: 225.7}},
		{"metric: reactive_power, address: 0, type: s16", "", []uint16{0xFFFE}, telemetry.Point{Metric: "reactive_power", Value: -2}},
		{"metric: power, address: 0, type: u32, scale: 0.1", "", []uint16{1, 0}, telemetry.Point{Metric: "power", Value: 6553.6}},
		{"metric: power, address: 0, type: u32, scale: 0.1", "low_first", []uint16{1, 0}, telemetry.Point{Metric: "power", Value: 0.1}},
		{"metric: power, address: 0, type: s32, unit: kW, scale: 0.001", "", []uint16{0xFFFF, 0xFFFF}, telemetry.Point{Metric: "power", Value: -1}},
		{"metric: reactive_power, address: 0, type: f32", "", []uint16{uint16(f >> 16), uint16(f)}, telemetry.Point{Metric: "reactive_power", Value: -12.5}},
		{"metric: reactive_power, address: 0, type: f32", "low_first", []uint16{uint16(f), uint16(f >> 16)}, telemetry.Point{Metric: "reactive_power", Value: -12.5}},
		{"metric: voltage, address: 0, type: f32", "", []uint16{uint16(nan >> 16), uint16(nan)}, telemetry.Point{Metric: "voltage", Quality: telemetry.BadFrame}},
		{"metric: temperature, address: 0, unit: °F", "", []uint16{212}, telemetry.Point{Metric: "temperature", Value: 100}},
		{"metric: temperature, address: 0, scale: 0.1, offset: -40", "", []uint16{650}, telemetry.Point{Metric: "temperature", Value: 25}},
		{"metric: gas.ch4, address: 0, unit: ppm", "", []uint16{5000}, telemetry.Point{Metric: "gas.ch4", Value: 10}},
		// No value: ones, the largest that is signed, a small negative one that was taken for unsigned.
		{"metric: gas.ch4, address: 0, scale: 0.1", "", []uint16{0xFFFF}, telemetry.Point{Metric: "gas.ch4", Quality: telemetry.BadFrame}},
		{"metric: gas.ch4, address: 0, scale: 0.1", "", []uint16{0xFFFD}, telemetry.Point{Metric: "gas.ch4", Quality: telemetry.BadFrame}},
		{"metric: gas.ch4, address: 0, scale: 0.1, type: s16", "", []uint16{0x7FFF}, telemetry.Point{Metric: "gas.ch4", Quality: telemetry.BadFrame}},
		{"metric: power, address: 0, type: u32", "", []uint16{0xFFFF, 0xFFF0}, telemetry.Point{Metric: "power", Quality: telemetry.BadFrame}},
		{"metric: power, address: 0, type: s32", "", []uint16{0x7FFF, 0xFFFF}, telemetry.Point{Metric: "power", Quality: telemetry.BadFrame}},
		// What the metric can have, or what is at the end of its range, is what it is.
		{"metric: current, address: 0, scale: 0.001", "", []uint16{0xFFFF}, telemetry.Point{Metric: "current", Value: 65.535}},
		{"metric: gas.ch4, address: 0, scale: 0.1", "", []uint16{1200}, telemetry.Point{Metric: "gas.ch4", Value: 120}},
		{"metric: gas.ch4, address: 0, scale: 0.1, type: s16", "", []uint16{0xFFFF}, telemetry.Point{Metric: "gas.ch4", Value: -0.1}},
	} {
		text := "registers: [{" + c.register + "}]\n"
		if c.order != "" {
			text += "word_order: " + c.order + "\n"
		}
		p, errs := plan(text)
		if p == nil {
			t.Fatalf("%s: %v", c.register, errs)
		}
		if got := p.Points(c.words); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: got %v, want %v", c.register, got, c.want)
		}
	}
}

func TestFewTransactions(t *testing.T) {
	for _, c := range []struct {
		wanted []uint16
		gap    int
		want   []block
	}{
		{[]uint16{5, 0, 1, 0}, 0, []block{{0, 2}, {5, 1}}},
		{[]uint16{0, 1, 5}, 3, []block{{0, 6}}},
		{[]uint16{0, 1, 5}, 2, []block{{0, 2}, {5, 1}}},
		{[]uint16{0, 124, 125}, 125, []block{{0, 125}, {125, 1}}},
		{[]uint16{65535}, 0, []block{{65535, 1}}},
	} {
		if got := blocks(slices.Clone(c.wanted), c.gap); !slices.Equal(got, c.want) {
			t.Errorf("%v, gap %d: got %v, want %v", c.wanted, c.gap, got, c.want)
		}
	}
	p, errs := plan("gap: 3\nregisters: [{metric: voltage, address: 10}, {metric: power, address: 20, type: f32}]", 13)
	if p == nil {
		t.Fatal(errs)
	}
	if want := []block{{10, 4}, {20, 2}}; !slices.Equal(p.blocks, want) || p.Word([]uint16{1, 2, 3, 4, 5, 6}, 13) != 4 {
		t.Errorf("got %v", p.blocks)
	}
}

func TestMistakes(t *testing.T) {
	for want, text := range map[string]string{
		"1:1: registers are missing":                          "function: 4",
		"1:11: function 6 is not 3":                           "function: 6\nregisters: [{metric: voltage, address: 0}]",
		`1:13: word_order "low" is not`:                       "word_order: low\nregisters: [{metric: voltage, address: 0}]",
		"1:6: gap 126 is not":                                 "gap: 126\nregisters: [{metric: voltage, address: 0}]",
		"1:13: address is missing":                            "registers: [{metric: voltage}]",
		"1:13: metric is missing":                             "registers: [{address: 1}]",
		`1:22: unknown metric "volts"`:                        "registers: [{metric: volts, address: 0}]",
		`1:22: metric "co.dose" is computed`:                  "registers: [{metric: co.dose, address: 0}]",
		`1:50: metric "voltage" is given twice`:               "registers: [{metric: voltage, address: 0}, {metric: voltage, address: 1}]",
		`1:46: type "u8" is not one of u16`:                   "registers: [{metric: voltage, address: 0, type: u8}]",
		"1:40: address 65535 is not between":                  "registers: [{metric: voltage, address: 65535, type: f32}]",
		"1:47: scale 0 makes every value 0":                   "registers: [{metric: voltage, address: 0, scale: 0}]",
		`1:46: unit:`:                                         "registers: [{metric: voltage, address: 0, unit: kW}]",
		`1:42: unknown key "adress", did you mean "address"?`: "registers: [{metric: voltage, address: 0, adress: 1}]",
	} {
		p, errs := plan(text)
		found := false
		for _, e := range errs {
			found = found || strings.HasPrefix(e.Error(), "f.yaml:"+want) || strings.Contains(e.Error(), want[strings.Index(want, " ")+1:])
		}
		if p != nil || !found {
			t.Errorf("%s: got %v, want %s", text, errs, want)
		}
	}
}
