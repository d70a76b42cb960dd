package rules

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

type nobody struct{ derived int }

func (*nobody) Verdict(Verdict)         {}
func (n *nobody) Derived(DerivedSample) { n.derived++ }

// BenchmarkApply is the cost of one reading with the shipped rules and all
// detectors, from 1,000 devices at 10 readings a second each, ten to a message.
func BenchmarkApply(b *testing.B) {
	for _, metric := range []string{"gas.ch4", "smoke", "temperature", "co", "power", "humidity"} {
		b.Run(metric, func(b *testing.B) {
			e := NewEngine()
			out := &nobody{}
			e.Apply(&record.Record{Seq: 1, Arrival: t0, Entries: []record.Entry{&record.Rules{Version: "1", Files: Shipped()}}}, out)
			const devices = 1000
			rec := record.Record{Seq: 2, Arrival: t0}
			for i := range devices {
				id := fmt.Sprintf("g/n/d%d", i)
				e.Apply(&record.Record{Seq: 2, Arrival: t0, Entries: []record.Entry{&record.DeviceBirth{Device: id, IntervalMS: 1000, Metrics: []string{metric}}}}, out)
				r := &record.Readings{Device: id}
				for range 10 {
					r.Points = append(r.Points, telemetry.Point{Metric: metric})
				}
				rec.Entries = append(rec.Entries, r)
			}
			rec.Entries = append(rec.Entries, &record.Tick{})
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += devices * 10 {
				rec.Seq++
				rec.Arrival += 1000
				for i, entry := range rec.Entries[:devices] {
					for j := range entry.(*record.Readings).Points {
						p := &entry.(*record.Readings).Points[j]
						p.Time = rec.Arrival - 1000 + int64(j)*100
						p.Value = 2 + math.Sin(float64(i+int(rec.Arrival/1000)))
					}
				}
				e.Apply(&rec, out)
			}
			b.ReportMetric(float64(out.derived)/float64(b.N), "derived/reading")
		})
	}
}

// BenchmarkSnapshot is the pause of the rules while their state is copied, for
// 10,000 devices, and what a device takes in memory.
func BenchmarkSnapshot(b *testing.B) {
	e := NewEngine()
	out := &nobody{}
	e.Apply(&record.Record{Seq: 1, Arrival: t0, Entries: []record.Entry{&record.Rules{Version: "1", Files: Shipped()}}}, out)
	metrics := []string{"gas.ch4", "smoke", "temperature", "power"}
	rec := record.Record{Seq: 2}
	const devices = 10_000
	for i := range devices {
		rec.Entries = append(rec.Entries, &record.Readings{Device: fmt.Sprintf("g/n%d/d%d", i/50, i), Points: make([]telemetry.Point, 1)})
	}
	rec.Entries = append(rec.Entries, &record.Tick{})
	for s := range int64(120) {
		rec.Seq, rec.Arrival = rec.Seq+1, t0+s*1000
		for i, entry := range rec.Entries[:devices] {
			entry.(*record.Readings).Points[0] = telemetry.Point{Metric: metrics[i%4], Time: rec.Arrival, Value: 1 + math.Sin(float64(s))}
		}
		e.Apply(&rec, out)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s, err := e.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	size := len(s)
	for b.Loop() {
		if _, err := e.Freeze(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)/devices, "snapshot-B/device")
	b.ReportMetric(float64(m.HeapAlloc)/devices, "heap-B/device")
}
