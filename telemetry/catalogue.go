package telemetry

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Metric is one entry of the catalogue.
type Metric struct {
	Name     string // "gas.ch4"
	Unit     Unit
	Min, Max float64 // valid range in Unit, inclusive; outside it a value is bad input
	Zh, En   string  // names people read
	Derived  bool    // computed by a detector, never accepted from a gateway

	// Drift is how far below Min the zero of a sensor may wander: what it reads there is
	// Min. The numbers are ours, from what such sensors are accurate to.
	Drift float64
}

// Catalogue is the set of metrics a site knows. It is immutable once built
// (With returns a copy) and safe for concurrent use.
type Catalogue struct {
	byName map[string]Metric
	lel    LEL
}

// LEL holds the lower explosive limits, in % vol, by which ppm and %LEL are
// converted. Which to use is a site setting: 5.0 (traditional, GB) or 4.4 (IEC)
// for methane.
type LEL struct{ Methane, LPG float64 }

// DefaultLEL is the traditional pair: methane 5.0, propane 2.1 % vol.
var DefaultLEL = LEL{Methane: 5.0, LPG: 2.1}

// base is the catalogue that every site starts from.
var base = []Metric{
	{Name: "gas.ch4", Unit: "%LEL", Min: 0, Max: 100, Zh: "甲烷", En: "Methane", Drift: 3},
	{Name: "gas.lpg", Unit: "%LEL", Min: 0, Max: 100, Zh: "液化石油气", En: "LPG", Drift: 3},
	{Name: "co", Unit: "ppm", Min: 0, Max: 5000, Zh: "一氧化碳", En: "Carbon monoxide", Drift: 10},
	{Name: "smoke", Unit: "dB/m", Min: 0, Max: 20, Zh: "烟雾", En: "Smoke", Drift: 0.05},
	{Name: "temperature", Unit: "°C", Min: -40, Max: 1200, Zh: "温度", En: "Temperature"},
	{Name: "humidity", Unit: "%RH", Min: 0, Max: 100, Zh: "湿度", En: "Humidity", Drift: 3},
	{Name: "pm2_5", Unit: "µg/m³", Min: 0, Max: 1000, Zh: "细颗粒物", En: "PM2.5"},
	{Name: "contact", Unit: "1", Min: 0, Max: 1, Zh: "报警触点", En: "Alarm contact"},
	{Name: "current", Unit: "A", Min: 0, Max: 100, Zh: "电流", En: "Current", Drift: 0.05},
	{Name: "voltage", Unit: "V", Min: 0, Max: 500, Zh: "电压", En: "Voltage", Drift: 1},
	{Name: "power", Unit: "W", Min: 0, Max: 50000, Zh: "有功功率", En: "Power", Drift: 5},
	{Name: "reactive_power", Unit: "var", Min: -50000, Max: 50000, Zh: "无功功率", En: "Reactive power"},
	{Name: "power_factor", Unit: "1", Min: -1, Max: 1, Zh: "功率因数", En: "Power factor"},
	{Name: "frequency", Unit: "Hz", Min: 0, Max: 70, Zh: "频率", En: "Frequency"},
	{Name: "residual_current", Unit: "mA", Min: 0, Max: 5000, Zh: "剩余电流", En: "Residual current", Drift: 5},
	{Name: "thd_current", Unit: "%", Min: 0, Max: 400, Zh: "电流谐波畸变率", En: "Current THD"},
	{Name: "actuator.state", Unit: "1", Min: 0, Max: 1, Zh: "执行器动作", En: "Actuator acts (1 valve closed, siren sounding, circuit open)"},
	{Name: "actuator.latched", Unit: "1", Min: 0, Max: 1, Zh: "联动锁定", En: "Actuator latched (1 until somebody resets it)"},

	// What a gateway says of itself.
	{Name: "board.temperature", Unit: "°C", Min: -40, Max: 150, Zh: "主板温度", En: "Board temperature"},
	{Name: "board.undervoltage", Unit: "1", Min: 0, Max: 1, Zh: "供电不足", En: "Undervoltage"},
	{Name: "board.load", Unit: "1", Min: 0, Max: 10000, Zh: "每核负载", En: "Load per core"},
	{Name: "board.memory_free", Unit: "%", Min: 0, Max: 100, Zh: "可用内存", En: "Memory free"},
	{Name: "board.disk_free", Unit: "%", Min: 0, Max: 100, Zh: "可用磁盘", En: "Disk free"},
	{Name: "outbox.depth", Unit: "1", Min: 0, Max: 1e12, Zh: "待上报读数", En: "Readings waiting"},
	{Name: "outbox.bytes", Unit: "MB", Min: 0, Max: 1e9, Zh: "待上报数据量", En: "Outbox size"},
	{Name: "outbox.volatile", Unit: "1", Min: 0, Max: 1, Zh: "存储卡故障", En: "Card failing"},

	// What a device says of its age.
	{Name: "device.life_left", Unit: "1", Min: -36500, Max: 36500, Zh: "剩余寿命（天）", En: "Days of life left"},
	{Name: "device.calibration_left", Unit: "1", Min: -36500, Max: 36500, Zh: "距下次校准（天）", En: "Days to calibration"},
	{Name: "device.drift", Unit: "1", Min: 0, Max: 1, Zh: "零点漂移", En: "Zero has wandered"},

	{Name: "charging.likelihood", Unit: "1", Min: 0, Max: 1, Zh: "充电可能性", En: "Charging likelihood", Derived: true},
	{Name: "charging.energy", Unit: "Wh", Min: 0, Max: 1e6, Zh: "充电电量", En: "Charging energy", Derived: true},
	{Name: "charging.power", Unit: "W", Min: 0, Max: 50000, Zh: "疑似充电器功率", En: "Power of the suspected charger", Derived: true},
	{Name: "charging.stage", Unit: "1", Min: 0, Max: 4, Zh: "充电阶段", En: "Charging stage (1 bulk, 2 taper, 3 float, 4 done)", Derived: true},
	{Name: "charging.trouble", Unit: "1", Min: 0, Max: 1, Zh: "充电异常可能性", En: "Likelihood that a charge goes wrong", Derived: true},
	{Name: "gas.rise", Unit: "%LEL/min", Min: -100, Max: 100, Zh: "燃气上升速率", En: "Gas rise", Derived: true},
	{Name: "gas.leak_likelihood", Unit: "1", Min: 0, Max: 1, Zh: "泄漏可能性", En: "Leak likelihood", Derived: true},
	{Name: "co.dose", Unit: "1", Min: 0, Max: 10, Zh: "一氧化碳剂量", En: "CO dose", Derived: true},
	{Name: "co.cohb", Unit: "%", Min: 0, Max: 100, Zh: "估算碳氧血红蛋白", En: "Carboxyhaemoglobin, estimated", Derived: true},
	{Name: "current.load", Unit: "%", Min: 0, Max: 1000, Zh: "负载率", En: "Current, of the circuit's rating", Derived: true},
	{Name: "current.heat", Unit: "%", Min: 0, Max: 1000, Zh: "线路发热", En: "Heat of the wire, of its limit", Derived: true},
	{Name: "temperature.rise", Unit: "°C", Min: 0, Max: 1300, Zh: "温升", En: "Temperature above surroundings", Derived: true},
	{Name: "residual_current.rise", Unit: "mA", Min: 0, Max: 5000, Zh: "剩余电流增量", En: "Residual current above its usual", Derived: true},
	{Name: "smoke.rise", Unit: "dB/m", Min: 0, Max: 20, Zh: "烟雾增量", En: "Smoke above baseline", Derived: true},
	{Name: "smoke.rate", Unit: "dB/m/min", Min: -100, Max: 100, Zh: "烟雾上升速率", En: "Rise of smoke", Derived: true},
	{Name: "heat.rate", Unit: "°C/min", Min: -1000, Max: 1000, Zh: "升温速率", En: "Heating rate", Derived: true},
	{Name: "fire.likelihood", Unit: "1", Min: 0, Max: 1, Zh: "火灾可能性", En: "Fire likelihood", Derived: true},
	{Name: "fire.trace", Unit: "1", Min: 0, Max: 1, Zh: "微弱火情迹象", En: "Trace of smoke or warmth", Derived: true},
}

