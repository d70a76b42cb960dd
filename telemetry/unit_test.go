package telemetry

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Figures that anybody can look up.
func TestConversions(t *testing.T) {
	traditional, iec := NewCatalogue(LEL{}), NewCatalogue(LEL{Methane: 4.4, LPG: 1.7})
	for _, c := range []struct {
		cat      *Catalogue
		metric   string
		v        float64
		from, to Unit
		want     float64
	}{
		{traditional, "temperature", 0, "°C", "°F", 32},
		{traditional, "temperature", -40, "°F", "°C", -40},
		{traditional, "temperature", 300, "K", "℃", 26.85},
		{traditional, "temperature", 212, "°F", "K", 373.15},
		{traditional, "heat.rate", 0.2, "°C/s", "K/min", 12},
		{traditional, "gas.ch4", 10, "%LEL", "ppm", 5000},
		{traditional, "gas.ch4", 1, "%vol", "%LEL", 20},
		{traditional, "gas.lpg", 10, "%LEL", "ppm", 2100},
		{iec, "gas.ch4", 10, "%LEL", "ppm", 4400},
		{iec, "gas.ch4", 2200, "ppm", "%LEL", 5},
		{iec, "gas.lpg", 100, "%LEL", "%vol", 1.7},
		{traditional, "co", 0.02, "%vol", "ppm", 200},
		{traditional, "gas.rise", 1, "%LEL/s", "%LEL/h", 3600},
		{traditional, "residual_current", 0.03, "A", "mA", 30},
		{traditional, "power_factor", 95, "%", "1", 0.95},
		{traditional, "pm2_5", 0.5, "mg/m³", "µg/m³", 500},
	} {
		got, err := c.cat.Convert(c.v, c.from, c.to, c.metric)
		if err != nil || math.Abs(got-c.want) > 1e-9*max(1, math.Abs(c.want)) {
			t.Errorf("%g %s of %s: got %g %s, %v; want %g", c.v, c.from, c.metric, got, c.to, err, c.want)
		}
	}
}

func TestConversionsRefused(t *testing.T) {
	cat := NewCatalogue(LEL{})
	for _, c := range []struct {
		metric   string
		from, to Unit
		want     string
	}{
		{"smoke", "ppm", "%LEL", "ppm cannot be compared with %LEL for smoke"},
		{"co", "%LEL", "ppm", "%LEL cannot be compared with ppm for co"},
		{"gas.ch4", "%LEL", "%LEL/min", "%LEL cannot be compared with %LEL/min for gas.ch4"},
		{"gas.ch4", "ppm/min", "%LEL/min", "ppm/min cannot be compared with %LEL/min for gas.ch4"},
		{"power", "A", "W", "A cannot be compared with W for power"},
		{"power", "var", "W", "var cannot be compared with W for power"},
		{"humidity", "%", "%RH", "% cannot be compared with %RH for humidity"},
		{"power", "KW", "W", `unknown unit "KW", did you mean "kW"?`},
		{"pm2_5", "µg/m³", "ug/m3", `unknown unit "ug/m3", did you mean`},
	} {
		if v, err := cat.Convert(1, c.from, c.to, c.metric); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s to %s for %s: got %g, %v; want %q", c.from, c.to, c.metric, v, err, c.want)
		}
	}
}

// Whatever converts, converts back; the way there does not matter; more stays
// more; and what measures something else is refused unless a gas's LEL joins it.
func TestConversionsAgree(t *testing.T) {
	unit := rapid.Map(rapid.SampledFrom(Units()), func(s string) Unit { return Unit(s) })
	rapid.Check(t, func(t *rapid.T) {
		cat := NewCatalogue(LEL{Methane: rapid.SampledFrom([]float64{4.4, 5.0}).Draw(t, "methane"), LPG: rapid.SampledFrom([]float64{1.7, 2.1}).Draw(t, "LPG")})
		metric := rapid.SampledFrom(cat.Names()).Draw(t, "metric")
		from, to, by := unit.Draw(t, "from"), unit.Draw(t, "to"), unit.Draw(t, "by")
		v := rapid.Float64Range(-1e6, 1e6).Draw(t, "v")

		gas := metric == "gas.ch4" || metric == "gas.lpg"
		joined := func(a, b Unit) bool {
			x, y := a.Dimension(), b.Dimension()
			return x == y || gas && (x == "gas" && y == "ppm" || x == "ppm" && y == "gas")
		}
		convert := func(v float64, from, to Unit) float64 {
			w, err := cat.Convert(v, from, to, metric)
			if (err == nil) != joined(from, to) {
				t.Fatalf("%s to %s for %s: %v", from, to, metric, err)
			}
			return w
		}
		there := convert(v, from, to)
		if !joined(from, to) {
			return
		}
		size := func(u Unit) float64 { // how much of u is lost by rounding v, at least
			_, factor, offset := u.Scale()
			_, ours, ourOffset := from.Scale()
			return 1e-13 * (math.Abs(v*ours) + math.Abs(ourOffset) + math.Abs(offset) + 1) / factor * 1e4
		}
		if back := convert(there, to, from); math.Abs(back-v) > size(from) {
			t.Fatalf("%g %s is %g %s is %g %s", v, from, there, to, back, from)
		}
		if joined(from, by) {
			if round := convert(convert(v, from, by), by, to); math.Abs(round-there) > size(to) {
				t.Fatalf("%g %s is %g %s, but %g by way of %s", v, from, there, to, round, by)
			}
		}
		if more := convert(v+1, from, to); !(more > there) {
			t.Fatalf("%g %s is %g %s, one more is %g", v, from, there, to, more)
		}
	})
}

func TestUnitsAreListed(t *testing.T) {
	list := Units()
	if !slices.IsSorted(list) || len(list) != len(units) {
		t.Errorf("got %v", list)
	}
	for _, u := range list {
		if dim, factor, _ := Unit(u).Scale(); !Unit(u).Known() || dim == "" || dim != Unit(u).Dimension() || !(factor > 0) {
			t.Errorf("%s has dimension %q and factor %g", u, dim, factor)
		}
	}
	if dim, _, _ := Unit("furlong").Scale(); Unit("furlong").Known() || dim != "" {
		t.Errorf("a furlong has dimension %q", dim)
	}
}
