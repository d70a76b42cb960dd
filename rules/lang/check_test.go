package lang

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
)

func TestMistakes(t *testing.T) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	for _, c := range []struct {
		text string
		off  int
		want string
	}{
		// words
		{"gas.ch5 > 10 %LEL", 0, `unknown metric "gas.ch5", did you mean "gas.ch4"?`},
		{"smoke > 1 dB/m or temprature > 50 °C", 18, `unknown metric "temprature", did you mean "temperature"?`},
		{"xylophone > 1", 0, `unknown metric "xylophone"`},
		{"avrg(smoke, 1m) > 1 dB/m", 0, `unknown function "avrg", did you mean "avg"?`},
		{"mean(smoke, 1m) > 1 dB/m", 0, `unknown function "mean", did you mean "avg"?`},
		{"rate(temperature, 1m) > 8 °C/min", 0, `unknown function "rate", did you mean "slope"?`},
		// units
		{"gas.ch4 > 10", 10, "gas.ch4 is in %LEL: write 10 %LEL"},
		{"100 < power", 0, "power is in W: write 100 W"},
		{"slope(temperature, 1m) > 8", 25, "temperature, 1m) is in °C/min: write 8 °C/min"},
		{"slope(power_factor, 1m) > 0.1", 26, "slope(power_factor, 1m) is in 1/min: write 10 %/min"},
		{"age(smoke) > 30", 13, "age(smoke) is in ms: write 30s or 30m"},
		{"voltage * current > 100", 20, "is in current·voltage: write 100 with its unit"},
		{"smoke > 300 ppm", 8, "ppm cannot be compared with dB/m for smoke"},
		{"smoke > 10 %LEL", 8, "%LEL cannot be compared with dB/m for smoke"},
		{"co > 10 %LEL", 5, "%LEL cannot be compared with ppm for co"},
		{"humidity > 50 %", 11, "% cannot be compared with %RH for humidity"},
		{"power > 5 A", 8, "A cannot be compared with W for power"},
		{"power > 30s", 8, "s cannot be compared with W for power"},
		{"power_factor < 5 W", 15, "W cannot be compared with a bare number for power_factor"},
		{"count(smoke > 0.3 dB/m) >= 2 W", 27, "W cannot be compared with a bare number for count(smoke > 0.3 dB/m)"},
		{"power + 5 A > 3 W", 8, "A cannot be added to W for power"},
		{"power > voltage", 6, "power (W) cannot be compared with voltage (V)"},
		{"power > 2 * 50", 10, "power is in W: write 100 W"},
		{"smoke == on", 9, "smoke is in dB/m, it is not on or off"},
		{"power > 5 KW", 10, `unknown unit "KW", did you mean "kW"?`},
		{"power > 5 horses", 10, `unknown unit "horses"`},
		{"%LEL > 3", 0, `"%" is not used here: a unit stands after its number, as in 10 %LEL`},
		{"power > 1e999 W", 8, `"1e999" is not a number that can be computed with`},
		{"gas.ch4 > 1e307 %vol", 10, "this number is too large to compute with"},
		{"power > 1e200 * 1e200 W", 14, "this number is too large to compute with"},
		// conditions and numbers
		{"gas.ch4", 0, "a condition belongs here, such as gas.ch4 > 10 %LEL; gas.ch4 is a number"},
		{"gas.ch4 + 1 %LEL", 8, "a condition belongs here"},
		{"smoke and co > 5 ppm", 0, "and joins conditions; smoke is a number"},
		{"co > 5 ppm or 3", 14, "or joins conditions; 3 is a number"},
		{"not power", 4, "not takes a condition; power is a number"},
		{"(co > 5 ppm) == (smoke > 1 dB/m)", 4, "== takes numbers; co > 5 ppm is a condition"},
		{"(co > 5 ppm) + 1 > 2", 4, "+ takes numbers; co > 5 ppm is a condition"},
		{"-(co > 5 ppm)", 5, "- takes a number; co > 5 ppm is a condition"},
		{"1 < 2", 2, "1 < 2 compares two constants"},
		{"on == off", 3, "on == off compares two constants"},
		{"2 * 3 W > 5 W", 8, "compares two constants"},
		{"power / 0 > 1 W", 8, "division by zero"},
		{"power > 1 W / 0", 14, "division by zero"},
		{"power / (1 - 1) > 1 W", 11, "division by zero"},
		// temperatures
		{"temperature + temperature > 80 °C", 12, "two temperatures do not add up: temperature + temperature"},
		{"spread(temperature, 5m) - temperature > 5 °C", 24, "a temperature cannot be taken from a difference of temperatures"},
		{"temperature > spread(temperature, 5m)", 12, "a temperature cannot be compared with a difference of temperatures"},
		{"temperature * 2 > 80 °C", 12, "a temperature cannot be multiplied or divided, only a difference of temperatures: temperature * 2"},
		{"temperature / 2 > 80 °C", 12, "a temperature cannot be multiplied or divided"},
		{"-temperature > 5 °C", 0, "a temperature cannot be negated, only a difference of temperatures: -temperature"},
		{"temperature - 40 °C > 5 K", 23, "a temperature of 5 K, or a difference of as much? Write it in °C, where both are the same"},
		{"temperature - 313 K > 5 °C", 14, "a temperature of 313 K, or a difference of as much?"},
		// chains
		{"0 °C < temperature < 40 °C", 20, "comparisons do not chain: write a < b and b < c"},
		{"co == smoke != power", 12, "comparisons do not chain: write a == b and b != c"},
		// windows
		{"max(smoke) > 1 dB/m", 0, "max takes a metric and how far to look back: max(temperature, 5m)"},
		{"max(smoke, 8d) > 1 dB/m", 11, "8d is not between 1s and 7d"},
		{"max(smoke, 169h) > 1 dB/m", 11, "169h is not between 1s and 7d"},
		{"max(smoke, 200ms) > 1 dB/m", 11, "200ms is not between 1s and 7d"},
		{"max(smoke, 5) > 1 dB/m", 11, "max looks back over a length of time, such as 30s or 5m, not over 5"},
		{"max(smoke, 5 W) > 1 dB/m", 11, "not over 5 W"},
		{"max(smoke, -5m) > 1 dB/m", 11, "not over -5m"},
		{"max(smoke + co, 5m) > 1 dB/m", 10, "max looks at one metric, not at smoke + co"},
		{"max(on, 5m) > 1", 4, "max looks at one metric, not at on"},
		{"max(smok, 5m) > 1 dB/m", 4, `unknown metric "smok", did you mean "smoke"?`},
		{"changed(contact) and co > 1 ppm", 0, "changed takes a metric and how far to look back"},
		{"changed(contact, 1m) == on", 0, "== takes numbers; changed(contact, 1m) is a condition"},
		{"age(5m) > 3s", 0, "age takes a metric: age(smoke) > 30s"},
		{"age(on) > 3s", 0, "age takes a metric"},
		{"quantile(power, 5m) > 1 W", 0, "quantile takes a metric, a share, and how far to look back: quantile(power, 0.9, 5m)"},
		{"quantile(power, 5m, 0.9) > 1 W", 16, "quantile takes a share of the readings, such as 0.9 or 90 %, not 5m"},
		{"quantile(power, power, 5m) > 1 W", 16, "quantile takes a share of the readings, such as 0.9 or 90 %, not power"},
		{"quantile(power, 1, 5m) > 1 W", 16, "1 is not between 0 and 1: write max(power, 5m)"},
		{"quantile(power, 0, 5m) > 1 W", 16, "0 is not between 0 and 1: write min(power, 5m)"},
		{"quantile(power, 90, 5m) > 1 W", 16, "90 is not between 0 and 1: 90 % is 0.9"},
		{"quantile(power, 0.9, 5) > 1 W", 21, "quantile looks back over a length of time, such as 30s or 5m, not over 5"},
		{"quantile(power + 1 W, 0.9, 5m) > 1 W", 15, "quantile looks at one metric, not at power + 1 W"},
		{"quantile(power, 0.9, 5m) > 1", 27, "power is in W: write 1 W"},
		{"percentile(power, 0.9, 5m) > 1 W", 0, `unknown function "percentile", did you mean "quantile"?`},
		// devices
		{"any(smoke)", 4, "any asks a condition of each device; smoke is a number"},
		{"count(smoke) > 3", 6, "count asks a condition of each device; smoke is a number; to count readings write count(smoke, 5m)"},
		{"any(smoke > 1 dB/m, 5m)", 0, "any takes one condition, which is asked of each device of the place"},
		{"any(all(smoke > 1 dB/m))", 4, "any, all, count and apart do not stand inside each other"},
		{"all(between(22:00, 06:00))", 0, "all asks nothing of a device: name a metric in it"},
		{"apart(smoke, 5m) > 0.1 dB/m", 0, "apart takes a metric, which is compared between the devices of the place: apart(temperature) > 5 °C; over time it is spread(temperature, 5m)"},
		{"apart(on) > 1", 0, "apart takes a metric, which is compared between the devices of the place: apart(temperature) > 5 °C; over time it is spread(temperature, 5m)"},
		{"apart(smoke) > 10 ppm", 15, "ppm cannot be compared with dB/m for smoke"},
		{"any(apart(smoke) > 1 dB/m)", 4, "any, all, count and apart do not stand inside each other"},
		{"apart(smoke)", 0, "a condition belongs here, such as gas.ch4 > 10 %LEL; apart(smoke) is a number"},
		// other places
		{"elsewhere(smoke > 1 dB/m)", 0, "elsewhere takes a hazard that a rule has raised at another place of the zone: elsewhere(fire)"},
		{"elsewhere(fire, 5m)", 0, "elsewhere takes a hazard"},
		{"any(smoke > 1 dB/m and elsewhere(fire))", 23, "elsewhere asks other places, not a device: take it out of any, all or count"},
		{"elsewhere(fire) > 1", 0, "elsewhere(fire) is a condition"},
		{"elswhere(fire)", 0, `unknown function "elswhere", did you mean "elsewhere"?`},
		// times of day
		{"between(22:00)", 0, "between takes two times of day: between(22:00, 06:00)"},
		{"between(10 W, 06:00)", 0, "between takes two times of day"},
		{"between(22:00, 25:00)", 15, `"25:00" is not a time of day: write 00:00 to 24:00`},
		{"between(22:60, 06:00)", 8, `"22:60" is not a time of day`},
		{"power > 22:00", 8, "a time of day belongs into between(22:00, 06:00)"},
		// grammar
		{"", 0, "the expression ends too early"},
		{"power >", 7, "the expression ends too early"},
		{"power > 5 W smoke", 12, `"smoke" does not fit here`},
		{"(power > 5 W", 12, `the end stands where ")" should`},
		{"max(smoke 5m) > 1 dB/m", 10, `"5m" stands where ")" should`},
		{"power > 5 W)", 11, `")" does not fit here`},
		{"power = 5 W", 6, `"=" is not used here: write == to compare`},
		{"power > 5 W && smoke > 1 dB/m", 12, `"&&" is not used here: write and`},
		{"power > 5 W || smoke > 1 dB/m", 12, "write or"},
		{"!contact", 0, "write not"},
		{"power > 5 W and co + not smoke", 21, "not binds looser than what stands before it: write (not ...)"},
		{"（power > 5 W)", 0, "write ( in half width"},
		{"power ＞ 5 W", 6, "write > in half width"},
		{"thd_current > 5％", 15, "write % in half width"},
		{"power > 5 W; smoke", 11, `';' has no meaning here`},
		{"power > 5 W\x80", 0, "the expression is not valid UTF-8"},
		{strings.Repeat("(", 70) + "1", 65, "the expression is nested more than 64 deep"},
		{"power > 5 W" + strings.Repeat(" ", maxText), 0, "the expression is longer than 4096 bytes"},
	} {
		p, err := Compile(c.text, cat)
		if err == nil {
			t.Errorf("%.60q was taken as %s", c.text, p.Text)
			continue
		}
		var got []Error
		Each(err, func(e Error) { got = append(got, e) })
		if len(got) != 1 || got[0].Off != c.off || !strings.Contains(got[0].Text, c.want) {
			t.Errorf("%.60q\n got %v\nwant at %d: %s", c.text, got, c.off, c.want)
		}
	}
}

