package incidents

import (
	"fmt"
	"net/url"
	"strings"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
)

// names of hazards and severities, and what to do where the rule does not say.
var (
	hazardNames = map[rules.Hazard]site.Text{
		rules.GasLeak:        {Zh: "燃气泄漏", En: "Gas leak"},
		rules.CO:             {Zh: "一氧化碳", En: "Carbon monoxide"},
		rules.Smoke:          {Zh: "烟雾", En: "Smoke"},
		rules.Fire:           {Zh: "火灾", En: "Fire"},
		rules.FlyingWire:     {Zh: "飞线充电", En: "Flying-wire charging"},
		rules.Overload:       {Zh: "线路过载", En: "Overload"},
		rules.LeakageCurrent: {Zh: "漏电", En: "Leakage current"},
		rules.Overheat:       {Zh: "温度异常", En: "Overheating"},
		rules.Unsupervised:   {Zh: "失去监测", En: "Not supervised"},
		rules.FaultHazard:    {Zh: "设备故障", En: "Device fault"},
	}
	severityNames = map[rules.Severity]site.Text{
		rules.Critical: {Zh: "紧急", En: "CRITICAL"},
		rules.Major:    {Zh: "严重", En: "MAJOR"},
		rules.Minor:    {Zh: "一般", En: "Minor"},
		rules.Advisory: {Zh: "提示", En: "Advisory"},
	}
	firstSteps = map[rules.Hazard]site.Text{
		rules.GasLeak:        {Zh: "不要开关任何电器，不要按门铃，不要在现场打电话。开窗，关气阀，疏散，到室外再打电话。", En: "Touch no switch, no doorbell, no phone on the spot. Open windows, close the gas valve, get everyone out, call from outside."},
		rules.CO:             {Zh: "先开窗通风并把人转移到室外，再关热源；有人头晕或昏迷立即拨打120。", En: "Open windows and bring people outside first, then shut off the heater; call 120 if anyone is dizzy or unconscious."},
		rules.Smoke:          {Zh: "马上到现场查看；看到火或浓烟立即拨打119并疏散。不要乘电梯。", En: "Go and look at once; at fire or thick smoke call 119 and get everyone out. No lift."},
		rules.Fire:           {Zh: "立即拨打119，敲门疏散，走楼梯，关上着火房间的门。", En: "Call 119 now, knock on doors, use the stairs, close the door of the burning room."},
		rules.FlyingWire:     {Zh: "到现场断开充电，把车和电池移出楼道；已冒烟不要碰，疏散并拨打119。", En: "Go and unplug it, move vehicle and battery out of the building; if it smokes do not touch it, get everyone out and call 119."},
		rules.Overload:       {Zh: "联系住户停用大功率电器；配电箱发热或有焦味时拉闸并通知电工。", En: "Have the household switch off heavy loads; if the meter box is hot or smells, trip the breaker and call an electrician."},
		rules.LeakageCurrent: {Zh: "不要触摸金属外壳和积水处的电器；拉闸并通知电工。", En: "Touch no metal housing and nothing in water; trip the breaker and call an electrician."},
		rules.Overheat:       {Zh: "马上到现场查看；有焦味或冒烟时断电并拨打119。", En: "Go and look at once; at a burnt smell or smoke cut the power and call 119."},
		rules.Unsupervised:   {Zh: "这里现在没有监测。检查网关和传感器的电源与网络；修复前请加强巡查。", En: "Nothing watches this place now. Check power and network of gateway and sensors; patrol until it is repaired."},
		rules.FaultHazard:    {Zh: "检查或更换该传感器；修复前请加强巡查。", En: "Check or replace the sensor; patrol until it is repaired."},
	}
)

// Limits of a page's parts in characters. WeCom takes 2,048 bytes of text; with
// three bytes a Chinese character the whole stays below.
const (
	maxPlaceName = 60
	maxMessage   = 60
	maxDo        = 120
	maxDoEn      = 260
)

// message renders a page from the incident as it is.
func (s *Store) message(p page, inc Incident) notify.Message {
	dir := s.directory()
	contact, _ := dir.Contact(p.Person)
	place := placeLabel(dir, inc)
	hazard := inc.Message
	if hazard == (site.Text{}) {
		hazard = nameOf(hazardNames, inc.Hazard)
	}
	hazard = both(hazard, maxMessage, maxMessage)
	do := inc.Do
	if do == (site.Text{}) {
		do = firstSteps[inc.Hazard]
	}
	do = both(do, maxDo, maxDoEn)
	severity := nameOf(severityNames, inc.Severity)
	title := site.Text{
		Zh: fmt.Sprintf("【%s】%s · %s", severity.Zh, hazard.Zh, place.Zh),
		En: fmt.Sprintf("[%s] %s · %s", severity.En, hazard.En, place.En),
	}
	m := notify.Message{ID: p.ID, Incident: inc.ID, Hazard: string(inc.Hazard), Severity: string(inc.Severity), Title: title, Place: place, Do: do,
		Since: inc.Onset.String(), Round: p.Round, Person: notify.Person{ID: p.Person, Name: contact.Name, Phone: contact.Phone}}
	if s.baseURL != "" {
		m.Link = s.baseURL + "/incidents/" + url.PathEscape(inc.ID)
	}
	since := inc.Onset.Std().In(dir.Location()).Format("01-02 15:04:05")
	m.Text = pageText(m, inc, since)
	return m
}

// placeLabel names where it is: the first place and how many more, or the gateway
// and how many places it watches.
func placeLabel(dir Directory, inc Incident) site.Text {
	if inc.Node != "" {
		name := both(dir.PlaceName(inc.Node), maxPlaceName, maxPlaceName)
		return site.Text{Zh: fmt.Sprintf("%s（%d处）", name.Zh, len(inc.Places)), En: fmt.Sprintf("%s (%d places)", name.En, len(inc.Places))}
	}
	name := both(dir.PlaceName(pagingPlace(&inc)), maxPlaceName, maxPlaceName)
	if n := len(inc.Places); n > 1 {
		name.Zh += fmt.Sprintf(" 等%d处", n)
		name.En += fmt.Sprintf(" and %d more", n-1)
	}
	return name
}

// pageText is the whole page: what and where in the first line, which is all that
// a locked phone shows; then what to do; then the rest; then the same in English.
func pageText(m notify.Message, inc Incident, since string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	measured := ""
	if inc.Metric != "" {
		measured = fmt.Sprintf(" (%s %.4g / %.4g)", inc.Metric, inc.Value, inc.Threshold)
	}
	line("%s", m.Title.Zh)
	line("先做：%s", m.Do.Zh)
	line("自 %s 起%s", since, measured)
	if m.Round > 1 {
		line("尚无人响应，第 %d 次通知", m.Round)
	}
	if m.Link != "" {
		line("处理：%s", m.Link)
	}
	line("")
	line("%s", m.Title.En)
	line("Do first: %s", m.Do.En)
	line("Since %s%s", since, measured)
	if m.Round > 1 {
		line("Nobody has answered; page no. %d", m.Round)
	}
	return strings.TrimRight(b.String(), "\n")
}

func nameOf[K ~string](names map[K]site.Text, k K) site.Text {
	if t, ok := names[k]; ok {
		return t
	}
	return site.Text{Zh: string(k), En: string(k)}
}

// both fills in the language that is missing and cuts each to its length.
func both(t site.Text, zh, en int) site.Text {
	return site.Text{Zh: short(t.In("zh"), zh), En: short(t.In("en"), en)}
}

func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
