package rules

import (
	"testing"

	"weishao.dev/weishao/telemetry"
)

func TestPoint(t *testing.T) {
	p, ok := pointOf(1<<slotBits-1, &telemetry.Point{Time: t0, Value: 1.5, Quality: telemetry.BadFrame})
	if !ok || p.time() != t0 || p.slot() != 1<<slotBits-1 || p.quality() != telemetry.BadFrame || p.V != 1.5 || !p.fault() {
		t.Errorf("got %d, slot %d, %s, %g, %v", p.time(), p.slot(), p.quality(), p.V, ok)
	}
	if q := p.at(t0+1, 7); q.time() != t0+1 || q.slot() != 7 || q.quality() != p.quality() || compare(p, q) >= 0 {
		t.Errorf("moved to %d, slot %d, %s", q.time(), q.slot(), q.quality())
	}
	for _, at := range []int64{-1, 0, 1 << timeBits} {
		if _, ok := pointOf(0, &telemetry.Point{Time: at}); ok {
			t.Errorf("a reading of %d ms is taken", at)
		}
	}
	if _, ok := pointOf(1<<slotBits, &telemetry.Point{Time: t0}); ok {
		t.Error("a slot that does not fit is taken")
	}
	last := point{}.at(t0+2, 0)
	if at := p.at(t0+1, 0).place([]point{p.at(t0, 0), p.at(t0+1, 0), last}); at != 2 {
		t.Errorf("belongs at %d, want 2: after its like", at)
	}
}
