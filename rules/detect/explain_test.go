package detect

import (
	"math"
	"os"
	"strings"
	"testing"
)

// told is what a detector explains, by name.
func told(t *testing.T, d Detector) map[string]Feature {
	t.Helper()
	m := map[string]Feature{}
	for _, f := range d.Explain() {
		if _, twice := m[f.Name]; twice || math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
			t.Errorf("%s = %v, twice %t", f.Name, f.Value, twice)
		}
		if zh, en, ok := FeatureText(f.Name); !ok || zh == "" || en == "" {
			t.Errorf("%s has no name in both languages", f.Name)
		}
		m[f.Name] = f
	}
	return m
}

// A detector explains itself by what it decided on: and every one does, also when it
// knows nothing yet, and changes nothing by it.
func TestExplain(t *testing.T) {
	near := func(m map[string]Feature, name string, want, off float64, unit string) {
		t.Helper()
		if f, ok := m[name]; !ok || math.Abs(f.Value-want) > off || f.Unit != unit {
			t.Errorf("%s = %v, want %g ± %g %s", name, f, want, off, unit)
		}
	}
	feed := func(name, placement string, input int, every, until float64, at func(s float64) float64) Detector {
		d := kind(name).New(placement, 0)
		for s := 0.0; s <= until; s += every {
			d.Observe(input, 1_700_000_000_000+int64(s*1000), at(s))
		}
		before := d.AppendState(nil)
		d.Explain()
		if string(before) != string(d.AppendState(nil)) {
			t.Errorf("%s: explaining changed it", name)
		}
		return d
	}
	gas := told(t, feed("gas", "", 0, 5, 600, func(s float64) float64 { return 0.5 + max(s-300, 0)*0.02 })) // 1.2 %LEL/min
	near(gas, "gas.base", 0.5, 0.2, "%LEL")
	near(gas, "gas.above", 6, 0.3, "%LEL")
	near(gas, "gas.since", 4.2, 0.4, "min")
	near(gas, "gas.climbing", 100, 20, "%")

	co := told(t, feed("co", "", 0, 10, 600, func(float64) float64 { return 100 }))
	near(co, "co.level", 100, 0, "ppm")
	near(co, "co.remaining", 12, 0.1, "min")

	fire := feed("fire", "room_smoke", fireInSmoke, 2, 60, func(s float64) float64 { return 0.05 + max(s-30, 0)*0.02 })
	fire.Observe(fireInHeat, 1_700_000_060_000, 21)
	smoke := told(t, fire)
	near(smoke, "fire.offset", 0.05, 0.01, "dB/m")
	near(smoke, "fire.smoke", 0.52, 0.05, "dB/m")
	near(smoke, "fire.front", 1.2, 0.15, "dB/m/min")
	near(smoke, "fire.sudden", 0, 0.01, "°C")

	near(told(t, feed("circuit", "corridor_socket", 0, 10, 60, func(float64) float64 { return 15 })), "circuit.share", 150, 0, "%")
	near(told(t, feed("leakage", "", 0, 10, 60, func(s float64) float64 { return 20 + s/2 })), "rise.above", 30, 0.5, "mA")

	charging := told(t, feed("charging", "corridor_socket", chargePower, 5, 880, func(s float64) float64 {
		if s < 300 {
			return 2
		}
		return 182
	}))
	near(charging, "charger.power", 180, 1, "W")
	near(charging, "charger.on", 9.7, 0.1, "min")
	near(charging, "charger.energy", 29, 0.5, "Wh")
	near(charging, "charger.trend", 0, 0.5, "%/h")

	shed := told(t, feed("charging", "bike_shed", chargePower, 60, 9*3600, func(s float64) float64 { return 182 * min(s/60, 1) }))
	near(shed, "charger.bulk", 9, 0.1, "h")

	house := kind("charging").New("dwelling_feeder", 0)
	for s := int64(0); s <= 3600; s += 10 {
		at, power, factor := 1_700_000_000_000+s*1000, 100.0, 1.0
		if s >= 1800 { // a charger without correction: 200 W, 0.6
			power = 300
			factor = 300 / math.Hypot(300, 200*math.Sqrt(1/0.36-1))
		}
		house.Observe(chargePower, at, power)
		house.Observe(chargeFactor, at, factor)
	}
	feeder := told(t, house)
	near(feeder, "charger.power", 200, 5, "W")
	near(feeder, "charger.factor", 0.6, 0.03, "")

	for _, k := range Kinds() {
		for _, placement := range []string{"", "bike_shed", "dwelling_feeder", "meter_box"} {
			told(t, k.New(placement, 0))
		}
	}
}

// No name of a feature is taken for a metric's, and each is in the docs as it is called.
func TestFeatureTexts(t *testing.T) {
	docs, err := os.ReadFile("../../docs/detection.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range featureTexts {
		if row := "| `" + name + "` | " + text[1] + " |"; !strings.Contains(string(docs), row) {
			t.Errorf("docs/detection.md has no row %s", row)
		}
		if !strings.Contains(name, ".") || text[0] == text[1] {
			t.Errorf("%s: %v", name, text)
		}
		for _, k := range Kinds() {
			for _, out := range k.Outputs {
				if out == name {
					t.Errorf("%s is a metric of %s too", name, k.Name)
				}
			}
		}
	}
}
