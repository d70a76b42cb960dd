package rules

import (
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Whatever is in the log, verdicts about a raise come in an order that makes sense,
// the engine's books agree, and a restart at any record changes nothing.
func TestAnyLog(t *testing.T) {
	for seed := range int64(12) {
		if !checkLog(t, makeLog(rand.New(rand.NewSource(seed))), rand.New(rand.NewSource(seed))) {
			t.Errorf("with seed %d", seed)
		}
	}
}

func checkLog(t *testing.T, log []record.Record, restarts *rand.Rand) bool {
	w, again := &world{t: t, e: NewEngine()}, &world{t: t, e: NewEngine()}
	open := map[string]bool{} // by raise
	seen := 0
	for i := range log {
		if err := w.e.Apply(&log[i], w); err != nil {
			t.Error(err)
			return false
		}
		for _, v := range w.verdicts[seen:] {
			holds, known := open[v.ID]
			if known == (v.Event == Raise) || v.Event == Clear && !holds {
				t.Errorf("record %d: known %v, holds %v: %s", i, known, holds, asJSON(t, v))
				return false
			}
			open[v.ID] = v.Event != Clear && v.Cleared == 0
		}
		seen = len(w.verdicts)
		if err := w.e.audit(open); err != nil {
			t.Errorf("record %d: %v", i, err)
			return false
		}
		if restarts.Intn(10) == 0 {
			again.restart()
		}
		if err := again.e.Apply(&log[i], again); err != nil {
			t.Error(err)
			return false
		}
	}
	if got, want := asJSON(t, again.verdicts), asJSON(t, w.verdicts); got != want {
		t.Errorf("with restarts got\n%s\nwant\n%s", got, want)
		return false
	}
	return true
}

// restart goes on from a snapshot, if there can be one now.
func (w *world) restart() {
	b, err := w.e.Snapshot()
	if err != nil {
		return
	}
	w.e = NewEngine()
	if err := w.e.Restore(b); err != nil {
		w.t.Error(err)
	}
}

// audit compares what the engine keeps in several places.
func (e *Engine) audit(open map[string]bool) error {
	aside, holding := 0, 0
	for _, c := range e.live() {
		if c.gone || !c.consistent() {
			return fmt.Errorf("cell %s is gone, or of another shape", c.key())
		}
		for i := range c.insts {
			p := c.cur.phase(i)
			said := c.saidOf(i)
			if held := over(said) < len(said); held != (p.Stage >= active) {
				return fmt.Errorf("cell %s, rule %s: at stage %d, and said to hold %v", c.key(), c.insts[i].rule.Name, p.Stage, held)
			}
		}
		for i := 1; i < len(c.tail) && c.drain == nil; i++ {
			if compare(c.tail[i], c.tail[i-1]) < 0 {
				return fmt.Errorf("cell %s: the tail is not in order", c.key())
			}
		}
		for _, d := range c.devices {
			if d.cell != c {
				return fmt.Errorf("device %s is not of cell %s", d.id, c.key())
			}
		}
		aside += c.kept()
	}
	for _, holds := range open {
		if holds {
			holding++
		}
	}
	if n := len(e.Active()); n != holding || aside != e.aside {
		return fmt.Errorf("%d raises hold, %d were said to; %d readings are kept for outages, %d were counted", n, holding, aside, e.aside)
	}
	return nil
}

const anyRules = gasRule + `
  - name: next-door
    hazard: gas_leak
    severity: major
    when: gas.ch4 > 2 %LEL and elsewhere(smoke)
    hold: 2s
    clear: gas.ch4 < 1 %LEL and not elsewhere(smoke)
    message: {zh: 隔壁, en: Next door}
  - name: two
    hazard: gas_leak
    severity: critical
    when: count(gas.ch4 > 10 %LEL) >= 2
    hold: 3s
    message: {zh: 两个, en: Two}
  - name: anyone
    hazard: smoke
    severity: critical
    when: any(smoke > 0.3 dB/m) and any(temperature > 50 °C)
    hold: 2s
    clear: all(smoke < 0.1 dB/m)
    clear_hold: 5s
    message: {zh: 任一, en: Any}
  - name: mixed
    hazard: fire
    severity: major
    when: avg(temperature, 20s) > 40 °C and gas.ch4 > 3 %LEL
    clear: max(temperature, 10s) < 45 °C
    message: {zh: 混合, en: Mixed}
  - name: middle
    hazard: overheat
    severity: minor
    when: quantile(temperature, 0.5, 20s) > 45 °C
    hold: 2s
    message: {zh: 中位数, en: Median}
  - name: rests
    hazard: overload
    severity: advisory
    when: not changed(temperature, 10s) and count(temperature, 10s) < 5
    hold: 4s
    message: {zh: 不动, en: It rests}
  - name: old
    hazard: overload
    severity: advisory
    when: age(smoke) > 20s or between(04:28, 04:30)
    message: {zh: 没读数, en: No reading}
  - name: smoky
    hazard: smoke
    severity: major
    when: smoke.rise > 0.2 dB/m or fire.likelihood > 0.5
    hold: 2s
    clear: smoke.rise < 0.1 dB/m
    clear_hold: 20s
    message: {zh: 烟, en: Smoke}
`

var (
	anyDevices = []string{"g/n/a", "g/n/b", "g/m/c", "g/m/x"} // the last is not in the site
	anyMetrics = []string{"gas.ch4", "temperature", "smoke", "co"}
	anySteps   = map[string]float64{"gas.ch4": 5, "temperature": 20, "smoke": 0.3, "co": 20}
)

// logMaker makes a log of some minutes in which all that can happen does.
type logMaker struct {
	*rand.Rand
	log     []record.Record
	now     int64
	version int
	skew    map[string]int64              // of a device's clock
	values  map[string]float64            // by device and metric
	stored  map[string][]*record.Readings // by gateway
	away    map[string]bool               // gateways
}

func makeLog(r *rand.Rand) []record.Record {
	m := &logMaker{Rand: r, now: t0, skew: map[string]int64{}, values: map[string]float64{}, stored: map[string][]*record.Readings{}, away: map[string]bool{}}
	if m.Intn(3) > 0 {
		m.add(m.site())
	}
	m.add(m.rules())
	m.births()
	for range 100 + m.Intn(500) {
		m.now += 1000
		if m.Intn(200) == 0 {
			m.now += int64(m.Intn(100_000))
		}
		m.second()
		for _, node := range []string{"g/n", "g/m"} {
			m.drain(node)
			if m.Intn(60) == 0 {
				m.turn(node)
			}
		}
		m.incident()
	}
	return m.log
}

func (m *logMaker) add(entries ...record.Entry) {
	m.log = append(m.log, record.Record{Seq: uint64(len(m.log) + 1), Arrival: m.now, Entries: entries})
}

// incident is what happens now and then.
func (m *logMaker) incident() {
	device := anyDevices[m.Intn(len(anyDevices))]
	switch m.Intn(150) {
	case 0:
		m.add(m.site())
	case 1:
		m.add(m.rules())
	case 2:
		m.births()
	case 3:
		m.skew[device] = int64(m.Intn(200_000) - 100_000)
	case 4:
		clear(m.skew)
	case 5:
		m.add(&record.DeviceDeath{Device: device})
	case 6:
		m.add(&record.Resumed{})
	}
}

// site puts most devices at places of which three quarters are one.
func (m *logMaker) site() record.Entry {
	text := strings.Split(threePlaces, "devices:")[0] + "devices:\n"
	for i, d := range anyDevices[:3] {
		if i > 0 && m.Intn(6) == 0 {
			continue
		}
		text += fmt.Sprintf("  - {id: %s, place: %s, placement: kitchen_gas, interval: %ds}\n", d, []string{"p1", "p1", "p1", "p2"}[m.Intn(4)], 1+2*i)
	}
	m.version++
	return &record.Site{Version: strconv.Itoa(m.version), File: record.File{Name: "s.yaml", Data: []byte(text)}}
}

// rules leaves some out.
func (m *logMaker) rules() record.Entry {
	all := strings.Split(anyRules, "  - name:")
	text := all[0]
	for _, one := range all[1:] {
		if m.Intn(6) > 0 {
			text += "  - name:" + one
		}
	}
	m.version++
	return &record.Rules{Version: strconv.Itoa(m.version), Files: []record.File{{Name: "r.yaml", Data: []byte(text)}}}
}

func (m *logMaker) births() {
	for _, d := range anyDevices {
		b := &record.DeviceBirth{Device: d, IntervalMS: 1000}
		for _, metric := range anyMetrics {
			if m.Intn(4) > 0 {
				b.Metrics = append(b.Metrics, metric)
			}
		}
		m.add(b)
	}
}

// second lets most devices read; what an absent gateway reads is stored.
func (m *logMaker) second() {
	var entries []record.Entry
	for _, d := range anyDevices {
		node := telemetry.NodeOf(d)
		switch r := m.readings(d); {
		case m.Intn(3) == 0:
		case m.away[node]:
			r.Backlog = true
			m.stored[node] = append(m.stored[node], r)
		default:
			entries = append(entries, r)
		}
	}
	m.add(append(entries, &record.Tick{})...)
}

func (m *logMaker) readings(device string) *record.Readings {
	r := &record.Readings{Device: device}
	for _, metric := range anyMetrics {
		v := min(max(m.values[device+metric]+(m.Float64()-0.45)*anySteps[metric], 0), 4*anySteps[metric])
		m.values[device+metric] = v
		p := telemetry.Point{Metric: metric, Time: m.now + m.skew[device] - int64(m.Intn(300)), Value: v}
		switch m.Intn(60) {
		case 0:
			p.Quality = telemetry.Open
		case 1:
			p.Quality = telemetry.Warmup
		case 2:
			p.Time -= int64(m.Intn(70_000))
		case 3:
			if m.Intn(20) == 0 {
				p.Time += int64(m.Intn(3_600_000))
			}
		}
		if m.Intn(5) > 0 {
			r.Points = append(r.Points, p)
		}
	}
	return r
}

// drain brings some of what a gateway that is back has stored.
func (m *logMaker) drain(node string) {
	n := min(m.Intn(30), len(m.stored[node]))
	if m.away[node] || n == 0 {
		return
	}
	var entries []record.Entry
	for _, r := range m.stored[node][:n] {
		entries = append(entries, r)
	}
	if m.stored[node] = m.stored[node][n:]; len(m.stored[node]) == 0 {
		entries = append(entries, &record.Drained{Node: node})
	}
	m.add(entries...)
}

// turn takes a gateway away, or brings it back.
func (m *logMaker) turn(node string) {
	m.away[node] = !m.away[node]
	stored := uint64(len(m.stored[node]))
	birth := &record.NodeBirth{Node: node, Ours: true, Runs: []record.Run{{ID: 1, Kind: record.Backlog, Oldest: 1, Next: stored + 1}}}
	switch {
	case m.away[node] && m.Intn(2) == 0:
		m.add(&record.NodeDeath{Node: node})
	case m.away[node]:
	case stored > 0:
		m.add(birth)
	default:
		m.add(birth, &record.Drained{Node: node})
	}
}