// Metrics of a site's own may be in units that the built-in ones are not in.
func TestMetricsInOtherUnits(t *testing.T) {
	cat, err := telemetry.NewCatalogue(telemetry.LEL{}).With(
		telemetry.Metric{Name: "oven", Unit: "K", Min: 0, Max: 1000}, telemetry.Metric{Name: "feed", Unit: "kW", Min: 0, Max: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"oven > temperature", "temperature - oven > 5 °C"} {
		if _, err := Compile(text, cat); err == nil || !strings.Contains(err.Error(), "count from different zeros") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	for text, factor := range map[string]float64{"power > feed": 1000, "feed > power": 0.001, "spread(oven, 1m) > spread(temperature, 1m)": 0} {
		p, err := Compile(text, cat)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := 0.0                                // no conversion
		if right := p.Root.X; right.Op == OpMul { // a > b is b < a
			got = right.Y.K
		}
		if got != factor {
			t.Errorf("%s multiplies by %g, want %g", text, got, factor)
		}
	}
}

// All mistakes of an expression are told at once.
func TestSeveralMistakes(t *testing.T) {
	_, err := Compile("gas.ch5 > 1 %LEL and power > 5 A or max(smoke, 8d) > 1 dB/m", telemetry.NewCatalogue(telemetry.LEL{}))
	var offs []int
	Each(err, func(e Error) { offs = append(offs, e.Off) })
	if want := []int{0, 29, 47}; !slices.Equal(offs, want) {
		t.Errorf("got %v at %v, want at %v", err, offs, want)
	}
}

// right compiles "metric op constant" and gives the constant that it is compared with.
func right(t testing.TB, text string, lel telemetry.LEL) *Node {
	t.Helper()
	p, err := Compile(text, telemetry.NewCatalogue(lel))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	n := p.Root
	for n.Op == OpNot {
		n = n.X
	}
	if n.X.Op == OpConst {
		return n.X
	}
	if n.Y.Op != OpConst {
		t.Fatalf("%s: %+v has no constant", text, n)
	}
	return n.Y
}

// Constants are in the unit of what they meet before a reading is seen.
func TestConstantsAreConverted(t *testing.T) {
	traditional, iec := telemetry.LEL{}, telemetry.LEL{Methane: 4.4, LPG: 1.7}
	for _, c := range []struct {
		text string
		lel  telemetry.LEL
		want float64
		unit string
	}{
		{"gas.ch4 > 10 %LEL", traditional, 10, "%LEL"},
		{"gas.ch4 > 5000 ppm", traditional, 10, "%LEL"},
		{"gas.ch4 > 4400 ppm", iec, 10, "%LEL"},
		{"gas.ch4 > 2 * 1100 ppm", iec, 5, "%LEL"},
		{"0.21 %vol <= gas.lpg", traditional, 10, "%LEL"},
		{"temperature > 104 °F", traditional, 40, "°C"},
		{"temperature > 313.15 K", traditional, 40, "°C"},
		{"temperature > 40 °C + 18 °F", traditional, 50, "°C"},
		{"temperature > -5 ℃", traditional, -5, "°C"},
		{"temperature - 5 ℃ > 40 °C", traditional, 40, "°C"},
		{"temperature + 5 K > 313.15 K", traditional, 40, "°C"},
		{"avg(temperature, 1m) - avg(temperature, 1h) > 9 °F", traditional, 5, "°C"},
		{"temperature - 5 °C - avg(temperature, 1h) > 9 °F", traditional, 5, "°C"},
		{"40 °C - temperature < 9 °F", traditional, 5, "°C"},
		{"spread(temperature, 5m) > 5 K", traditional, 5, "°C"},
		{"2 * spread(temperature, 5m) > 9 °F", traditional, 5, "°C"},
		{"slope(temperature, 1m) > 0.2 °C/s", traditional, 12, "°C/min"},
		{"slope(frequency, 1m) > 1 Hz/s", traditional, 60, "Hz/min"},
		{"slope(power_factor, 1m) > 10 %/min", traditional, 0.1, "1/min"},
		{"age(smoke) > 1.5m", traditional, 90_000, "ms"},
		{"power > 2 kW", traditional, 2000, "W"},
		{"power > 0.5 * 3 kW / 2", traditional, 750, "W"},
		{"residual_current > 0.03 A", traditional, 30, "mA"},
		{"voltage * current > 1 kW", traditional, 1000, ""},
		{"power / voltage > 500 mA", traditional, 0.5, ""},
		{"power / power > 50 %", traditional, 0.5, ""},
		{"power_factor < 70 %", traditional, 0.7, "1"},
		{"contact == on", traditional, 1, "1"},
		{"contact == off", traditional, 0, "1"},
		{"count(smoke > 0.3 dB/m) >= 2", traditional, 2, "1"},
		{"count(smoke, 5m) >= 2", traditional, 2, "1"},
	} {
		if k := right(t, c.text, c.lel); math.Abs(k.K-c.want) > 1e-9*max(1, math.Abs(c.want)) || k.Unit != c.unit {
			t.Errorf("%s: got %g %s, want %g %s", c.text, k.K, k.Unit, c.want, c.unit)
		}
	}
}

// A metric compared with a constant in any unit is what the catalogue converts,
// or is refused as the catalogue refuses.
func TestUnitsAgreeWithTheCatalogue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lel := telemetry.LEL{Methane: rapid.SampledFrom([]float64{4.4, 5}).Draw(t, "methane")}
		cat := telemetry.NewCatalogue(lel)
		m, _ := cat.Lookup(rapid.SampledFrom(cat.Names()).Draw(t, "metric"))
		unit := rapid.SampledFrom(telemetry.Units()).Filter(func(u string) bool { return u != "1" }).Draw(t, "unit")
		k := &Number{Value: rapid.Float64Range(0, 1e6).Draw(t, "value"), Unit: unit}
		p, err := Check(&Binary{Op: "<", X: &Metric{Name: m.Name}, Y: k}, cat)
		want, refused := cat.Convert(k.Value, telemetry.Unit(unit), m.Unit, m.Name)
		if (err == nil) != (refused == nil) {
			t.Fatalf("%s < %s: got %v, the catalogue says %v", m.Name, k, err, refused)
		}
		if err == nil && math.Abs(p.Root.Y.K-want) > 1e-9*max(1, math.Abs(want)) {
			t.Fatalf("%s < %s: got %g, want %g %s", m.Name, k, p.Root.Y.K, want, m.Unit)
		}
	})
}

