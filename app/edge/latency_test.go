package edge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkSampleToPin is the time from the moment at which a sensor hands over the
// reading that is too much to the moment at which the valve's GPIO line has its level,
// on a whole gateway beside 63 sensors that measure a hundred times a second all
// together, with an outbox on disk and nobody at the other end of the network. The line
// is simulated: on a board an ioctl of some microseconds comes on top.
func BenchmarkSampleToPin(b *testing.B) {
	dir := b.TempDir()
	write(b, dir, "rules.yaml", `rules:
  - {name: leak, hazard: gas_leak, severity: critical, when: gas.ch4 > 20 %LEL, clear: gas.ch4 < 5 %LEL, edge: [close gas_valve], message: {zh: x, en: x}}
`)
	var sensors strings.Builder
	for i := range 63 {
		fmt.Fprintf(&sensors, "  - {id: other-%d, kind: simulated, interval: 630ms, placement: room_smoke, simulate: {room: {}}}\n", i)
	}
	file := write(b, dir, "gateway.yaml", strings.ReplaceAll(strings.ReplaceAll(house, "devices:\n", "devices:\n"+sensors.String()),
		"  - {id: horn, kind: siren, output: {gpio: {line: 2, active: low}}}\n", "")+"rules: [rules.yaml]\n")
	r := runGateway(b, file, nil)
	r.nose.smells(0.5)
	var took []time.Duration
	for b.Loop() {
		r.nose.smells(0.5) // a rule that is over may be raised again
		if err := r.watch.Reset("valve", true); err != nil {
			b.Fatal(err)
		}
		if len(took) > 0 {
			r.board.want(b, 1, false)
		}
		began := time.Now()
		r.nose.smells(30)
		took = append(took, r.board.want(b, 1, true).Sub(began))
	}
	slices.Sort(took)
	for name, share := range map[string]float64{"p50": 0.5, "p99": 0.99, "max": 1} {
		b.ReportMetric(float64(took[int(share*float64(len(took)-1))].Microseconds()), name+"-µs")
	}
	b.ReportMetric(0, "ns/op")
}
