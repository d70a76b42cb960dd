package telemetry

import (
	"fmt"
	"sort"
)

// Unit is a unit's symbol as people write it: "%LEL", "ppm", "°C/min". The
// dimensionless unit is "1".
type Unit string

// scale places a unit in its dimension: value·factor + offset is the value in
// the dimension's reference unit.
type scale struct {
	dim            string
	factor, offset float64
}

var units = map[Unit]scale{
	"1": {"1", 1, 0}, "%": {"1", 0.01, 0},
	"%LEL": {"gas", 1, 0}, "%LEL/min": {"gas/time", 1, 0}, "%LEL/s": {"gas/time", 60, 0}, "%LEL/h": {"gas/time", 1.0 / 60, 0},
	"ppm": {"ppm", 1, 0}, "%vol": {"ppm", 1e4, 0}, "ppm/min": {"ppm/time", 1, 0},
	"dB/m": {"smoke", 1, 0}, "dB/m/min": {"smoke/time", 1, 0},
	"°C": {"temperature", 1, 0}, "℃": {"temperature", 1, 0}, "°F": {"temperature", 5.0 / 9, -160.0 / 9}, "K": {"temperature", 1, -273.15},
	"°C/min": {"temperature/time", 1, 0}, "℃/min": {"temperature/time", 1, 0}, "°C/s": {"temperature/time", 60, 0}, "K/min": {"temperature/time", 1, 0},
	"%RH": {"humidity", 1, 0}, "µg/m³": {"pm", 1, 0}, "mg/m³": {"pm", 1000, 0},
	"A": {"current", 1, 0}, "mA": {"current", 1e-3, 0}, "A/min": {"current/time", 1, 0},
	"V": {"voltage", 1, 0}, "mV": {"voltage", 1e-3, 0}, "V/min": {"voltage/time", 1, 0},
	"W": {"power", 1, 0}, "kW": {"power", 1000, 0}, "W/min": {"power/time", 1, 0},
	"var": {"reactive", 1, 0}, "kvar": {"reactive", 1000, 0},
	"Wh": {"energy", 1, 0}, "kWh": {"energy", 1000, 0},
	"Hz": {"frequency", 1, 0},
	"kB": {"data", 1e-3, 0}, "MB": {"data", 1, 0}, "GB": {"data", 1e3, 0},
}

// Known reports whether the unit can be used.
func (u Unit) Known() bool { _, ok := units[u]; return ok }

// Dimension names what the unit measures; "" for an unknown unit.
func (u Unit) Dimension() string { return units[u].dim }

// Scale places the unit in its dimension: value·factor + offset is the value in
// the dimension's reference unit. The dimension is "" for an unknown unit.
func (u Unit) Scale() (dimension string, factor, offset float64) {
	s := units[u]
	return s.dim, s.factor, s.offset
}

// Units lists every known unit, sorted.
func Units() []string {
	list := make([]string, 0, len(units))
	for u := range units {
		list = append(list, string(u))
	}
	sort.Strings(list)
	return list
}

// Convert turns v from one unit into another. metric is the name of the metric
// that it is compared with or stored as: ppm and %LEL convert only for a gas
// whose LEL is known. The error says why two units do not meet.
func (c *Catalogue) Convert(v float64, from, to Unit, metric string) (float64, error) {
	f, ok := units[from]
	if !ok {
		return 0, fmt.Errorf("unknown unit %q%s", from, Suggest(string(from), Units()))
	}
	t, ok := units[to]
	if !ok {
		return 0, fmt.Errorf("unknown unit %q%s", to, Suggest(string(to), Units()))
	}
	ref := float64(v*f.factor) + f.offset
	if f.dim != t.dim {
		lel := c.lelOf(metric)
		switch {
		case f.dim == "ppm" && t.dim == "gas" && lel > 0:
			ref = ref / float64(100*lel)
		case f.dim == "gas" && t.dim == "ppm" && lel > 0:
			ref = float64(ref * float64(100*lel))
		default:
			return 0, fmt.Errorf("%s cannot be compared with %s for %s", from, to, metric)
		}
	}
	return (ref - t.offset) / t.factor, nil
}

func (c *Catalogue) lelOf(metric string) float64 {
	switch metric {
	case "gas.ch4":
		return c.lel.Methane
	case "gas.lpg":
		return c.lel.LPG
	}
	return 0
}
