// Package regmap reads a Modbus part by a map of its registers that stands in YAML,
// so that a meter or a detector that nobody has written a driver for needs none:
//
//	function: 4              # 4 input registers, 3 holding registers
//	word_order: high_first   # or low_first: which word of a u32, s32 or f32 comes first
//	gap: 0                   # registers that may be read though nobody asked, to save a transaction
//	registers:
//	  - {metric: voltage, address: 0, type: f32, unit: V}
//	  - {metric: power, address: 52, type: s32, unit: kW, scale: 0.001}
//
// The value is raw × scale + offset, in the unit, and is converted to the catalogue's;
// units that do not meet are refused with their place. A register that holds ones, or the
// largest signed number, is bad_frame where the metric cannot have that. Addresses are those on the
// wire, from 0: a manual's 30001 or 40001 is 0.
package regmap

import (
	"math"
	"slices"

	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Map is the part of a device's YAML that describes its registers.
type Map struct {
	Function  conf.At[int]    `yaml:"function"`   // default 4
	WordOrder conf.At[string] `yaml:"word_order"` // default high_first
	Gap       conf.At[int]    `yaml:"gap"`        // default 0
	Registers []Register      `yaml:"registers"`
}

// Register is one value.
type Register struct {
	Pos     conf.Pos         `yaml:"-"`
	Metric  conf.At[string]  `yaml:"metric"`
	Address conf.At[int]     `yaml:"address"`
	Type    conf.At[string]  `yaml:"type"`   // u16 (default), s16, u32, s32, f32
	Scale   conf.At[float64] `yaml:"scale"`  // default 1
	Offset  conf.At[float64] `yaml:"offset"` // in unit, default 0
	Unit    conf.At[string]  `yaml:"unit"`   // default the catalogue's
}

var types = []string{"u16", "s16", "u32", "s32", "f32"}

// Plan is a map that was checked.
type Plan struct {
	Metrics  []string
	function byte
	blocks   []block
	values   []value
}

// block is what one transaction reads; values point into the words of all blocks.
type block struct{ first, n uint16 }

type value struct {
	metric        telemetry.Metric
	first         uint16 // register
	typ           string
	words         [2]int // where its words are among those read; the high one first
	scale, offset float64
	unit          telemetry.Unit
	catalogue     *telemetry.Catalogue
}

// Plan checks the map; extra are single registers that are wanted besides. at is where
// the device stands. It is nil if there were mistakes.
func (m *Map) Plan(catalogue *telemetry.Catalogue, at conf.Pos, errs *conf.Errors, extra ...uint16) *Plan {
	n := len(*errs)
	p := &Plan{function: m.function(errs)}
	low := m.lowFirst(errs)
	if len(m.Registers) == 0 {
		errs.Add(at, "registers are missing: list at least one, such as {metric: voltage, address: 0, type: f32}")
	}
	if m.Gap.V < 0 || m.Gap.V > modbus.MaxRegisters {
		errs.Add(m.Gap.Pos, "gap %d is not between 0 and %d", m.Gap.V, modbus.MaxRegisters)
	}
	wanted := slices.Clone(extra)
	for i := range m.Registers {
		r := &m.Registers[i]
		v, ok := r.value(catalogue, errs)
		if slices.Contains(p.Metrics, r.Metric.V) && r.Metric.V != "" {
			errs.Add(r.Metric.Pos, "metric %q is given twice", r.Metric.V)
		}
		if !ok {
			continue
		}
		p.Metrics = append(p.Metrics, r.Metric.V)
		p.values = append(p.values, v)
		for w := range r.words() {
			wanted = append(wanted, uint16(r.Address.V+w))
		}
	}
	if len(*errs) > n {
		return nil
	}
	p.blocks = blocks(wanted, m.Gap.V)
	for i := range p.values {
		first := uint16(m.Registers[i].Address.V)
		p.values[i].first = first
		high, lower := first, first+uint16(m.Registers[i].words()-1)
		if low {
			high, lower = lower, high
		}
		p.values[i].words = [2]int{p.index(high), p.index(lower)}
	}
	return p
}

// Registers are the first ones of all values, and the function that reads them.
func (p *Plan) Registers() (function byte, first []uint16) {
	for i := range p.values {
		first = append(first, p.values[i].first)
	}
	return p.function, first
}

func (m *Map) function(errs *conf.Errors) byte {
	switch {
	case m.Function.Pos.Line == 0:
		return modbus.ReadInput
	case m.Function.V != modbus.ReadInput && m.Function.V != modbus.ReadHolding:
		errs.Add(m.Function.Pos, "function %d is not 3 (holding registers) or 4 (input registers)", m.Function.V)
	}
	return byte(m.Function.V)
}

func (m *Map) lowFirst(errs *conf.Errors) bool {
	orders := []string{"high_first", "low_first"}
	if o := m.WordOrder.V; o != "" && !slices.Contains(orders, o) {
		errs.Add(m.WordOrder.Pos, "word_order %q is not high_first or low_first%s", o, telemetry.Suggest(o, orders))
	}
	return m.WordOrder.V == "low_first"
}

// words is how many registers the value takes.
func (r *Register) words() int {
	if r.Type.V == "u32" || r.Type.V == "s32" || r.Type.V == "f32" {
		return 2
	}
	return 1
}

func (r *Register) value(catalogue *telemetry.Catalogue, errs *conf.Errors) (value, bool) {
	n := len(*errs)
	if r.Type.V == "" {
		r.Type.V = "u16"
	} else if !slices.Contains(types, r.Type.V) {
		errs.Add(r.Type.Pos, "type %q is not one of u16, s16, u32, s32, f32", r.Type.V)
	}
	if r.Address.Pos.Line == 0 {
		errs.Add(r.Pos, "address is missing")
	} else if r.Address.V < 0 || r.Address.V+r.words() > 1<<16 {
		errs.Add(r.Address.Pos, "address %d is not between 0 and 65535", r.Address.V)
	}
	if r.Scale.Pos.Line == 0 {
		r.Scale.V = 1
	} else if r.Scale.V == 0 {
		errs.Add(r.Scale.Pos, "scale 0 makes every value 0")
	}
	metric, known := catalogue.Lookup(r.Metric.V)
	switch {
	case r.Metric.V == "":
		errs.Add(r.Pos, "metric is missing")
	case !known:
		errs.Add(r.Metric.Pos, "unknown metric %q%s", r.Metric.V, telemetry.Suggest(r.Metric.V, catalogue.Names()))
	case metric.Derived:
		errs.Add(r.Metric.Pos, "metric %q is computed from others: no device measures it", r.Metric.V)
	}
	unit := telemetry.Unit(r.Unit.V)
	if unit == "" {
		unit = metric.Unit
	} else if known {
		if _, err := catalogue.Convert(1, unit, metric.Unit, metric.Name); err != nil {
			errs.Add(r.Unit.Pos, "unit: %v", err)
		}
	}
	return value{metric: metric, typ: r.Type.V, scale: r.Scale.V, offset: r.Offset.V, unit: unit, catalogue: catalogue}, len(*errs) == n
}

// blocks are as few transactions as read all that is wanted, leaving out gaps that
// are wider than gap.
func blocks(wanted []uint16, gap int) []block {
	slices.Sort(wanted)
	var list []block
	for _, a := range slices.Compact(wanted) {
		if n := len(list); n > 0 {
			b := &list[n-1]
			span := int(a) - int(b.first) + 1
			if span-int(b.n) <= gap+1 && span <= modbus.MaxRegisters {
				b.n = uint16(span)
				continue
			}
		}
		list = append(list, block{a, 1})
	}
	return list
}

// index is where the word of a register is among those read.
func (p *Plan) index(addr uint16) int {
	at := 0
	for _, b := range p.blocks {
		if addr >= b.first && int(addr) < int(b.first)+int(b.n) {
			return at + int(addr-b.first)
		}
		at += int(b.n)
	}
	panic("regmap: a register that is not read")
}

// Points are the values of words that Read gave. A value that is no number is a fault.
func (p *Plan) Points(words []uint16) []telemetry.Point {
	points := make([]telemetry.Point, len(p.values))
	for i, v := range p.values {
		points[i] = v.point(words)
	}
	return points
}

func (v *value) point(words []uint16) telemetry.Point {
	x, err := v.catalogue.Convert(float64(v.raw(words)*v.scale)+v.offset, v.unit, v.metric.Unit, v.metric.Name)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x > v.metric.Max && v.none(words) {
		return telemetry.Point{Metric: v.metric.Name, Quality: telemetry.BadFrame}
	}
	return telemetry.Point{Metric: v.metric.Name, Value: math.Round(x*1e6) / 1e6} // not 225.70000000000002 V
}

// none reports whether the register holds what parts write for "no value": ones, or the
// largest that is signed; or a small negative value that was taken for an unsigned one.
// Where the metric can have it, it is a value; above its range it is not the end of it.
func (v *value) none(words []uint16) bool {
	const small = 256
	switch raw := v.raw(words); v.typ {
	case "u16":
		return raw > math.MaxUint16-small
	case "s16":
		return raw == math.MaxInt16
	case "u32":
		return raw > math.MaxUint32-small
	case "s32":
		return raw == math.MaxInt32
	}
	return false
}

func (v *value) raw(words []uint16) float64 {
	high, low := words[v.words[0]], words[v.words[1]]
	both := uint32(high)<<16 | uint32(low)
	switch v.typ {
	case "s16":
		return float64(int16(high))
	case "u32":
		return float64(both)
	case "s32":
		return float64(int32(both))
	case "f32":
		return float64(math.Float32frombits(both))
	}
	return float64(high)
}
