package record_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
	. "weishao.dev/weishao/telemetry/record"
)

var same = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateNaNs()}

// What is written is read, by an Encoder and a Decoder that carry the memory of
// earlier records and by ones that do not.
func TestRoundTrip(t *testing.T) {
	var e Encoder
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		want := genRecord(t)
		b := e.Append([]byte("before"), &want)[len("before"):]
		if fresh := AppendRecord(nil, &want); string(fresh) != string(b) {
			t.Fatalf("a reused encoder wrote %x, a fresh one %x", b, fresh)
		}
		got := Record{Seq: want.Seq}
		if err := d.Decode(b, &got); err != nil {
			t.Fatalf("Decoder.Decode: %v", err)
		}
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Fatalf("Decoder.Decode: want -, got +:\n%s", diff)
		}
		got = Record{Seq: want.Seq}
		if err := Decode(b, &got); err != nil {
			t.Fatalf("Decode: %v", err)
		}
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Fatalf("Decode: want -, got +:\n%s", diff)
		}
	})
}

// A record that was cut short or in which any bit was flipped is refused.
func TestDamage(t *testing.T) {
	b := AppendRecord(nil, sample(3, 4))
	var r Record
	for n := range b {
		wantCorrupt(t, b[:n], "cut short")
	}
	for bit := range len(b) * 8 {
		damaged := slices.Clone(b)
		damaged[bit/8] ^= 1 << (bit % 8)
		wantCorrupt(t, damaged, "bit flipped")
	}
	if err := Decode(b, &r); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

func wantCorrupt(t *testing.T, b []byte, what string) {
	t.Helper()
	var r Record
	err := Decode(b, &r)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		t.Fatalf("%s: got error %v, want a *CorruptError", what, err)
	}
	if corrupt.Offset < 0 || corrupt.Offset > len(b) {
		t.Fatalf("%s: offset %d is outside the %d bytes", what, corrupt.Offset, len(b))
	}
}

// What damage the checksum does not show (a bug, a forgery) is refused too.
func TestMalformed(t *testing.T) {
	for name, body := range map[string][]byte{
		"no entry where one is promised":     {Version, 0, 1},
		"unknown kind of entry":              {Version, 0, 1, 99},
		"bytes after the last entry":         {Version, 0, 0, 0},
		"string that was not given":          {Version, 0, 1, 3, 1},
		"string longer than the record":      {Version, 0, 1, 3, 0, 200, 1},
		"count larger than the record":       {Version, 0, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"number without end":                 {Version, 0x80, 0x80},
		"number of more than 64 bits":        {Version, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
		"version of the future":              {Version + 1, 0, 0},
		"point of a quality that is not one": readingsBody(1, 200, 0),
		"point of a string not given":        readingsBody(9, 0),
	} {
		t.Run(name, func(t *testing.T) { wantCorrupt(t, sealed(body), name) })
	}
	var r Record
	if err := Decode(sealed(readingsBody(2, 1, 'm')), &r); err != nil {
		t.Errorf("the same body in order: %v", err)
	}
}

// readingsBody is a record with one Readings of one point given by its bytes.
func readingsBody(point ...byte) []byte {
	b := []byte{Version, 0, 1, 1, 0, 1, 'd', 0}
	b = append(b, make([]byte, 16)...)
	b = append(b, 1, 1, 0, 1)
	return append(append(b, point...), make([]byte, 9)...)
}

func sealed(body []byte) []byte {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(slices.Clone(body), sum)
}

func FuzzDecode(f *testing.F) {
	body := func(r *Record) []byte { b := AppendRecord(nil, r); return b[:len(b)-4] }
	f.Add(body(sample(2, 3)))
	f.Add(body(&Record{Entries: []Entry{&Tick{}, &Site{Version: "v", File: File{"f", []byte("x")}}}}))
	f.Add(body(&Record{Arrival: -1, Entries: []Entry{&NodeBirth{Node: "g/n", Ours: true, Epoch: Epoch{1},
		Runs: []Run{{ID: 1, Next: 9, Lost: []Range{{1, 2}}}}}, &Lost{Node: "g/n", Reason: "disk full"}}}))
	var e Encoder
	var d Decoder
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Record
		if d.Decode(sealed(body), &r) != nil {
			return
		}
		var again Record
		if err := Decode(e.Append(nil, &r), &again); err != nil {
			t.Fatalf("what was decoded does not encode: %v", err)
		}
		if diff := cmp.Diff(r, again, same); diff != "" {
			t.Fatalf("decoded -, encoded and decoded again +:\n%s", diff)
		}
	})
}

