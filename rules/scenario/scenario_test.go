package scenario

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry/record"
)

// testRules are rules of all shapes that a scenario may meet.
const testRules = `
rules:
  - name: gas
    hazard: gas_leak
    severity: critical
    when: gas.ch4 > 10 %LEL
    hold: 20s
    clear: gas.ch4 < 5 %LEL
    message: {zh: 燃气, en: Gas}
  - name: two-smell-it
    hazard: smoke
    severity: major
    placement: [room_smoke]
    when: count(smoke > 0.3 dB/m) >= 2
    message: {zh: 烟, en: Smoke}
  - name: at-night
    hazard: overload
    severity: minor
    when: current > 5 A and between(22:00, 06:00)
    message: {zh: 夜间, en: At night}
`

func runner(t testing.TB, at *record.File) *Runner {
	t.Helper()
	r, err := New(at, []record.File{{Name: "rules.yaml", Data: []byte(testRules)}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// one runs a file of one test and gives its problems.
func one(t *testing.T, r *Runner, text string) []string {
	t.Helper()
	results, err := r.Run("a.test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 {
		t.Fatalf("%d results", len(results))
	}
	return results[0].Problems
}

const leak = `tests:
  - name: leak
    interval: 10s
    input:
      - {device: kitchen, placement: kitchen_gas, series: {gas.ch4: "0x6 12x6 0x3"}}
    expect:
`

// What does not agree is said in words that tell where it is expected and when it
// came.
func TestMismatches(t *testing.T) {
	const raise, clear = "      - {event: raise, rule: gas, at: 1m20s}\n", "      - {event: clear, hazard: gas_leak, device: kitchen, from: 2m, to: 2m}\n"
	for _, c := range []struct {
		name, expect string
		want         []string
	}{
		{"as expected", raise + clear, nil},
		{"order does not matter", clear + raise, nil},
		{"too late", "      - {event: raise, rule: gas, from: 1m, to: 1m10s}\n" + clear,
			[]string{"a.test.yaml:7:9: expected {event: raise, rule: gas, from: 1m0s, to: 1m10s} came at 1m20s"}},
		{"too early", "      - {event: raise, rule: gas, from: 1m21s}\n" + clear,
			[]string{"a.test.yaml:7:9: expected {event: raise, rule: gas, from: 1m21s} came at 1m20s"}},
		{"another moment", raise + "      - {event: clear, rule: gas, at: 2m1s}\n",
			[]string{"a.test.yaml:8:9: expected {event: clear, rule: gas, at: 2m1s} came at 2m0s"}},
		{"missing", raise + clear + "      - {event: revised, rule: gas}\n",
			[]string{"a.test.yaml:9:9: expected {event: revised, rule: gas} did not come"}},
		{"not expected", raise,
			[]string{"a.test.yaml:2:5: came and was not expected: {event: clear, rule: gas, hazard: gas_leak, device: kitchen, at: 2m0s}"}},
		{"once is not twice", raise + raise + clear,
			[]string{"a.test.yaml:8:9: expected {event: raise, rule: gas, at: 1m20s} did not come"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, one(t, runner(t, nil), leak+c.expect)); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

// Each mistake of a file is found, with its place, and no test of it runs.
func TestMistakes(t *testing.T) {
	head := "tests:\n  - name: a\n    interval: 10s\n    input:\n"
	device := "      - {device: d, series: {co: \"0x3\"}}\n"
	for _, c := range []struct{ text, want string }{
		{"", "a.test.yaml:1:1: the file is empty"},
		{"tests: []\n", "a.test.yaml:1:1: the file has no tests"},
		{"test: []\n", `a.test.yaml:1:1: unknown key "test", did you mean "tests"?`},
		{"tests:\n  - interval: 10s\n    input:\n" + device, "a.test.yaml:2:5: a test needs a name"},
		{"tests:\n  - name: a\n    input:\n" + device, `a.test.yaml:2:5: test "a" needs an interval, such as 10s`},
		{"tests:\n  - name: a\n    interval: -10s\n    input:\n" + device, `a.test.yaml:3:15: test "a" needs an interval, such as 10s`},
		{"tests:\n  - name: a\n    interval: 10\n    input:\n" + device, `a.test.yaml:3:15: "10" is not a duration`},
		{"tests:\n  - name: a\n    interval: 10s\n", `a.test.yaml:2:5: test "a" has no input`},
		{"tests:\n  - name: a\n    start: tomorrow\n    interval: 10s\n    input:\n" + device, `a.test.yaml:3:12: "tomorrow" is not a date`},
		{head + "      - {device: d}\n", `a.test.yaml:5:9: device "d" has no series`},
		{head + "      - {device: d e, series: {co: \"0\"}}\n", `a.test.yaml:5:18: "d e" cannot name a device`},
		{head + device + device, `a.test.yaml:6:18: device "d" is here twice`},
		{head + "      - {device: d, place: hall, series: {co: \"0\"}}\n", "a.test.yaml:5:28: a device with a place needs a placement too"},
		{head + "      - {device: d, place: \"a hall\", series: {co: \"0\"}}\n", `a.test.yaml:5:28: "a hall" cannot name a place here`},
		{head + "      - {device: d, placement: \"a b\", series: {co: \"0\"}}\n", `a.test.yaml:5:32: "a b" cannot be a placement`},
		{head + "      - {device: d, series: {coo: \"0\"}}\n", `a.test.yaml:5:35: unknown metric "coo", did you mean "co"?`},
		{head + "      - {device: d, series: {co.dose: \"0\"}}\n", "a.test.yaml:5:39: co.dose is computed by a detector"},
		{head + "      - {device: d, series: {co: \"0..9000/4\"}}\n", "a.test.yaml:5:34: 6000 is no value of co: its range is 0 to 5000 ppm"},
		{head + "      - {device: d, series: {co: \"0x\"}}\n", `a.test.yaml:5:34: "0x": "" is not a count`},
		{"tests:\n  - name: a\n    interval: 24h\n    input:\n      - {device: d, series: {co: \"0x32\"}}\n", "a.test.yaml:5:34: the series takes longer than 31 days"},
		{head + device + "    expect:\n      - {rule: gas}\n", "a.test.yaml:7:9: an expectation needs an event: one of raise, clear, revised"},
		{head + device + "    expect:\n      - {event: raised}\n", `a.test.yaml:7:17: unknown event "raised", did you mean "raise"?`},
		{head + device + "    expect:\n      - {event: raise, rule: gaz}\n", `a.test.yaml:7:30: unknown rule "gaz", did you mean "gas"?`},
		{head + device + "    expect:\n      - {event: raise, hazard: flood}\n", `a.test.yaml:7:32: unknown hazard "flood"`},
		{head + device + "    expect:\n      - {event: raise, device: e}\n", `a.test.yaml:7:32: unknown device "e"`},
		{head + device + "    expect:\n      - {event: raise, at: 1m, to: 2m}\n", "a.test.yaml:7:28: at says it all"},
		{head + device + "    expect:\n      - {event: raise, from: 2m, to: 1m}\n", "a.test.yaml:7:38: to is before from"},
	} {
		results, err := runner(t, nil).Run("a.test.yaml", []byte(c.text))
		if _, ok := errors.AsType[conf.Errors](err); !ok || len(results) > 0 || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s\ngot %v\nwant %s", c.text, err, c.want)
		}
	}
}

// All mistakes of a file are told at once, in the order in which they stand.
func TestAllMistakesAtOnce(t *testing.T) {
	_, err := runner(t, nil).Run("a.test.yaml", []byte(strings.Replace(leak, "12x6", "12y6", 1)+"      - {event: rise, rule: gaz}\n"))
	want := []string{"a.test.yaml:5:69", "a.test.yaml:7:17", "a.test.yaml:7:29"}
	var got []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		at, _, _ := strings.Cut(line, ": ")
		got = append(got, at)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant places %v", err, want)
	}
}

// Devices of one place are looked at together, and those of two places are not.
func TestPlaces(t *testing.T) {
	const text = `tests:
  - name: two of a place
    interval: 10s
    input:
      - {device: a, place: hall, placement: room_smoke, series: {smoke: "0x3 1x6 0x3"}}
      - {device: b, place: hall, placement: room_smoke, series: {smoke: "0x6 1x3 0x3"}}
    expect:
      - {event: raise, rule: two-smell-it, at: 1m}
      - {event: clear, rule: two-smell-it, at: 1m30s}
`
	if p := one(t, runner(t, nil), text); p != nil {
		t.Error(p)
	}
	apart := strings.Replace(text, "b, place: hall", "b, place: cellar", 1)
	if p := one(t, runner(t, nil), apart); len(p) != 2 {
		t.Error(p)
	}
}

// A test may begin at a time of day; unless it says so, it is an ordinary morning.
func TestStart(t *testing.T) {
	const text = `tests:
  - name: late
    start: 2026-03-01T21:59:00+08:00
    interval: 10s
    input:
      - {device: socket, series: {current: "6x12"}}
    expect:
      - {event: raise, rule: at-night, at: 1m}
`
	if p := one(t, runner(t, nil), text); p != nil {
		t.Error(p)
	}
	if p := one(t, runner(t, nil), strings.Replace(text, "    start: 2026-03-01T21:59:00+08:00\n", "", 1)); len(p) != 1 || !strings.Contains(p[0], "did not come") {
		t.Error(p)
	}
}

const siteText = `
timezone: Europe/Paris
metrics:
  - {name: gas.h2, unit: "%LEL", min: 0, max: 100, text: {zh: 氢气, en: Hydrogen}}
communities: [{id: c, grids: [{id: g, buildings: [{id: b, places: [{id: lab}]}]}]}]
devices:
  - {id: c/gw/h2, place: lab, placement: lab_gas, interval: 10s}
`

// With a site its devices stand where it says, and its own metrics are known.
func TestSite(t *testing.T) {
	at := &record.File{Name: "site.yaml", Data: []byte(siteText)}
	rules := record.File{Name: "rules.yaml", Data: []byte(`
rules:
  - name: hydrogen
    hazard: gas_leak
    severity: critical
    placement: [lab_gas]
    when: gas.h2 > 10 %LEL
    message: {zh: 氢气, en: Hydrogen}
`)}
	r, err := New(at, []record.File{rules})
	if err != nil {
		t.Fatal(err)
	}
	const text = `tests:
  - name: hydrogen
    interval: 10s
    input:
      - {device: c/gw/h2, series: {gas.h2: "0x6 20x3"}}
      - {device: elsewhere, placement: room, series: {gas.h2: "0x6 20x3"}}
    expect:
      - {event: raise, rule: hydrogen, device: c/gw/h2, at: 1m}
`
	if p := one(t, r, text); p != nil {
		t.Error(p)
	}
	for old, want := range map[string]string{
		"c/gw/h2, series":      `a.test.yaml:5:34: device "c/gw/h2" stands where the site file says`,
		"elsewhere, placement": "a.test.yaml:6:36: with a site file a device has its place there",
	} {
		name, key, _ := strings.Cut(old, ", ")
		bad := strings.Replace(text, old, name+", place: lab, "+key, 1)
		if _, err := r.Run("a.test.yaml", []byte(bad)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	if _, err := New(nil, []record.File{rules}); err == nil || !strings.HasPrefix(err.Error(), "rules.yaml:7:11: unknown metric") {
		t.Errorf("without the site: %v", err)
	}
	if _, err := New(&record.File{Name: "site.yaml", Data: []byte("people: 3\n")}, nil); err == nil || !strings.HasPrefix(err.Error(), "site.yaml:1:9") {
		t.Errorf("a wrong site: %v", err)
	}
}
