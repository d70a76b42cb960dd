package rules

import (
	"strings"
	"testing"
)

const explainedRule = `
rules:
  - name: rising
    hazard: gas_leak
    severity: major
    when: gas.leak_likelihood >= 0.9 and gas.ch4 > 4 %LEL
    clear: gas.leak_likelihood < 0.3
    message: {zh: 燃气, en: Gas}
`

// A raise says by what its detector decided, the same again from the same log; what
// comes after it does not, and a rule that asks no detector has nothing to say.
func TestRaiseIsExplained(t *testing.T) {
	leak := func(rules string) *world {
		w := newWorld(t, rules)
		w.born("g/n/d", 5000, "gas.ch4")
		for s := int64(0); s < 900; s += 5 {
			v := 0.5
			if s > 300 && s < 600 {
				v += float64(s-300) * 0.04
			}
			w.reads("g/n/d", "gas.ch4", t0+s*1000, v)
		}
		w.ticks(t0 + 1_200_000)
		return w
	}
	w := leak(explainedRule)
	if len(w.verdicts) < 2 || w.verdicts[0].Event != Raise {
		t.Fatalf("got %q", w.says())
	}
	raise := w.verdicts[0]
	if raise.Likely != "gas.leak_likelihood" {
		t.Errorf("its likelihood is of %q", raise.Likely)
	}
	said := map[string]Feature{}
	for _, f := range raise.Features {
		said[f.Name] = f
	}
	if f := said["gas.above"]; f.Device != "g/n/d" || f.Unit != "%LEL" || f.Value < 3 || f.Value > 6 {
		t.Errorf("gas.above is %+v among %s", f, asJSON(t, raise.Features))
	}
	for _, v := range w.verdicts[1:] {
		if v.Features != nil {
			t.Errorf("%s has features", v.Event)
		}
	}
	for _, held := range w.e.Active() {
		if held.Features != nil {
			t.Error("features are kept in the engine's state")
		}
	}
	if got, want := asJSON(t, w.replay().verdicts), asJSON(t, w.verdicts); got != want {
		t.Errorf("replayed\n%s\nwant\n%s", got, want)
	}
	plain := leak(gasRule)
	if len(plain.verdicts) == 0 || strings.Contains(asJSON(t, plain.verdicts), "features") {
		t.Errorf("a rule without a detector: %s", asJSON(t, plain.verdicts))
	}
}