// What was compiled, printed and compiled again is the same program.
func TestProgramsSayWhatTheyAre(t *testing.T) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	for _, c := range []struct {
		text                    string
		metrics, groups, others string
		timed                   bool
	}{
		{"gas.ch4 > 10 %LEL", "gas.ch4", "", "", false},
		{"power > 100 W and power_factor < 0.7 and between(22:00, 06:00)", "power power_factor", "", "", true},
		{"count(smoke > 0.3 dB/m) >= 2 or smoke > 1 dB/m", "smoke", "smoke", "", false},
		{"any(temperature > 60 °C and smoke > 0.1 dB/m)", "", "smoke temperature", "", false},
		{"max(co, 5m) - min(co, 5m) > 50 ppm", "co", "", "", false},
		{"age(smoke) > 30s", "smoke", "", "", true},
		{"changed(contact, 1m)", "contact", "", "", true},
		{"all(count(smoke, 1m) >= 3)", "", "smoke", "", true},
		{"smoke > 0.1 dB/m and any(co > 50 ppm) and (elsewhere(smoke) or elsewhere(fire))", "smoke", "co", "fire smoke", false},
	} {
		p, err := Compile(c.text, cat)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := strings.Join(p.Metrics, " "); got != c.metrics {
			t.Errorf("%s: metrics %q, want %q", c.text, got, c.metrics)
		}
		if got := strings.Join(p.Grouped, " "); got != c.groups {
			t.Errorf("%s: grouped %q, want %q", c.text, got, c.groups)
		}
		if got := strings.Join(p.Others, " "); got != c.others {
			t.Errorf("%s: of other places %q, want %q", c.text, got, c.others)
		}
		if p.Timed != c.timed || p.Text != c.text {
			t.Errorf("%s: timed %v, text %q", c.text, p.Timed, p.Text)
		}
	}
}