func FuzzParseRanges(f *testing.F) {
	f.Add("5-9,12-20")
	f.Add("0-1")
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseRanges(s)
		if err != nil {
			return
		}
		again, err := ParseRanges(FormatRanges(list))
		if err != nil || !slices.Equal(list, again) {
			t.Fatalf("%q: got %v, then %v, %v", s, list, again, err)
		}
	})
}

func TestEpochText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := genEpoch(t)
		got, err := ParseEpoch(want.String())
		if want.IsZero() != (err != nil) || err == nil && got != want {
			t.Fatalf("%v: got %v, %v", want, got, err)
		}
	})
	for _, bad := range []string{"", "x", "0123456789abcdef0123456789abcdef0123", "01234567-89ab-cdef-0123-456789abcdeg"} {
		if e, err := ParseEpoch(bad); err == nil {
			t.Errorf("ParseEpoch(%q): got %v, want an error", bad, e)
		}
	}
}

func genRecord(t *rapid.T) Record {
	return Record{
		Seq:     rapid.Uint64().Draw(t, "seq"),
		Arrival: genTime.Draw(t, "arrival"),
		Entries: rapid.SliceOfN(rapid.Custom(genEntry), 0, 8).Draw(t, "entries"),
	}
}

var genText = rapid.OneOf(rapid.SampledFrom([]string{"", "co", "gas.ch4", "g/n/d1", "g/n/d2"}), rapid.String())

func genEntry(t *rapid.T) Entry {
	text := func(label string) string { return genText.Draw(t, label) }
	file := rapid.Custom(func(t *rapid.T) File {
		return File{Name: genText.Draw(t, "file"), Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data")}
	})
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		return &NodeBirth{Node: text("node"), Ours: rapid.Bool().Draw(t, "ours"), Forked: rapid.Bool().Draw(t, "forked"),
			Epoch: genEpoch(t), Runs: rapid.SliceOfN(rapid.Custom(genRun), 0, 4).Draw(t, "runs")}
	case 1:
		return &NodeDeath{Node: text("node")}
	case 2:
		return &DeviceBirth{Device: text("device"), Model: text("model"), Serial: text("serial"), Placement: text("placement"),
			IntervalMS: rapid.Int64().Draw(t, "interval"), Metrics: rapid.SliceOf(genText).Draw(t, "metrics")}
	case 3:
		return &DeviceDeath{Device: text("device")}
	case 4:
		return &Drained{Node: text("node")}
	case 5:
		return &Lost{Node: text("node"), Epoch: genEpoch(t), Run: rapid.Uint64().Draw(t, "run"), Range: genRange(t), Reason: text("reason")}
	case 6:
		return &Site{Version: text("version"), File: file.Draw(t, "file")}
	case 7:
		return &Rules{Version: text("version"), Files: rapid.SliceOf(file).Draw(t, "files")}
	case 8:
		return []Entry{&Tick{}, &Resumed{}}[rapid.IntRange(0, 1).Draw(t, "empty")]
	}
	return &Readings{
		Device: text("device"), Epoch: genEpoch(t), Run: rapid.Uint64Range(0, 3).Draw(t, "run"), First: rapid.Uint64().Draw(t, "first"),
		Backlog: rapid.Bool().Draw(t, "backlog"), Points: rapid.SliceOf(rapid.Custom(genPoint)).Draw(t, "points"),
	}
}

// Times near each other and anywhere: both of the decoder's ways.
var genTime = rapid.OneOf(rapid.Int64Range(-70, 70), rapid.Int64Range(-20_000, 20_000), rapid.Int64())

func genPoint(t *rapid.T) telemetry.Point {
	p := telemetry.Point{
		Metric: genText.Draw(t, "metric"), Time: genTime.Draw(t, "time"),
		Quality: telemetry.Quality(rapid.IntRange(0, int(telemetry.BadFrame)).Draw(t, "quality")),
	}
	if !p.Quality.Fault() {
		p.Value = math.Float64frombits(rapid.Uint64().Draw(t, "value"))
	}
	return p
}

func genEpoch(t *rapid.T) (e Epoch) {
	e[0], e[15] = rapid.ByteRange(0, 2).Draw(t, "epoch"), rapid.Byte().Draw(t, "epoch")
	return e
}

func genRange(t *rapid.T) Range {
	return Range{From: rapid.Uint64().Draw(t, "from"), To: rapid.Uint64().Draw(t, "to")}
}

func genRun(t *rapid.T) Run {
	u := rapid.Uint64()
	return Run{ID: u.Draw(t, "id"), Epoch: genEpoch(t), Parent: u.Draw(t, "parent"), Kind: RunKind(rapid.IntRange(0, 2).Draw(t, "kind")),
		Oldest: u.Draw(t, "oldest"), Next: u.Draw(t, "next"), Lost: rapid.SliceOfN(rapid.Custom(genRange), 0, 3).Draw(t, "lost")}
}
