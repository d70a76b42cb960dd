package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// What the hub takes for true is never further from what is measured than the
// dead-band, has its quality, and is never older than the longest silence.
func TestTheHubsViewStaysWithinTheDeadband(t *testing.T) {
	qualities := []telemetry.Quality{telemetry.Good, telemetry.Good, telemetry.Good, telemetry.Warmup, telemetry.Suspect, telemetry.Open, telemetry.NoResponse}
	rapid.Check(t, func(rt *rapid.T) {
		step := rapid.Int64Range(10, 5000).Draw(rt, "step")
		r := &report{deadband: rapid.Float64Range(0, 20).Draw(rt, "deadband"), silence: step + rapid.Int64Range(0, 60_000).Draw(rt, "silence"), step: step}
		var view telemetry.Point
		p := telemetry.Point{Metric: "power", Time: 1_790_000_000_000}
		for i := range rapid.IntRange(1, 300).Draw(rt, "n") {
			if i > 0 {
				p.Time += rapid.Int64Range(1, step).Draw(rt, "later")
			}
			p.Value += rapid.Float64Range(-10, 10).Draw(rt, "change")
			p.Quality = rapid.SampledFrom(qualities).Draw(rt, "quality")
			at := p
			if p.Quality.Fault() {
				at.Value = 0
			}
			sent := r.judge(at) != notNews
			if sent {
				r.note(at)
				view = at
			}
			switch d := at.Value - view.Value; {
			case i == 0 && !sent:
				rt.Fatal("the first is not sent")
			case view.Quality != at.Quality:
				rt.Fatalf("the hub has %v, measured is %v", view.Quality, at.Quality)
			case !at.Quality.Fault() && (d > r.deadband || d < -r.deadband):
				rt.Fatalf("the hub has %g, measured is %g, the dead-band %g", view.Value, at.Value, r.deadband)
			case at.Time-view.Time+step > r.silence:
				rt.Fatalf("the next may be %d ms after the last that was sent, of %d", at.Time-view.Time+step, r.silence)
			}
		}
	})
}

func TestReportLeavesOutWhatIsTheSame(t *testing.T) {
	r := &report{deadband: 5, silence: 60_000, step: 1000}
	var sent []int64
	for i := range int64(200) {
		p := telemetry.Point{Value: float64(i % 3), Time: i * 1000}
		if r.judge(p) != notNews {
			r.note(p)
			sent = append(sent, i)
		}
	}
	if len(sent) != 4 || sent[1] != 60 {
		t.Errorf("sent at %v s, want every minute", sent)
	}
	if got := r.judge(telemetry.Point{Time: 1}); got != isClock {
		t.Errorf("a clock that went back: %q", got)
	}
}

// What is urgent is sent, and is then what the hub knows.
func TestUrgentIsNotLeftOut(t *testing.T) {
	urgent := false
	s := newSampler(telemetry.Clock{}, telemetry.NewCatalogue(telemetry.LEL{}), func(*probe, telemetry.Point) bool { return urgent })
	p := &probe{info: info("a", time.Second), reports: map[string]*report{"power": {deadband: 5, silence: 60_000, step: 1000}}}
	for i, want := range []struct {
		urgent      bool
		live, alarm int
	}{{false, 1, 0}, {false, 0, 0}, {true, 0, 1}, {false, 0, 0}} {
		urgent = want.urgent
		s.emit(p, telemetry.Point{Metric: "power", Time: 1_790_000_000_000 + int64(i)*1000, Value: 100 + float64(i)})
		if live, alarm := len(s.takeLive()), len(s.takeAlarms()); live != want.live || alarm != want.alarm {
			t.Errorf("reading %d: %d live, %d urgent", i, live, alarm)
		}
	}
	if s.same != 2 {
		t.Errorf("%d were left out", s.same)
	}
}

func describe(t *testing.T, keys string) ([]devices.Info, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte("group: g\nnode: n\nsupervision: {interval: 0s}\ndevices:\n  - {id: a, kind: meter, interval: 2s, "+keys+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]Factory{"meter": func(d *Device, _ string) (devices.Device, error) {
		i := d.Info()
		i.Metrics = []string{"power", "temperature"}
		return &device{i, nil}, d.DecodeOwn(&struct{}{})
	}}
	cfg, err := Load(file, kinds)
	if err != nil {
		return nil, err
	}
	return Describe(cfg, Deps{Log: quiet, Kinds: kinds})
}

// The longest silence is announced, so that the hub's own rule of silence fits.
func TestTheLongestSilenceIsAnnounced(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                                      2 * time.Second,
		"report: {power: {deadband: 0.005 kW}}": time.Minute,
		"report: {power: {deadband: 5 W, max_silence: 90s}, temperature: {max_silence: 2m}}": 2 * time.Minute,
	} {
		infos, err := describe(t, text)
		if err != nil || infos[0].Interval != want {
			t.Errorf("%s: %+v, %v", text, infos, err)
		}
	}
	infos, err := describe(t, "life: {installed: 2026-03-01, service_life: 1825d}")
	if err != nil || len(infos[0].Metrics) != 3 || infos[0].Metrics[2] != "device.life_left" {
		t.Errorf("%+v, %v", infos, err)
	}
}

func TestMistakesInReport(t *testing.T) {
	for text, want := range map[string]string{
		"report: {powr: {}}":                 `does not measure powr (it measures power, temperature), did you mean "power"?`,
		"report: {power: {deadband: 5}}":     `"5" has no unit: write 5 W`,
		"report: {power: {deadband: 5 A}}":   "A cannot be compared with W for power",
		"report: {power: {max_silence: 1s}}": "max_silence 1s is not between 2s and 1h0m0s",
		"report: {power: {silence: 1m}}":     `unknown key "silence"`,
		"stuck: {powr: {after: 1m}}":         "does not measure powr",
		"interval: 2m, report: {power: {}}":  "given twice",
		"life: {installed: soon}":            `"soon" is not a date`,
	} {
		if _, err := describe(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
