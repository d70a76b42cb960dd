package record_test

import (
	"fmt"
	"testing"

	"weishao.dev/weishao/telemetry"
	. "weishao.dev/weishao/telemetry/record"
)

// sample is a record of some messages with as many points each, from 50 devices
// with 5 metrics: what a batch of the hub looks like.
func sample(messages, points int) *Record {
	const now = 1_764_000_000_000
	names := []string{"gas.ch4", "co", "temperature", "humidity", "power"}
	r := &Record{Arrival: now}
	for m := range messages {
		v := &Readings{Device: fmt.Sprintf("beixin/gw-1/device-%02d", m%50), Epoch: Epoch{1, 2, 3}, Run: 7, First: uint64(1e6 + m*points)}
		for i := range points {
			v.Points = append(v.Points, telemetry.Point{Metric: names[i%len(names)], Time: now - 50 + int64(i), Value: 20.5 + float64(i)})
		}
		r.Entries = append(r.Entries, v)
	}
	return r
}

const benchMessages, benchPoints = 500, 10

func BenchmarkAppend(b *testing.B) {
	r := sample(benchMessages, benchPoints)
	var e Encoder
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = e.Append(buf[:0], r)
	}
	perReading(b)
	b.ReportMetric(float64(len(buf))/(benchMessages*benchPoints), "bytes/reading")
}

func BenchmarkDecode(b *testing.B) {
	buf := AppendRecord(nil, sample(benchMessages, benchPoints))
	var d Decoder
	var r Record
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(buf, &r); err != nil {
			b.Fatal(err)
		}
	}
	perReading(b)
}

func perReading(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(benchMessages*benchPoints), "ns/reading")
}

// Each consumer of the log decodes every record: a reused Decoder must leave
// nothing for the garbage collector, nor must the writer's Encoder.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	in := sample(20, 10)
	buf := AppendRecord(nil, in)
	var e Encoder
	var d Decoder
	var r Record
	var out []byte
	if n := testing.AllocsPerRun(50, func() {
		if err := d.Decode(buf, &r); err != nil {
			t.Fatal(err)
		}
		out = e.Append(out[:0], in)
	}); n != 0 {
		t.Errorf("decoding and encoding a record again: %v allocations, want 0", n)
	}
}
