package sparkplug_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	. "weishao.dev/weishao/telemetry/sparkplug"
)

// What a gateway sends, the hub gets: for every message of our own.

func TestDataRoundTrip(t *testing.T) {
	var p Payload // reused, as the hub does
	var got Data
	rapid.Check(t, func(t *rapid.T) {
		want := Data{
			Timestamp: genTime.Draw(t, "timestamp"),
			Seq:       rapid.Uint8().Draw(t, "seq"),
			Run:       rapid.Uint64().Draw(t, "run"),
			First:     rapid.Uint64().Draw(t, "first"),
			Points:    rapid.SliceOfN(rapid.Custom(genPoint), 1, 30).Draw(t, "points"),
			Backlog:   rapid.Bool().Draw(t, "backlog"),
		}
		decode(t, &p, AppendData([]byte("x"), &want)[1:])
		if err := DataOf(&p, &got); err != nil {
			t.Fatalf("DataOf: %v", err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
			t.Fatalf("want -, got +:\n%s", d)
		}
	})
}

func TestNodeBirthRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := NodeBirth{
			Timestamp: genTime.Draw(t, "timestamp"),
			BdSeq:     rapid.Uint64().Draw(t, "bdSeq"),
			HasBdSeq:  true,
			Ours:      rapid.Bool().Draw(t, "ours"),
		}
		if want.Ours {
			want.Epoch = genEpoch(t)
			want.Version = rapid.StringMatching(`[a-z0-9.]{1,9}`).Draw(t, "version")
			want.Runs = rapid.SliceOfNDistinct(rapid.Custom(genRun), 0, 5, func(r record.Run) uint64 { return r.ID }).Draw(t, "runs")
		}
		var p Payload
		decode(t, &p, AppendNodeBirth(nil, &want))
		got, err := NodeBirthOf(&p)
		if err != nil {
			t.Fatalf("NodeBirthOf: %v", err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("want -, got +:\n%s", d)
		}
		if seq, ok := DeathOf(&p); !ok || seq != want.BdSeq {
			t.Fatalf("bdSeq of the birth: got %d, %t, want %d", seq, ok, want.BdSeq)
		}
	})
}

func TestDeviceBirthRoundTrip(t *testing.T) {
	text := rapid.String()
	rapid.Check(t, func(t *rapid.T) {
		want := DeviceBirth{
			Timestamp: genTime.Draw(t, "timestamp"), Seq: rapid.Uint8().Draw(t, "seq"),
			Model: text.Draw(t, "model"), Serial: text.Draw(t, "serial"), Placement: text.Draw(t, "placement"),
			IntervalMS: rapid.Int64Range(0, 1<<50).Draw(t, "interval"),
			Metrics: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Announced {
				return Announced{
					Name:  rapid.StringMatching(`[a-z]{1,8}(\.[a-z0-9_]{1,8})?`).Draw(t, "name"),
					Alias: rapid.Uint64Range(AliasFirst, math.MaxUint64).Draw(t, "alias"), HasAlias: true,
					Datatype: Double, Unit: text.Draw(t, "unit"),
				}
			})).Draw(t, "metrics"),
		}
		var p Payload
		decode(t, &p, AppendDeviceBirth(nil, &want))
		if d := cmp.Diff(want, DeviceBirthOf(&p), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("want -, got +:\n%s", d)
		}
	})
}

func TestCommandRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Command{
			Timestamp: genTime.Draw(t, "timestamp"),
			Committed: rapid.SliceOf(rapid.Custom(func(t *rapid.T) Committed {
				return Committed{Run: rapid.Uint64().Draw(t, "run"), Seq: rapid.Uint64().Draw(t, "seq")}
			})).Draw(t, "committed"),
			Resend: rapid.Bool().Draw(t, "resend"), Rebirth: rapid.Bool().Draw(t, "rebirth"), NewEpoch: rapid.Bool().Draw(t, "new_epoch"),
		}
		var p Payload
		decode(t, &p, AppendCommand(nil, &want))
		got, err := CommandOf(&p)
		if err != nil {
			t.Fatalf("CommandOf: %v", err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("want -, got +:\n%s", d)
		}
	})
}

func TestDeathRoundTrip(t *testing.T) {
	var p Payload
	decode(t, &p, AppendDeath(nil, 5, 77))
	if got, ok := DeathOf(&p); !ok || got != 77 {
		t.Errorf("bdSeq: got %d, %t, want 77", got, ok)
	}
	decode(t, &p, nil)
	if got, ok := DeathOf(&p); ok {
		t.Errorf("bdSeq of an empty NDEATH: got %d, want none", got)
	}
}

var genTime = rapid.Int64Range(1, math.MaxInt64)

func genPoint(t *rapid.T) Point {
	p := Point{
		Alias:   rapid.Uint64Range(AliasFirst, math.MaxUint64).Draw(t, "alias"),
		Time:    genTime.Draw(t, "time"),
		Quality: telemetry.Quality(rapid.IntRange(0, int(telemetry.BadFrame)).Draw(t, "quality")),
	}
	if !p.Quality.Fault() {
		p.Value = math.Float64frombits(rapid.Uint64().Draw(t, "value"))
	}
	return p
}

func genEpoch(t *rapid.T) (e record.Epoch) {
	copy(e[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "epoch"))
	e[0] |= 1 // never the zero epoch
	return e
}

func genRun(t *rapid.T) record.Run {
	r := record.Run{
		ID: rapid.Uint64Min(1).Draw(t, "id"), Parent: rapid.Uint64().Draw(t, "parent"), Epoch: genEpoch(t),
		Kind:   record.RunKind(rapid.IntRange(0, 2).Draw(t, "kind")),
		Oldest: rapid.Uint64Range(1, 1<<40).Draw(t, "oldest"),
	}
	next := uint64(1)
	for range rapid.IntRange(0, 3).Draw(t, "lost") {
		from := next + rapid.Uint64Range(0, 100).Draw(t, "apart")
		to := from + rapid.Uint64Range(0, 100).Draw(t, "length")
		r.Lost, next = append(r.Lost, record.Range{From: from, To: to}), to+1
	}
	r.Next = max(r.Oldest, next) + rapid.Uint64Range(0, 100).Draw(t, "held")
	return r
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func decode(t fataler, p *Payload, b []byte) {
	t.Helper()
	if err := p.Decode(b); err != nil {
		t.Fatalf("Decode: %v", err)
	}
}
