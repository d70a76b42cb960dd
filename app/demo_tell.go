package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	nb "weishao.dev/weishao/app/neighbourhood"
	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
)

// teller prints what happens, in Chinese and English, with the time since the
// story began on the demo's clock.
type teller struct {
	mu    sync.Mutex
	w     io.Writer
	clock telemetry.Clock
	start time.Time
}

func newTeller(w io.Writer) *teller { return &teller{w: w} }

func (t *teller) begin(clock telemetry.Clock, start time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clock, t.start = clock, start
}

// say prints one thing that has happened.
func (t *teller) say(zh, en string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since := time.Duration(0)
	if !t.start.IsZero() {
		since = t.clock.Now().Sub(t.start)
	}
	stamp := fmt.Sprintf("[%d:%02d]", int(since.Minutes()), int(since.Seconds())%60)
	fmt.Fprintf(t.w, "%8s %s\n%8s %s\n", stamp, zh, "", en)
}

// page prints a page that was sent to somebody. Of the rounds that are repeated
// until somebody acknowledges, the 1st, 2nd, 4th, 8th ... are printed.
func (t *teller) page(m notify.Message) {
	if m.Round&(m.Round-1) != 0 {
		return
	}
	again := site.Text{}
	if m.Round > 1 {
		again = site.Text{Zh: fmt.Sprintf("（第%d轮）", m.Round), En: fmt.Sprintf(" (round %d)", m.Round)}
	}
	t.say("☎ 呼叫 "+m.Person.Name.In("zh")+again.Zh+"："+m.Title.In("zh"), "☎ page to "+m.Person.Name.In("en")+again.En+": "+m.Title.In("en"))
}

// beat is one thing that the story does by itself.
type beat struct {
	at time.Duration
	site.Text
}

var beats = []beat{
	{nb.ChargeAt, site.Text{Zh: "17号楼3层走廊：有人拉飞线给电动车充电（240瓦）", En: "Building 17, corridor on floor 3: an e-bike is charged over a flying wire (240 W)"}},
	{nb.LeakAt, site.Text{Zh: "21号楼203室：灶具软管脱落，燃气漏进厨房", En: "Building 21, flat 203: the hose comes off the hob, gas fills the kitchen"}},
	{nb.BurstAt, site.Text{Zh: "19号楼302室：料酒下热锅，一时约14 %LEL：不该惊动任何人", En: "Building 19, flat 302: cooking wine in a hot pan, 14 %LEL for a moment: it must page nobody"}},
	{nb.CutAt, site.Text{Zh: "19号楼的网关断了线：它看的地方失去监测", En: "Gateway 19 loses its line: its places are not supervised"}},
	{nb.BackAt, site.Text{Zh: "线路恢复：断线时测到的读数补传上来", En: "The line is back: what was measured meanwhile arrives"}},
	{nb.LeakAt + nb.LeakFor, site.Text{Zh: "21号楼203室：关了阀，开了窗", En: "Building 21, flat 203: the valve is shut, a window opened"}},
}

// expected is what the visitor is told beforehand.
var expected = []string{
	"0:08 → 2:40  17号楼3层走廊飞线充电：约两分半后认出来      a flying wire, recognised after two and a half minutes",
	"0:12 → 1:55  21号楼203室燃气泄漏，网格员收到呼叫           a gas leak, the warden is paged",
	"0:35         19号楼302室爆炒：谁也不惊动                   a cooking burst that pages nobody",
	"1:40 → 2:10  19号楼网关断线又恢复：失去监测，再自行恢复    a gateway drops out and returns",
}

// intro is what the visitor reads first.
func (t *teller) intro(s *stage, link string) {
	var b strings.Builder
	n := 0
	if s.recording != nil {
		n = len(s.recording.Devices())
		fmt.Fprintf(&b, "\n微哨演示 Weishao demo — 回放 playing %s: %d 个传感器 devices, %v\n", s.replay, n, s.recording.Length().Round(time.Second))
		if bad := s.recording.Bad(); bad > 0 {
			fmt.Fprintf(&b, "  %d 行不是读数，略去或作故障 lines are no readings: left out, or played as faults\n", bad)
		}
	} else {
		fmt.Fprintf(&b, "\n微哨演示 Weishao demo — %s %s: %d 个模拟传感器 simulated sensors, 2 个网关 gateways\n", s.site.Name.In("zh"), s.site.Name.In("en"), len(s.site.Devices))
	}
	if s.speed != 1 {
		fmt.Fprintf(&b, "  时钟 the clock: ×%g\n", s.speed)
	}
	fmt.Fprintf(&b, "\n  请打开 open    %s\n", link)
	fmt.Fprintf(&b, "                 一次有效，15分钟内 · works once, within 15 minutes\n")
	fmt.Fprintf(&b, "                 先是网格员的页面，菜单里有安全员的 · the warden's page; the officer's is in its menu\n")
	fmt.Fprintf(&b, "  再要链接 more  %s sign-in --config %s --user wang --role warden\n", os.Args[0], s.file("demo.yaml"))
	fmt.Fprintf(&b, "  接口 API       %s (地址、令牌、网关凭据 addresses, token, a gateway's credentials)\n", s.file("demo.json"))
	fmt.Fprintf(&b, "  日志 log       %s\n", s.file("demo.log"))
	fmt.Fprintf(&b, "  停止 stop      Ctrl-C\n\n")
	if s.recording == nil {
		b.WriteString("  头三分钟 the first three minutes:\n")
		for _, line := range expected {
			b.WriteString("    " + line + "\n")
		}
		b.WriteString("\n")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	io.WriteString(t.w, b.String())
}

// tell says each thing of the story when it happens, and in the end what came of it.
func (s *stage) tell(ctx context.Context, n *narrator, start time.Time) {
	if s.recording != nil {
		if s.until(ctx, start.Add(s.recording.Length())) {
			s.out.say("录像放完了：这些传感器从此没有读数，会显示为失去监测", "The recording is over: its sensors are silent from here, and will be shown as not supervised")
		}
		return
	}
	told := false
	for _, b := range beats {
		if !told && b.at > storyEnd {
			told = true
			if !s.until(ctx, start.Add(storyEnd)) {
				return
			}
			n.sum()
		}
		if !s.until(ctx, start.Add(b.at)) {
			return
		}
		s.out.say("· "+b.Zh, "· "+b.En)
	}
}

// storyEnd is when the visitor has seen what was promised.
const storyEnd = 3 * time.Minute

// until waits for a time of the clock; false when ctx ended first.
func (s *stage) until(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(s.clock.Wall(t.Sub(s.clock.Now())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