// NewCatalogue is the built-in catalogue with the given LEL setting. A zero
// LEL means DefaultLEL.
func NewCatalogue(lel LEL) *Catalogue {
	if lel.Methane == 0 {
		lel.Methane = DefaultLEL.Methane
	}
	if lel.LPG == 0 {
		lel.LPG = DefaultLEL.LPG
	}
	c := &Catalogue{byName: make(map[string]Metric, len(base)), lel: lel}
	for _, m := range base {
		c.byName[m.Name] = m
	}
	return c
}

// metricName is what a rule can call a metric.
var metricName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)

// reserved are the words that a rule understands otherwise.
var reserved = []string{"and", "or", "not", "on", "off"}

// With returns a copy of the catalogue that has a site's own metrics too. A
// name that is taken or that no rule could use, a unit that is not known, or an
// empty range is an error.
func (c *Catalogue) With(metrics ...Metric) (*Catalogue, error) {
	d := &Catalogue{byName: make(map[string]Metric, len(c.byName)+len(metrics)), lel: c.lel}
	maps.Copy(d.byName, c.byName)
	for _, m := range metrics {
		switch _, taken := d.byName[m.Name]; {
		case !metricName.MatchString(m.Name):
			return nil, fmt.Errorf("a metric's name is words of letters, digits and _ joined by '.', such as gas.h2, not %q", m.Name)
		case slices.Contains(reserved, m.Name):
			return nil, fmt.Errorf("metric %q: the rule language has another use for that word", m.Name)
		case taken:
			return nil, fmt.Errorf("metric %q is in the catalogue already", m.Name)
		case !m.Unit.Known():
			return nil, fmt.Errorf("metric %q: unknown unit %q%s", m.Name, m.Unit, Suggest(string(m.Unit), Units()))
		case !(m.Min < m.Max):
			return nil, fmt.Errorf("metric %q: the valid range %g to %g is empty", m.Name, m.Min, m.Max)
		}
		d.byName[m.Name] = m
	}
	return d, nil
}

