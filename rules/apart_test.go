package rules

import (
	"testing"

	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const apartRule = `
rules:
  - name: disagree
    hazard: fault
    severity: minor
    when: apart(smoke) > 0.1 dB/m
    hold: 5s
    clear: apart(smoke) < 0.05 dB/m
    message: {zh: 不一致, en: Disagree}
`

const onePlace = `
communities:
  - id: c
    grids:
      - id: grid
        buildings:
          - {id: b, places: [{id: hall}, {id: cellar}]}
devices:
  - {id: g/n/a, place: hall, placement: room_smoke}
  - {id: g/n/b, place: hall, placement: room_smoke}
  - {id: g/n/c, place: cellar, placement: room_smoke}
`

func threeSensors(t *testing.T) *world {
	w := newWorld(t, apartRule)
	w.apply(t0, &record.Site{Version: "1", File: record.File{Name: "site.yaml", Data: []byte(onePlace)}})
	for _, d := range []string{"a", "b", "c"} {
		w.born("g/n/"+d, 1000, "smoke")
	}
	return w
}

// The devices of a place are compared with one another, and with no other place's; the
// raise is of the one that reads most, with what would have been too much for it.
func TestApart(t *testing.T) {
	w := threeSensors(t)
	for s := int64(1); s <= 20; s++ {
		high := 0.02
		if s >= 4 && s < 14 {
			high = 0.2
		}
		w.reads("g/n/a", "smoke", t0+s*1000, 0.05)
		w.reads("g/n/b", "smoke", t0+s*1000+100, high)
		w.reads("g/n/c", "smoke", t0+s*1000+200, 0.9)
	}
	w.want("raise disagree at 9.1 since 4.1", "clear disagree at 14.1 since 4.1 until 14.1")
	v, low := w.verdicts[0], 0.05
	if v.Device != "g/n/b" || v.Place != "hall" || v.Metric != "smoke" || v.Value != 0.2 || v.Threshold != low+0.1 {
		t.Errorf("raised of %s at %s: %s %g over %g", v.Device, v.Place, v.Metric, v.Value, v.Threshold)
	}
	both := map[string]bool{}
	for _, e := range v.Evidence {
		both[e.Device] = true
	}
	if len(both) != 2 || !both["g/n/a"] || !both["g/n/b"] {
		t.Errorf("evidence of %v, want both", both)
	}
}

// Of a device in fault nothing is known: what the others are apart is apart all the
// same, and what they agree on is not the end of it.
func TestApartUnknown(t *testing.T) {
	w := threeSensors(t)
	w.reads("g/n/a", "smoke", t0+1000, 0.05)
	w.apply(t0+1100, faults("g/n/b", "smoke", t0+1100, telemetry.NoResponse))
	for s := int64(2); s <= 12; s++ {
		w.reads("g/n/a", "smoke", t0+s*1000, 0.05)
	}
	w.want()
	in := w.e.byID["g/n/a"].cell.insts[0]
	c := w.e.byID["g/n/a"].cell
	if got := in.when.truth(&moment{&c.cur, t0 + 12_000, c}); got != lang.Unknown {
		t.Errorf("one known of two: %v, want unknown", got)
	}
	// One alone is apart from nobody: the rule costs its readings nothing.
	if alone := w.e.byID["g/n/c"].cell; len(alone.insts) != 0 {
		t.Errorf("%d instances for one sensor alone", len(alone.insts))
	}
}
