package sparkplug

import (
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// The examples of docs/wire.md are what the code writes.
func TestWireDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := record.ParseEpoch("7b1f0c52-8a41-4d0e-9c3e-2f6d1a90b7e4")
	if err != nil {
		t.Fatal(err)
	}
	const alarm, live, before = 0x0000000c5f21a9d3, 0x0000000d83e07b14, 0x0000000b6cd40f52
	birth := AppendNodeBirth(nil, &NodeBirth{Timestamp: 1767225600000, BdSeq: 41, Ours: true, Epoch: epoch, Version: "0.1.0", Runs: []record.Run{
		{ID: alarm, Epoch: epoch, Parent: 0x0000000a19b2c4e6, Kind: record.Alarm, Oldest: 1, Next: 1},
		{ID: live, Epoch: epoch, Parent: before, Kind: record.Live, Oldest: 1, Next: 1},
		{ID: before, Epoch: epoch, Parent: 0x00000009e0a7713c, Kind: record.Backlog, Oldest: 2001, Next: 5201, Lost: []record.Range{{From: 2400, To: 2419}}},
	}})
	if diff := cmp.Diff(listing(t, birth), block(t, text, "NBIRTH")); diff != "" {
		t.Errorf("NBIRTH (-code +docs)\n%s", diff)
	}
	data := AppendData(nil, &Data{Timestamp: 1767225605120, Seq: 2, Run: live, First: 1, Points: []Point{
		{Alias: 16, Time: 1767225600000, Value: 0.31}, {Alias: 16, Time: 1767225605000, Quality: telemetry.NoResponse}}})
	if diff := cmp.Diff(hex.EncodeToString(data), bytesOf(block(t, text, "DDATA"))); diff != "" {
		t.Errorf("DDATA (-code +docs)\n%s", diff)
	}
	command := AppendCommand(nil, &Command{Timestamp: 1767225605140, Committed: []Committed{{Run: live, Seq: 2}}})
	if diff := cmp.Diff(hex.EncodeToString(command), bytesOf(block(t, text, "NCMD"))); diff != "" {
		t.Errorf("NCMD (-code +docs)\n%s", diff)
	}
	for _, name := range []string{MetricEpoch, MetricVersion, MetricConfig, MetricConfigBad, MetricRun, MetricSeq, MetricResend, MetricNewEpoch, MetricRebirth, PropWeishaoQual, PropQuality, PropEngUnit,
		MetricModel, MetricSerial, MetricPlacement, MetricIntervalMS, prefixRun + "R/" + runEpoch, prefixRun + "R/" + runParent, prefixRun + "R/" + runKind,
		prefixRun + "R/" + runOldest, prefixRun + "R/" + runNext, prefixRun + "R/" + runLost, prefixCommitted + "R", (Topic{Type: STATE, Host: HostID}).String()} {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/wire.md does not name `%s`", name)
		}
	}
}

// block is the text of the fenced block of that kind.
func block(t *testing.T, text []byte, kind string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```" + kind + "\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/wire.md has no example of %s", kind)
	}
	return string(m[1])
}

// bytesOf takes the hex digits out of a block whose lines have a remark behind
// three or more spaces.
func bytesOf(block string) string {
	var b strings.Builder
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "   ")
		b.WriteString(strings.ReplaceAll(line, " ", ""))
	}
	return b.String()
}

// listing writes a payload as one line a metric.
func listing(t *testing.T, payload []byte) string {
	t.Helper()
	var p Payload
	if err := p.Decode(payload); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range p.Metrics {
		m := &p.Metrics[i]
		var value any = m.text()
		if v, ok := m.Uint(); ok {
			value = v
		} else if m.Datatype == Boolean {
			value = m.True()
		}
		fmt.Fprintf(&b, "%s = %v\n", m.Name, value)
	}
	return b.String()
}
