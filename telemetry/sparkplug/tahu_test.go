package sparkplug_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weishao.dev/weishao/telemetry"
	. "weishao.dev/weishao/telemetry/sparkplug"
)

// tahu gives payloads recorded from Eclipse Tahu's JavaScript client; see
// testdata/tahu/record.js.
func tahu(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/tahu/payloads.json")
	if err != nil {
		t.Fatal(err)
	}
	var payloads map[string][]byte
	if err := json.Unmarshal(text, &payloads); err != nil {
		t.Fatal(err)
	}
	return payloads
}

const tahuTime = 1764000000250

func TestTahuDatatypes(t *testing.T) {
	var p Payload
	decode(t, &p, tahu(t)["nbirth"])
	if !p.HasSeq || p.Seq != 0 || p.Timestamp != tahuTime {
		t.Errorf("got seq %d (%t), timestamp %d", p.Seq, p.HasSeq, p.Timestamp)
	}
	numbers := map[string]float64{
		"i8": -5, "i16": -300, "i32": -70000, "i64": -5000000000, "u8": 200, "u16": 60000, "u32": 4000000000, "u64": 9007199254740991,
		"float": -1.5, "double": 21.25, "yes": 1, "no": 0, "bdSeq": 3, "Node Control/Rebirth": 0,
	}
	texts := map[string]string{"string": "微哨", "text": "text", "uuid": "0b5e5e7c-4a5d-4e55-a6a5-5f2a3f0e8a11", "bytes": "\x01\x02\x03", "file": "\x04"}
	for i := range p.Metrics {
		m := &p.Metrics[i]
		got, isNumber := m.Number()
		if want, ok := numbers[string(m.Name)]; ok != isNumber || got != want {
			t.Errorf("%s (%v): got number %v, %t; want %v, %t", m.Name, m.Datatype, got, isNumber, want, ok)
		}
		if want, ok := texts[string(m.Name)]; ok && string(m.Bytes) != want {
			t.Errorf("%s (%v): got %q, want %q", m.Name, m.Datatype, m.Bytes, want)
		}
	}
	if want := 2 + 19; len(p.Metrics) != want {
		t.Errorf("%d metrics, want %d", len(p.Metrics), want)
	}
	if null := p.Find("null"); null == nil || !null.IsNull || null.Quality() != telemetry.NoResponse {
		t.Errorf("the null: got %+v", null)
	}
	if at := p.Find("datetime"); at == nil || at.Int != tahuTime {
		t.Errorf("the datetime: got %+v", at)
	}
	n, err := NodeBirthOf(&p)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(NodeBirth{Timestamp: tahuTime, BdSeq: 3, HasBdSeq: true}, n); d != "" {
		t.Errorf("NodeBirthOf: want -, got +:\n%s", d)
	}
}

// A birth with all that Sparkplug offers, plain and in both kinds of envelope.
func TestTahuDeviceBirth(t *testing.T) {
	for _, name := range []string{"dbirth", "deflated", "gzipped"} {
		t.Run(name, func(t *testing.T) {
			var p Payload
			decode(t, &p, tahu(t)[name])
			want := DeviceBirth{Timestamp: tahuTime, Seq: 1, Metrics: []Announced{
				{Name: "Temperature", Alias: 7, HasAlias: true, Datatype: Float, Unit: "°C"},
				{Name: "dataset", Datatype: DataSet},
				{Name: "template", Datatype: Template},
				{Name: "last", Alias: 8, HasAlias: true, Datatype: Int16},
			}}
			if d := cmp.Diff(want, DeviceBirthOf(&p)); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
			m := p.Find("Temperature")
			if m == nil || m.Float != 36.5 || m.Timestamp != tahuTime || !m.IsHistorical || !m.IsTransient || m.Quality() != telemetry.Suspect {
				t.Errorf("Temperature: got %+v", m)
			}
			for _, skipped := range []string{"dataset", "template"} {
				if m := p.Find(skipped); m == nil || m.Kind != KindOther {
					t.Errorf("%s: got %+v, want its value stepped over", skipped, m)
				}
			}
			if v, ok := p.Find("last").Number(); v != -1 || !ok {
				t.Errorf("the metric after them: got %v, %t, want -1", v, ok)
			}
		})
	}
}

func TestTahuDataAndDeath(t *testing.T) {
	payloads := tahu(t)
	var p Payload
	decode(t, &p, payloads["ddata"])
	want := []Metric{{Alias: 7, HasAlias: true, Datatype: Float, Kind: KindFloat, Float: 37.5, Timestamp: tahuTime + 1000, HasTimestamp: true}}
	if d := cmp.Diff(want, p.Metrics, cmpopts.IgnoreFields(Metric{}, "Name", "HasName")); d != "" {
		t.Errorf("DDATA: want -, got +:\n%s", d)
	}
	if len(p.Metrics[0].Name) > 0 {
		t.Errorf("DDATA by alias has the name %q", p.Metrics[0].Name)
	}
	decode(t, &p, payloads["ndeath"])
	if got, ok := DeathOf(&p); !ok || got != 3 {
		t.Errorf("NDEATH: got bdSeq %d, %t, want 3", got, ok)
	}
	decode(t, &p, payloads["ddeath"])
	if p.Seq != 255 || len(p.Metrics) != 0 {
		t.Errorf("DDEATH: got %+v", p)
	}
	// What Tahu is asked for by us: its rebirth.
	decode(t, &p, AppendCommand(nil, &Command{Timestamp: tahuTime, Rebirth: true}))
	if m := p.Find(MetricRebirth); !m.True() || m.Datatype != Boolean {
		t.Errorf("NCMD: got %+v", m)
	}
}
