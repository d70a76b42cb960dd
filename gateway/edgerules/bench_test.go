package edgerules

import (
	"fmt"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// BenchmarkUrgent is what the edge's rules cost for each reading, of 50 kitchens.
func BenchmarkUrgent(b *testing.B) {
	w, err := New(Config{Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	var list []devices.Info
	var ids []string
	for i := range 50 {
		id := fmt.Sprintf("kitchen-%d", i)
		list = append(list, devices.Info{ID: id, Placement: "kitchen_gas", Interval: time.Second, Metrics: []string{"gas.ch4"}})
		ids = append(ids, "g/n/"+id)
	}
	w.Announce("g/n", list)
	b.ReportAllocs()
	start, n := time.Now().UnixMilli(), 0
	for b.Loop() {
		p := telemetry.Point{Metric: "gas.ch4", Time: start + int64(n/50), Value: 0.3 + float64(n%7)/100}
		if w.Urgent(ids[n%50], "kitchen_gas", p) {
			b.Fatal("clean air is urgent")
		}
		n++
	}
}