// Lookup finds a metric by its name.
func (c *Catalogue) Lookup(name string) (Metric, bool) {
	m, ok := c.byName[name]
	return m, ok
}

// Names lists the catalogue's metrics, sorted.
func (c *Catalogue) Names() []string {
	names := make([]string, 0, len(c.byName))
	for n := range c.byName {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Bad is why a value cannot become a reading: the kinds counted as bad input.
type Bad string

const (
	BadNone        Bad = ""
	BadNaN         Bad = "nan"
	BadInfinity    Bad = "infinity"
	BadRange       Bad = "out_of_range"
	BadMetric      Bad = "unknown_metric"
	BadTime        Bad = "time"
	BadPayload     Bad = "undecodable"
	BadSize        Bad = "too_large"
	BadTopic       Bad = "foreign_topic"
	BadReplay      Bad = "replayed"
	BadUnannounced Bad = "unannounced" // data before a birth certificate, or an alias nobody declared
)

// Check says whether v may be a reading of m.
func (m Metric) Check(v float64) Bad {
	switch {
	case v != v:
		return BadNaN
	case math.IsInf(v, 0):
		return BadInfinity
	case v < m.Min || v > m.Max:
		return BadRange
	}
	return BadNone
}

// Measured is what a number that a driver measured is: the value, or the fault in its
// stead. Above its range a sensor is at its end (saturated), which may be the hazard
// itself. Below it there is none: what is further off than Drift was misread (bad_frame),
// or comes of a sensor that is wired backwards.
func (m Metric) Measured(v float64) (float64, Quality) {
	switch {
	case v > m.Max:
		return 0, Saturated
	case v >= m.Min:
		return v, Good
	case v >= m.Min-m.Drift:
		return m.Min, Good
	}
	return 0, BadFrame // also if it is NaN
}

// Suggest returns ", did you mean X?" for the candidate nearest to s, or "".
func Suggest(s string, candidates []string) string {
	best, bestD := "", len(s)/2+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(s), strings.ToLower(c)); d < bestD {
			best, bestD = c, d
		}
	}
	if best == "" { // "pms5003", where "pms" is meant, or "zigbee" where "zigbee2mqtt" is
		for _, c := range candidates {
			if len(c) > max(2, len(best)) && startsAlike(s, c) {
				best = c
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// startsAlike reports whether one of two names is the beginning of the other, whatever
// their case.
func startsAlike(a, b string) bool {
	n := min(len(a), len(b))
	return n > 2 && strings.EqualFold(a[:n], b[:n])
}

func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	prev := make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range x {
		cur := make([]int, len(y)+1)
		cur[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			cur[j+1] = min(prev[j+1]+1, cur[j]+1, prev[j]+cost)
		}
		prev = cur
	}
	return prev[len(y)]
}
