package detect

import "math"

// Feature is one number by which a detector decides, as it is now: for people who ask
// why a rule was raised. It is read from the state, so that it costs nothing until
// then. What each name means stands in featureTexts.
type Feature struct {
	Name  string
	Value float64
	Unit  string // "" for a mere number
}

// featureTexts are the features' names in Chinese and English.
var featureTexts = map[string][2]string{
	"gas.base":     {"洁净空气时的读数", "reading in clean air"},
	"gas.above":    {"比洁净空气高", "above clean air"},
	"gas.since":    {"持续上升或不落", "has risen or held for"},
	"gas.trend":    {"五分钟内的变化", "change over five minutes"},
	"gas.holding":  {"像泄漏那样停在高处", "holds as a leak does"},
	"gas.climbing": {"像泄漏那样匀速上升", "climbs as a leak does"},
	"gas.standing": {"骤升后没有散去", "jumped and does not disperse"},

	"co.level":     {"现在的浓度", "concentration now"},
	"co.intake":    {"剂量（到 1 报警）", "dose (alarm at 1)"},
	"co.blood":     {"碳氧血红蛋白估计", "carboxyhaemoglobin, estimated"},
	"co.remaining": {"照此浓度还有", "time left at this concentration"},

	"fire.smoke":   {"烟（扣除本底）", "smoke above the meter's offset"},
	"fire.offset":  {"烟感本底", "the meter's offset"},
	"fire.front":   {"烟上升的速度", "rate at which smoke comes"},
	"fire.sudden":  {"比前两分钟平均热", "warmer than the last two minutes"},
	"fire.slow":    {"比前十分钟平均热", "warmer than the last ten minutes"},
	"fire.heating": {"升温速度", "rate of warming"},
	"fire.co":      {"一氧化碳", "carbon monoxide"},

	"circuit.rating": {"额定电流", "rated current"},
	"circuit.share":  {"占额定电流", "share of the rating"},
	"circuit.heat":   {"导线发热（到 100 % 为极限）", "heat of the wire (limit at 100 %)"},

	"rise.base":  {"平常的读数", "usual reading"},
	"rise.above": {"比平常高", "above usual"},

	"charger.power":   {"这个电器的功率", "power of this load"},
	"charger.on":      {"已接通", "on for"},
	"charger.quiet":   {"功率平稳的时间", "steady for"},
	"charger.asked":   {"要求的平稳时间", "steady time asked of it"},
	"charger.trend":   {"功率变化", "change of power"},
	"charger.surge":   {"启动冲击（倍）", "surge at the start (times)"},
	"charger.noise":   {"功率波动", "unrest of its power"},
	"charger.factor":  {"这个电器的功率因数", "power factor of this load"},
	"charger.energy":  {"已充电量", "energy so far"},
	"charger.top":     {"最高功率", "highest power"},
	"charger.bulk":    {"没有减流的时间", "time without a taper"},
	"charger.low":     {"减流后的最低功率", "lowest power of the taper"},
	"charger.before":  {"接通前全户功率", "the dwelling before it"},
	"charger.line":    {"贴着一条直线的时间", "on a straight line for"},
	"charger.restart": {"充完后又启动（次）", "restarts after the end (times)"},
}

// FeatureText is what a feature is called in Chinese and English; ok is false for a
// name that no detector has.
func FeatureText(name string) (zh, en string, ok bool) {
	t, ok := featureTexts[name]
	return t[0], t[1], ok
}

// explanation collects features.
type explanation []Feature

func (x *explanation) add(name string, value float64, unit string) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		*x = append(*x, Feature{name, value, unit})
	}
}

func minutes(ms int64) float64 { return float64(ms) / 60000 }