// The comparisons come down to less and equal, so that unknown spreads alike.
func TestComparisons(t *testing.T) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	for op, want := range map[string]string{"<": "x<k", ">": "k<x", "<=": "not k<x", ">=": "not x<k", "==": "x=k", "!=": "not x=k"} {
		p, err := Compile("power "+op+" 5 W", cat)
		if err != nil {
			t.Fatal(err)
		}
		n, got := p.Root, ""
		if n.Op == OpNot {
			n, got = n.X, "not "
		}
		name := func(n *Node) string {
			if n.Op == OpConst {
				return "k"
			}
			return "x"
		}
		got += name(n.X) + map[Op]string{OpLess: "<", OpEqual: "="}[n.Op] + name(n.Y)
		if got != want {
			t.Errorf("power %s 5 W: got %s, want %s", op, got, want)
		}
	}
}

// A condition that needs two devices is known for one.
func TestPairs(t *testing.T) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	for text, want := range map[string]bool{
		"apart(smoke) > 0.1 dB/m":                       true,
		"apart(smoke) > 0.1 dB/m or apart(co) > 10 ppm": true,
		"apart(smoke) > 0.1 dB/m and any(co > 10 ppm)":  true,
		"apart(smoke) > 0.1 dB/m or any(co > 10 ppm)":   false,
		"apart(smoke) < 0.1 dB/m":                       false,
		"apart(smoke) > -1 dB/m":                        false,
		"not apart(smoke) > 0.1 dB/m":                   false,
		"apart(smoke) + 1 dB/m > 0.1 dB/m":              false,
		"any(smoke > 0.1 dB/m)":                         false,
		"smoke > 0.1 dB/m":                              false,
	} {
		p, err := Compile(text, cat)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if p.Pairs != want {
			t.Errorf("%s: %t, want %t", text, p.Pairs, want)
		}
	}
}
