package rules

import "testing"

// Rules that change with time alone are asked every second from the first reading
// on, and not from 1970; the answer is the same for readings out of order.
func TestTimedRulesBeginWithTheFirstReading(t *testing.T) {
	const text = `
rules:
  - name: night
    hazard: overload
    severity: minor
    when: current > 5 A and between(04:27, 04:28)
    message: {zh: 夜间, en: At night}
  - name: old
    hazard: overload
    severity: advisory
    when: age(power) > 20s
    message: {zh: 没读数, en: No reading}
  - name: rests
    hazard: overload
    severity: advisory
    when: not changed(current, 10s) and count(current, 10s) < 5
    message: {zh: 不动, en: It rests}
`
	// t0 is 04:26:40 in Shanghai.
	w := newWorld(t, text)
	w.born("g/n/d", 10_000, "current", "power")
	w.reads("g/n/d", "power", t0+1000, 1000)
	w.reads("g/n/d", "current", t0+2000, 6)
	w.apply(t0+2500, reading("g/n/d", "current", t0+1500, 6))
	w.reads("g/n/d", "current", t0+12_000, 6)
	w.reads("g/n/d", "current", t0+22_000, 6)
	w.ticks(t0 + 24_000)
	w.want("raise rests at 12 since 12", "raise night at 20 since 20", "raise old at 22 since 22")
	if got, want := w.replay().says(), w.says(); len(got) != len(want) {
		t.Errorf("a replay says %q", got)
	}
}
