package ingest

import (
	"testing"

	"weishao.dev/weishao/telemetry"
)

// A foreign detector whose zero has wandered a little below 0 reads 0; it is not silent.
func TestAZeroThatWanders(t *testing.T) {
	m, _ := telemetry.NewCatalogue(telemetry.LEL{}).Lookup("gas.ch4")
	x := target{metric: m, plain: true}
	for _, c := range []struct {
		value, want float64
		bad         telemetry.Bad
	}{{-0.5, 0, telemetry.BadNone}, {-3, 0, telemetry.BadNone}, {-4, -4, telemetry.BadRange}, {12, 12, telemetry.BadNone}, {101, 101, telemetry.BadRange}} {
		if p, bad := x.point(5, c.value, telemetry.Good, window{0, 10}); p.Value != c.want || bad != c.bad {
			t.Errorf("%g: got %v, %q, want %g, %q", c.value, p, bad, c.want, c.bad)
		}
	}
}
