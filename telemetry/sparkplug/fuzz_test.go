package sparkplug_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry/record"
	. "weishao.dev/weishao/telemetry/sparkplug"
)

var same = cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateNaNs()}

// Whatever bytes come, nothing panics, what was decoded encodes to what decodes
// to the same, and both ways of reading data agree.
func FuzzDecode(f *testing.F) {
	for _, b := range tahu(f) {
		f.Add(b)
	}
	f.Add(AppendData(nil, tenMetrics()))
	f.Add(AppendNodeBirth(nil, &NodeBirth{Ours: true, Epoch: record.Epoch{1}, Runs: []record.Run{{ID: 1, Epoch: record.Epoch{1}, Oldest: 1, Next: 9, Lost: []record.Range{{From: 2, To: 3}}}}}))
	f.Add(AppendCommand(nil, &Command{Committed: []Committed{{1, 2}}, Resend: true}))
	var p, again Payload
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		err := p.Decode(b)
		checkDirect(t, b, &p, err)
		if err != nil {
			return
		}
		for i := range p.Metrics {
			p.Metrics[i].Number()
			p.Metrics[i].Quality()
		}
		DeathOf(&p)
		DeviceBirthOf(&p)
		if _, err := CommandOf(&p); err == nil {
			checkBirth(t, &p)
		}
		if err := again.Decode(p.Append(nil)); err != nil {
			if string(p.UUID) == "SPBV1.0_COMPRESSED" {
				return // an envelope in an envelope
			}
			t.Fatalf("what was decoded does not encode: %v", err)
		}
		forgetOther(&p)
		if d := cmp.Diff(p, again, same); d != "" {
			t.Fatalf("decoded -, encoded and decoded again +:\n%s", d)
		}
		if !slices.Equal(b, before) {
			t.Fatal("decoding wrote to the message")
		}
	})
}

// forgetOther takes out what Append leaves out.
func forgetOther(p *Payload) {
	for i := range p.Metrics {
		m := &p.Metrics[i]
		if m.Kind == KindOther {
			m.Kind = KindNone
		}
		// The last of several values counts; those before it are not sent again.
		if m.Kind != KindInt && m.Kind != KindLong {
			m.Int = 0
		}
		if m.Kind != KindFloat && m.Kind != KindDouble {
			m.Float = 0
		}
		if m.Kind != KindString && m.Kind != KindBytes {
			m.Bytes = nil
		}
		m.Bool = m.Bool && m.Kind == KindBool
	}
}

func checkDirect(t *testing.T, b []byte, p *Payload, err error) {
	var want, got Data
	if err == nil {
		err = DataOf(p, &want)
	}
	direct := DecodeData(b, &got)
	if bytes.Contains(b, []byte("SPBV1.0_COMPRESSED")) {
		return // our nodes send no envelopes, and DecodeData opens none
	}
	if (err == nil) != (direct == nil) {
		t.Fatalf("decoded: %v, directly: %v", err, direct)
	}
	if d := cmp.Diff(want, got, same); err == nil && d != "" {
		t.Fatalf("decoded -, directly +:\n%s", d)
	}
}

func checkBirth(t *testing.T, p *Payload) {
	n, err := NodeBirthOf(p)
	if err != nil || !n.Ours {
		return
	}
	n.HasBdSeq, n.Timestamp = true, max(n.Timestamp, 0)
	var q Payload
	decode(t, &q, AppendNodeBirth(nil, &n))
	m, err := NodeBirthOf(&q)
	if err != nil {
		t.Fatalf("a birth that was read does not encode: %v", err)
	}
	if d := cmp.Diff(n, m, same); d != "" {
		t.Fatalf("read -, written and read again +:\n%s", d)
	}
}

// Both ways of reading data agree on what a gateway sends.
func TestDecodeDataAgrees(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := Data{
			Timestamp: genTime.Draw(rt, "timestamp"), Run: rapid.Uint64().Draw(rt, "run"), First: rapid.Uint64().Draw(rt, "first"),
			Points: rapid.SliceOfN(rapid.Custom(genPoint), 1, 30).Draw(rt, "points"), Backlog: rapid.Bool().Draw(rt, "backlog"),
		}
		b := AppendData(nil, &want)
		var p Payload
		checkDirect(t, b, &p, p.Decode(b))
		for _, cut := range []int{len(b) - 1, len(b) / 2, 1} {
			checkDirect(t, b[:cut], &p, p.Decode(b[:cut]))
		}
	})
}
