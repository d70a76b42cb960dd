package watching

import (
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

var catalogue = telemetry.NewCatalogue(telemetry.LEL{})

func TestTable(t *testing.T) {
	b := New(catalogue)
	b.Announce([]devices.Info{{ID: "kitchen", Interval: time.Second, Metrics: []string{"gas.ch4", "temperature"}}, {ID: "socket", Metrics: []string{"power", "contact"}}})
	now := time.Unix(1_790_000_000, 0)
	b.See("kitchen", telemetry.Point{Metric: "gas.ch4", Value: 0.25}, now.Add(-1300*time.Millisecond))
	b.See("kitchen", telemetry.Point{Metric: "temperature", Value: -3, Quality: telemetry.Warmup}, now.Add(-3*time.Second))
	b.See("socket", telemetry.Point{Metric: "power", Quality: telemetry.NoResponse}, now)
	b.See("nobody", telemetry.Point{Metric: "power"}, now)
	if _, err := b.Write([]byte("level=ERROR msg=\"a device failed\"\n")); err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	n, err := b.Draw(&s, now, 0)
	want := []string{
		"device   metric       value      quality      age",
		"kitchen  gas.ch4      0.25 %LEL  good         1.3s",
		"kitchen  temperature  -3 °C      warmup       3s late",
		"socket   power        -          no_response  0s",
		"socket   contact                 nothing yet",
		"",
		`level=ERROR msg="a device failed"`,
	}
	got := strings.Split(strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(s.String(), "\r", ""), "\x1b[K", ""), "\n\x1b[J"), "\n")
	if err != nil || n != len(want) || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d lines, %v, got\n%s\nwant\n%s", n, err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.Reset()
	if _, err := b.Draw(&s, now, n); err != nil || !strings.HasPrefix(s.String(), "\x1b[7A\rdevice") {
		t.Errorf("drawn again: %q", s.String()[:20])
	}
}

func TestLine(t *testing.T) {
	time.Local = time.UTC
	for want, p := range map[string]telemetry.Point{
		"2026-09-21T14:13:20.007Z a power 12.5 W good\n":    {Metric: "power", Time: 1_790_000_000_007, Value: 12.5},
		"2026-09-21T14:13:20.007Z a contact 1 good\n":       {Metric: "contact", Time: 1_790_000_000_007, Value: 1},
		"2026-09-21T14:13:20.007Z a power - stuck\n":        {Metric: "power", Time: 1_790_000_000_007, Value: 12.5, Quality: telemetry.Stuck},
		"2026-09-21T14:13:20.007Z a power 1000 W suspect\n": {Metric: "power", Time: 1_790_000_000_007, Value: 1000, Quality: telemetry.Suspect},
	} {
		if got := Line(catalogue, "a", p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
