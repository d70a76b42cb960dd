package rules

import (
	"testing"

	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/telemetry"
)

const overRule = `rules:
  - {name: leak, hazard: gas_leak, severity: critical, when: gas.ch4 > 20 %LEL, clear: gas.ch4 < 5 %LEL, clear_hold: 10s, message: {zh: x, en: x}}
  - {name: warm, hazard: overheat, severity: major, when: temperature > 70 °C, message: {zh: x, en: x}}
`

// A hazard is over when that is known, and not when nothing is known of it: in an
// engine that has raised it, and in one that begins anew.
func TestOver(t *testing.T) {
	w := newWorld(t, overRule)
	const dev = "g/n/k"
	want := func(when, rule string, want lang.Truth) {
		t.Helper()
		if got := w.e.Over(rule, dev); got != want {
			t.Errorf("%s: over is %v, want %v", when, got, want)
		}
	}
	want("of a device that nobody knows", "leak", lang.Unknown)
	w.born(dev, 1000, "gas.ch4")
	want("before the first reading", "leak", lang.Unknown)
	want("of a rule that does not ask the device", "warm", lang.Unknown)
	want("of a rule that is gone", "gone", lang.Unknown)
	at := int64(t0)
	read := func(v float64) { at += 1000; w.reads(dev, "gas.ch4", at, v) }
	read(8)
	want("above what clears it", "leak", lang.False)
	read(3)
	want("clean air", "leak", lang.True)
	read(30)
	want("raised", "leak", lang.False)
	read(3)
	want("while clear is held", "leak", lang.False)
	for range 11 {
		read(3)
	}
	want("cleared", "leak", lang.True)
	w.apply(at+1, faults(dev, "gas.ch4", at+1, telemetry.NoResponse))
	want("not measured", "leak", lang.Unknown)
}
