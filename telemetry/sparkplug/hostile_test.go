package sparkplug_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weishao.dev/weishao/telemetry"
	. "weishao.dev/weishao/telemetry/sparkplug"
)

// Each is refused at the byte where it goes wrong.
func TestHostile(t *testing.T) {
	many := bytes.Repeat([]byte{0x12, 0x00}, MaxMetrics+1)
	for name, c := range map[string]struct {
		b      []byte
		offset int
		text   string
	}{
		"tag without end":              {[]byte{0x80}, 0, "longer than 10 bytes"},
		"number without end":           {[]byte{0x08, 0xff}, 1, "longer than 10 bytes"},
		"number of 11 bytes":           {append([]byte{0x08}, bytes.Repeat([]byte{0xff}, 11)...), 1, "longer than 10 bytes"},
		"number of 65 bits":            {[]byte{0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, 1, "longer than 10 bytes"},
		"metric longer than message":   {[]byte{0x08, 0x01, 0x12, 0x05, 0x10}, 2, "ends in the middle"},
		"length near 2^64":             {[]byte{0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 0, "ends in the middle"},
		"uuid longer than message":     {[]byte{0x22, 0x02, 'x'}, 0, "ends in the middle"},
		"name longer than its metric":  {[]byte{0x12, 0x03, 0x0a, 0x02, 'x', 'y'}, 2, "ends in the middle"},
		"double cut by its metric":     {[]byte{0x12, 0x04, 0x69, 0, 0, 0, 0, 0, 0, 0, 0}, 2, "ends in the middle"},
		"float cut by its metric":      {[]byte{0x12, 0x02, 0x65, 0, 0, 0, 0}, 2, "ends in the middle"},
		"number cut by its metric":     {[]byte{0x12, 0x02, 0x10, 0x80, 0x01}, 3, "longer than 10 bytes"},
		"field number 0":               {[]byte{0x12, 0x02, 0x00, 0x00}, 2, "field number 0"},
		"field number too large":       {[]byte{0x12, 0x06, 0xf8, 0xff, 0xff, 0xff, 0x7f, 0x00}, 2, "field number 0 or too large"},
		"wire type 7":                  {[]byte{0x0f}, 0, "cannot parse reserved wire type"},
		"group without end":            {[]byte{0x33}, 0, ""},
		"property key cut":             {[]byte{0x12, 0x04, 0x4a, 0x02, 0x0a, 0x05}, 4, "ends in the middle"},
		"property value cut":           {append([]byte{0x12, 15, 0x4a, 13, 0x0a, 7}, "Quality\x12\x02\x18\x80"...), 16, "longer than 10 bytes"},
		"too many metrics":             {many, len(many) - 2, "more than 16384 metrics"},
		"envelope of garbage":          {envelope([]byte("garbage")), 0, "compressed body"},
		"envelope of nothing":          {envelope(nil), 0, "compressed body"},
		"envelope that unpacks to 5 M": {envelope(zip(make([]byte, 5<<20))), 0, "more than 4 MiB"},
		"envelope of a bad payload":    {envelope(zip([]byte{0x08})), 1, "longer than 10 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			var p Payload
			err := p.Decode(c.b)
			var bad *DecodeError
			if !errors.As(err, &bad) {
				t.Fatalf("got error %v, want a *DecodeError", err)
			}
			if bad.Offset != c.offset || !strings.Contains(bad.Text, c.text) {
				t.Errorf("got %v, want byte %d: ...%s...", bad, c.offset, c.text)
			}
		})
	}
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func envelope(body []byte) []byte {
	p := Payload{UUID: []byte("SPBV1.0_COMPRESSED"), Body: body}
	return p.Append(nil)
}

// Fields of later versions and known fields of another wire type are stepped
// over, and what follows is read.
func TestUnknownFields(t *testing.T) {
	metric := []byte{
		0x0d, 1, 2, 3, 4, // name as fixed32
		0xa3, 0x06, 0x08, 0x01, 0xa4, 0x06, // group 100
		0xf9, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3, 4, 5, 6, 7, 8, // fixed64 in the largest field
		0x10, 0x05, // alias
	}
	msg := append([]byte{0x0a, 0x01, 'x', 0x12, byte(len(metric))}, metric...)
	msg = append(msg, 0x18, 0x09)
	var p Payload
	decode(t, &p, msg)
	want := Payload{Seq: 9, HasSeq: true, Metrics: []Metric{{Alias: 5, HasAlias: true}}}
	if d := cmp.Diff(want, p); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// A reused Payload shows nothing of the message before.
func TestReuse(t *testing.T) {
	var p Payload
	decode(t, &p, tahu(t)["dbirth"])
	msg := []byte{0x12, 0x02, 0x10, 0x05}
	decode(t, &p, msg)
	if d := cmp.Diff(Payload{Metrics: []Metric{{Alias: 5, HasAlias: true}}}, p); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	if _, ok := p.Metrics[0].Number(); ok {
		t.Error("a metric without value has a number")
	}
}

func TestNumberNeedsItsSign(t *testing.T) {
	m := Metric{Kind: KindInt, Int: math.MaxUint32}
	if v, ok := m.Number(); ok {
		t.Errorf("an integer without datatype: got %v, want none", v)
	}
	for datatype, want := range map[DataType]float64{Int8: -1, Int16: -1, Int32: -1, Int64: math.MaxUint32, UInt32: math.MaxUint32, Boolean: 1} {
		m.Datatype = datatype
		if v, ok := m.Number(); !ok || v != want {
			t.Errorf("%v: got %v, %t, want %v", datatype, v, ok, want)
		}
	}
	for _, datatype := range []DataType{String, DateTime, DataSet, Double, 77} {
		m.Datatype = datatype
		if v, ok := m.Number(); ok {
			t.Errorf("an integer in a %v: got %v, want none", datatype, v)
		}
	}
}

func TestQualityOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		m    Metric
		want telemetry.Quality
	}{
		"nothing said":            {Metric{}, telemetry.Good},
		"192":                     {Metric{Properties: Properties{HasQuality: true, Quality: QualityGood}}, telemetry.Good},
		"500":                     {Metric{Properties: Properties{HasQuality: true, Quality: QualityStale}}, telemetry.Suspect},
		"0":                       {Metric{Properties: Properties{HasQuality: true, Quality: QualityBad}}, telemetry.NoResponse},
		"null":                    {Metric{IsNull: true}, telemetry.NoResponse},
		"null that says good":     {Metric{IsNull: true, Properties: Properties{Reason: []byte("good")}}, telemetry.NoResponse},
		"reason of the future":    {Metric{Properties: Properties{Reason: []byte("haunted")}}, telemetry.Suspect},
		"the same, with no value": {Metric{IsNull: true, Properties: Properties{Reason: []byte("haunted")}}, telemetry.NoResponse},
		"ours":                    {Metric{IsNull: true, Properties: Properties{Reason: []byte("short")}}, telemetry.Short},
	} {
		if got := c.m.Quality(); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// Lengths that need more bytes than the one that is kept for them.
func TestLongFields(t *testing.T) {
	for _, n := range []int{0, 100, 120, 127, 128, 255, 256, 16_380, 16_384, 70_000} {
		want := DeviceBirth{Metrics: []Announced{{Name: "a", Alias: 16, HasAlias: true, Datatype: Double, Unit: strings.Repeat("u", n)},
			{Name: "b", Alias: 17, HasAlias: true, Datatype: Double}}}
		var p Payload
		decode(t, &p, AppendDeviceBirth(nil, &want))
		if d := cmp.Diff(want, DeviceBirthOf(&p)); d != "" {
			t.Fatalf("a unit of %d bytes: want -, got +:\n%.500s", n, d)
		}
	}
}

// One historical metric makes a message backlog, wherever it stands.
func TestBacklogOfMixedMessage(t *testing.T) {
	p := Payload{Metrics: []Metric{
		{Alias: AliasRun, HasAlias: true, Kind: KindLong}, {Alias: AliasSeq, HasAlias: true, Kind: KindLong},
		{Alias: 16, HasAlias: true, HasTimestamp: true, Kind: KindDouble, IsHistorical: true},
		{Alias: 16, HasAlias: true, HasTimestamp: true, Kind: KindDouble},
	}}
	var d Data
	if err := DataOf(&p, &d); err != nil || !d.Backlog {
		t.Errorf("got backlog %t, %v", d.Backlog, err)
	}
	if err := DecodeData(p.Append(nil), &d); err != nil || !d.Backlog {
		t.Errorf("directly: got backlog %t, %v", d.Backlog, err)
	}
}

// A property that is null says nothing.
func TestNullProperty(t *testing.T) {
	set := append([]byte{0x0a, 7}, "Quality"...)
	set = append(set, 0x12, 4, 0x18, 0, 0x10, 1) // value 0, is_null
	metric := append([]byte{0x4a, byte(len(set))}, set...)
	var p Payload
	decode(t, &p, append([]byte{0x12, byte(len(metric))}, metric...))
	if got := p.Metrics[0].Properties; got.HasQuality {
		t.Errorf("got %+v, want no quality", got)
	}
}

// A message that is not of our making is told from ours, and a value that is no
// number still uses up its sequence.
func TestDataOfOthers(t *testing.T) {
	uint64Metric := func(alias, v uint64) Metric {
		return Metric{Alias: alias, HasAlias: true, Datatype: UInt64, Kind: KindLong, Int: v}
	}
	for name, metrics := range map[string][]Metric{
		"empty":            {},
		"run alone":        {uint64Metric(AliasRun, 1)},
		"other aliases":    {uint64Metric(7, 1), uint64Metric(8, 1)},
		"run is a double":  {{Alias: AliasRun, Kind: KindDouble}, uint64Metric(AliasSeq, 1)},
		"sequence is null": {uint64Metric(AliasRun, 1), {Alias: AliasSeq, Kind: KindLong, IsNull: true}},
	} {
		p := Payload{Metrics: metrics}
		var d Data
		if err := DataOf(&p, &d); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: got %v, want %v", name, err, ErrNotOurs)
		}
		if err := DecodeData(p.Append(nil), &d); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s, directly: got %v, want %v", name, err, ErrNotOurs)
		}
	}
	p := Payload{Metrics: []Metric{uint64Metric(AliasRun, 1), uint64Metric(AliasSeq, 10),
		{Alias: 16, Kind: KindString, Bytes: []byte("x")}, {Alias: 17}, {Alias: 18, Kind: KindDouble, Float: 2}}}
	var d Data
	if err := DataOf(&p, &d); err != nil {
		t.Fatal(err)
	}
	want := []Point{{Alias: 16, Value: math.NaN()}, {Alias: 17, Value: math.NaN()}, {Alias: 18, Value: 2}}
	if diff := cmp.Diff(want, d.Points, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// A node that calls itself ours and contradicts itself is not taken for ours.
func TestNodeBirthThatContradictsItself(t *testing.T) {
	epoch := text(MetricEpoch, "0b5e5e7c-4a5d-4e55-a6a5-5f2a3f0e8a11")
	const run = "weishao/run/00000001deadbeef/"
	number := func(name string, v uint64) Metric {
		return Metric{Name: []byte(name), HasName: true, Datatype: UInt64, Kind: KindLong, Int: v}
	}
	for name, c := range map[string]struct {
		metrics []Metric
		want    string
	}{
		"epoch no UUID":      {[]Metric{text(MetricEpoch, "x")}, "weishao/epoch"},
		"epoch null":         {[]Metric{{Name: []byte(MetricEpoch), HasName: true, IsNull: true}}, "weishao/epoch"},
		"run not hex":        {[]Metric{epoch, number("weishao/run/xyz/next", 1)}, "16 hex digits"},
		"run ID too short":   {[]Metric{epoch, number("weishao/run/1/next", 1)}, "16 hex digits"},
		"next before oldest": {[]Metric{epoch, number(run+"oldest", 5), number(run+"next", 4)}, "1 <= oldest <= next"},
		"oldest 0":           {[]Metric{epoch, number(run+"oldest", 0), number(run+"next", 4)}, "1 <= oldest <= next"},
		"next missing":       {[]Metric{epoch, number(run+"oldest", 1)}, "1 <= oldest <= next"},
		"lost what is not":   {[]Metric{epoch, number(run+"oldest", 1), number(run+"next", 4), text(run+"lost", "4-4")}, "lost ranges below next"},
		"lost backwards":     {[]Metric{epoch, text(run+"lost", "9-5")}, "ascending"},
		"kind of its own":    {[]Metric{epoch, text(run+"kind", "undead")}, `unknown kind of run "undead"`},
		"next is a text":     {[]Metric{epoch, text(run+"next", "7")}, "not an unsigned integer"},
	} {
		n, err := NodeBirthOf(&Payload{Metrics: c.metrics})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, c.want)
		}
		if n.Ours || len(n.Runs) > 0 {
			t.Errorf("%s: taken for ours: %+v", name, n)
		}
	}
	many := []Metric{epoch}
	for i := range uint64(1025) {
		many = append(many, number("weishao/run/"+strings.Repeat("0", 12)+string("0123456789abcdef"[i>>8&15])+string("0123456789abcdef"[i>>4&15])+string("0123456789abcdef"[i&15])+"0/next", 1))
	}
	if _, err := NodeBirthOf(&Payload{Metrics: many}); err == nil {
		t.Error("1025 runs were taken")
	}
}

func text(name, v string) Metric {
	return Metric{Name: []byte(name), HasName: true, Datatype: String, Kind: KindString, Bytes: []byte(v)}
}

func TestCommandOfNonsense(t *testing.T) {
	for name, m := range map[string]Metric{
		"run not hex":      {Name: []byte("weishao/committed/x"), HasName: true, Kind: KindLong},
		"committed a text": text("weishao/committed/00000001deadbeef", "7"),
	} {
		if c, err := CommandOf(&Payload{Metrics: []Metric{m}}); err == nil {
			t.Errorf("%s: got %+v, want an error", name, c)
		}
	}
	c, err := CommandOf(&Payload{Metrics: []Metric{text("of the future", "x"), {Name: []byte(MetricRebirth), HasName: true, Kind: KindBool}}})
	if err != nil || c.Rebirth {
		t.Errorf("a rebirth of false and an unknown metric: got %+v, %v", c, err)
	}
}
