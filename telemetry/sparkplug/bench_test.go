package sparkplug_test

import (
	"testing"

	. "weishao.dev/weishao/telemetry/sparkplug"
)

func tenMetrics() *Data {
	d := &Data{Timestamp: 1_764_000_000_000, Seq: 7, Run: 3<<32 | 0xdeadbeef, First: 123_456_789}
	for i := range 10 {
		d.Points = append(d.Points, Point{Alias: uint64(AliasFirst + i), Time: d.Timestamp + int64(i), Value: 1.5 * float64(i)})
	}
	return d
}

func BenchmarkDecodeData10(b *testing.B) {
	msg := AppendData(nil, tenMetrics())
	var p Payload
	var d Data
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if p.Decode(msg) != nil || DataOf(&p, &d) != nil {
			b.Fatal("not decoded")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/reading")
}

func BenchmarkDecodeDataDirectly10(b *testing.B) {
	msg := AppendData(nil, tenMetrics())
	var d Data
	b.ReportAllocs()
	for b.Loop() {
		if DecodeData(msg, &d) != nil {
			b.Fatal("not decoded")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/reading")
}

func BenchmarkAppendData10(b *testing.B) {
	d := tenMetrics()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendData(buf[:0], d)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10, "ns/reading")
}

func BenchmarkParseTopic(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTopic("spBv1.0/beixin/DDATA/gw-17/kitchen-0301"); err != nil {
			b.Fatal(err)
		}
	}
}

// The hub decodes every message of every gateway into the same Payload: the
// steady state must leave nothing for the garbage collector.
func TestDecodeAllocatesNothing(t *testing.T) {
	msg := AppendData(nil, tenMetrics())
	var p Payload
	var d Data
	if n := testing.AllocsPerRun(100, func() {
		if p.Decode(msg) != nil || DataOf(&p, &d) != nil {
			t.Fatal("not decoded")
		}
		if DecodeData(msg, &d) != nil {
			t.Fatal("not decoded directly")
		}
		if _, err := ParseTopic("spBv1.0/beixin/DDATA/gw-17/kitchen-0301"); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("decoding a DDATA of 10 metrics: %v allocations, want 0", n)
	}
}
