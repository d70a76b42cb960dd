package lang

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"weishao.dev/weishao/telemetry"
)

// dim is a dimension: a product of powers of the catalogue's dimensions, where
// "current/time" is current to the first and time to the minus first power. The
// nil map is the dimensionless one.
type dim map[string]int

// scale says how a number is written down: value·num/den is the value in the
// dimension's reference unit. Two factors, because 1/60 has no exact float.
type scale struct {
	dim      dim
	num, den float64
	unit     string // as people write it; "" where nobody does
}

// The reference unit of time is the millisecond.
var timeUnits = map[string]scale{
	"ms":  {dim{"time": 1}, 1, 1, "ms"},
	"s":   {dim{"time": 1}, 1e3, 1, "s"},
	"m":   {dim{"time": 1}, 60e3, 1, "m"},
	"min": {dim{"time": 1}, 60e3, 1, "min"},
	"h":   {dim{"time": 1}, 3600e3, 1, "h"},
	"d":   {dim{"time": 1}, 86400e3, 1, "d"},
}

// compound spells the catalogue's dimensions that are products of others, with
// what their reference unit is in terms of the factors' own.
var compound = map[string]scale{
	"1":      {dim{}, 1, 1, ""},
	"power":  {dim{"voltage": 1, "current": 1}, 1, 1, ""},
	"energy": {dim{"voltage": 1, "current": 1, "time": 1}, 3600e3, 1, ""}, // Wh in W·ms
}

// scaleOf reads a unit: one of time, one of the catalogue, or one of the
// catalogue per time, such as Hz/min.
func scaleOf(u string) (scale, bool) {
	if s, ok := timeUnits[u]; ok {
		return s, true
	}
	if dimension, factor, _ := telemetry.Unit(u).Scale(); dimension != "" {
		s := spell(dimension)
		s.num, s.unit = float64(s.num*factor), u
		return s, true
	}
	if i := strings.LastIndexByte(u, '/'); i > 0 {
		top, ok1 := scaleOf(u[:i])
		bottom, ok2 := timeUnits[u[i+1:]]
		if ok1 && ok2 {
			s := top.over(bottom)
			s.unit = u
			return s, true
		}
	}
	return scale{}, false
}

// spell takes a dimension of the catalogue apart. The catalogue's rates are per
// minute in their reference unit.
func spell(dimension string) scale {
	if s, ok := compound[dimension]; ok {
		return s
	}
	if top, ok := strings.CutSuffix(dimension, "/time"); ok {
		return spell(top).over(timeUnits["min"])
	}
	return scale{dim: dim{dimension: 1}, num: 1, den: 1}
}

func (s scale) times(t scale) scale {
	return scale{dim: s.dim.plus(t.dim, 1), num: float64(s.num * t.num), den: float64(s.den * t.den)}
}

func (s scale) over(t scale) scale {
	return scale{dim: s.dim.plus(t.dim, -1), num: float64(s.num * t.den), den: float64(s.den * t.num)}
}

// into turns a number of this scale into one of scale t of the same dimension.
func (s scale) into(t scale) float64 {
	return float64(s.num*t.den) / float64(s.den*t.num)
}

func (s scale) same(t scale) bool { return maps.Equal(s.dim, t.dim) }

func (d dim) plus(e dim, sign int) dim {
	sum := maps.Clone(d)
	if sum == nil {
		sum = dim{}
	}
	for k, n := range e {
		if sum[k] += sign * n; sum[k] == 0 {
			delete(sum, k)
		}
	}
	return sum
}

// String is how an error names the scale: its unit, or its dimension.
func (s scale) String() string {
	switch {
	case s.unit == "1":
		return "a bare number"
	case s.unit != "":
		return s.unit
	case len(s.dim) == 0:
		return "a bare number"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(s.dim)) {
		if n := s.dim[k]; n == 1 {
			parts = append(parts, k)
		} else {
			parts = append(parts, fmt.Sprintf("%s^%d", k, n))
		}
	}
	return strings.Join(parts, "·")
}

func knownUnit(u string) bool {
	_, ok := scaleOf(u)
	return ok
}

func suggestUnit(u string) string {
	return telemetry.Suggest(u, append(telemetry.Units(), "ms", "s", "m", "h", "d"))
}
