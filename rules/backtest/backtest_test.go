package backtest

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/readings"
	"weishao.dev/weishao/telemetry/record"
)

// t0 is when recordings begin: not on a whole second, and years ago.
const t0 = int64(1_500_000_000_250)

const gasRule = `
rules:
  - name: gas
    hazard: gas_leak
    severity: critical
    when: gas.ch4 > 10 %LEL
    hold: 5s
    clear: gas.ch4 < 5 %LEL
    message: {zh: 燃气, en: Gas}
`

func gas(device string, at int64, v float64) telemetry.Reading {
	return telemetry.Reading{Device: device, Point: telemetry.Point{Metric: "gas.ch4", Time: t0 + at, Value: v}}
}

func fault(device string, at int64, q telemetry.Quality) telemetry.Reading {
	return telemetry.Reading{Device: device, Point: telemetry.Point{Metric: "gas.ch4", Time: t0 + at, Quality: q}}
}

func list(rs ...telemetry.Reading) iter.Seq2[telemetry.Reading, error] {
	return func(yield func(telemetry.Reading, error) bool) {
		for _, r := range rs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// says runs a recording and gives each verdict, with times since t0.
func says(t *testing.T, in iter.Seq2[telemetry.Reading, error], opts Options) (got []string, sum Summary) {
	t.Helper()
	if opts.Rules == nil {
		opts.Rules = []record.File{{Name: "gas.yaml", Data: []byte(gasRule)}}
	}
	sum, err := Run(in, opts, func(v rules.Verdict) {
		s := fmt.Sprintf("%s %s %s %s at %d since %d", v.Event, v.Rule, v.Device, v.Place, v.Time-t0, v.Onset-t0)
		if v.Reason != "" {
			s += " (" + v.Reason + ")"
		}
		got = append(got, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, sum
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// The file's own times are kept, holds end between readings, and the file's end is
// nobody's silence.
func TestTimesAreKept(t *testing.T) {
	got, sum := says(t, list(gas("d", 0, 1), gas("d", 10_000, 20), gas("d", 20_000, 20), gas("d", 30_000, 1)), Options{})
	want(t, got, "raise gas d d at 15000 since 10000", "clear gas d d at 30000 since 10000")
	if d := cmp.Diff(Summary{Readings: 4, Devices: 1, From: t0, To: t0 + 30_000, Raised: map[rules.Hazard]int{rules.GasLeak: 1}}, sum); d != "" {
		t.Errorf("summary: want -, got +:\n%s", d)
	}
}

// Silence within the file is found, each device's on its own; that after the last
// reading is not, unless time is asked to pass.
func TestSilence(t *testing.T) {
	in := list(gas("d", 0, 1), gas("e", 0, 1), gas("e", 60_000, 1), gas("e", 120_000, 1), gas("d", 130_000, 1))
	opts := Options{Interval: 30_000}
	got, _ := says(t, in, opts)
	want(t, got,
		"raise unsupervised d d at 67000 since 0 (silent)",
		"clear unsupervised d d at 130000 since 0 (heard again)")
	opts.Until = t0 + 230_000
	got, _ = says(t, in, opts)
	if n := len(got); n != 4 || !strings.HasPrefix(got[2], "raise unsupervised e e") || !strings.HasPrefix(got[3], "raise unsupervised d d") {
		t.Errorf("%q", got)
	}
	// Recordings of meters that report on change are silent for minutes.
	got, _ = says(t, in, Options{})
	want(t, got)
	got, _ = says(t, list(gas("d", 0, 1), gas("d", 3_600_000, 1)), Options{})
	if len(got) != 2 || !strings.HasPrefix(got[0], "raise unsupervised d") {
		t.Errorf("an hour: %q", got)
	}
}

// Silence of hours costs few records, and none of them is so far from the one
// before that the hub would seem to have been away.
func TestLongSilence(t *testing.T) {
	got, _ := says(t, list(gas("d", 0, 20), gas("d", 5000, 20), gas("d", 40*86_400_000, 1)), Options{})
	if len(got) != 4 || got[0] != "raise gas d d at 5000 since 0" || !strings.HasPrefix(got[1], "raise unsupervised d d at ") ||
		got[2] != fmt.Sprintf("clear unsupervised d d at %d since 5000 (heard again)", int64(40*86_400_000)) ||
		got[3] != fmt.Sprintf("clear gas d d at %d since 0", int64(40*86_400_000)) {
		t.Errorf("%q", got)
	}
}

// A little disorder is what a gateway's buffers make too: late readings are put
// where they belong.
func TestDisorder(t *testing.T) {
	ordered := []telemetry.Reading{gas("d", 0, 1), gas("d", 2000, 20), gas("d", 4000, 20), gas("d", 6000, 20), gas("d", 8000, 20), gas("d", 10_000, 1), gas("d", 30_000, 1)}
	in := slices.Clone(ordered)
	in[3], in[4] = in[4], in[3]
	got, _ := says(t, list(in...), Options{})
	first, _ := says(t, list(ordered...), Options{})
	want(t, got, first...)

	// One that comes too late for the hold changes what was said.
	in = slices.Clone(ordered)
	in[2].Value = 1
	in = append(in[:2:2], append(in[3:6:6], in[2], in[6])...)
	got, _ = says(t, list(in...), Options{})
	want(t, got,
		"raise gas d d at 7000 since 2000",
		"clear gas d d at 10000 since 2000",
		"revised gas d d at 10000 since 2000")
}

func TestFaults(t *testing.T) {
	var in []telemetry.Reading
	for at := int64(0); at < 120_000; at += 1000 {
		switch {
		case at < 40_000:
			in = append(in, fault("d", at, telemetry.Stuck))
		default:
			in = append(in, gas("d", at, 1))
		}
	}
	got, _ := says(t, list(in...), Options{})
	want(t, got, "raise fault d d at 30000 since 0 (stuck)", "clear fault d d at 100000 since 0 (measures again)")
}

// Names are those of the file, whole IDs and short ones; placements decide which
// rules are for a device.
func TestNamesAndPlacements(t *testing.T) {
	const placed = "    placement: [kitchen_gas]\n    when:"
	rule := []record.File{{Name: "gas.yaml", Data: []byte(strings.Replace(gasRule, "    when:", placed, 1))}}
	in := list(gas("g/n/d", 0, 20), gas("厨房 1", 0, 20), gas("g/n/d", 9000, 20), gas("厨房 1", 9000, 20))
	for _, c := range []struct {
		opts Options
		want []string
	}{
		{Options{}, []string{"g/n/d", "厨房 1"}}, // by its metric
		{Options{Placement: "shop"}, nil},
		{Options{Placement: "shop", Placements: map[string]string{"厨房 1": "kitchen_gas"}}, []string{"厨房 1"}},
	} {
		c.opts.Rules = rule
		var got []string
		if _, err := Run(in, c.opts, func(v rules.Verdict) {
			got = append(got, v.Device)
			if v.Place != v.Device || v.Zone != v.Device || slices.ContainsFunc(v.Evidence, func(e rules.Evidence) bool { return e.Device != v.Device }) {
				t.Errorf("%+v", v)
			}
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.opts, got, c.want)
		}
	}
}

// With a site, devices that it knows stand where it says.
func TestSite(t *testing.T) {
	at := &record.File{Name: "site.yaml", Data: []byte(`
communities: [{id: c, grids: [{id: g, buildings: [{id: b, places: [{id: kitchen}]}]}]}]
devices:
  - {id: g/n/d, place: kitchen, placement: kitchen_gas}
`)}
	got, _ := says(t, list(gas("g/n/d", 0, 20), gas("g/n/d", 9000, 20)), Options{Site: at})
	want(t, got, "raise gas g/n/d kitchen at 5000 since 0")
}

// What comes late in the file, a device or a metric, is met when it comes.
func TestNewDevicesAndMetrics(t *testing.T) {
	co := telemetry.Reading{Device: "d", Point: telemetry.Point{Metric: "co", Time: t0 + 20_000, Value: 400}}
	late := co
	late.Time += 15_000
	got, sum := says(t, list(gas("d", 0, 1), gas("d", 10_000, 1), co, gas("e", 20_000, 25), gas("d", 20_000, 1), gas("e", 30_000, 25), late), Options{Rules: rules.Shipped()})
	if sum.Devices != 2 || !slices.Contains(got, "raise co-high d d at 30000 since 20000") || !slices.Contains(got, "raise gas-leak e e at 22000 since 20000") {
		t.Errorf("%q of %d devices", got, sum.Devices)
	}
}

// A file is read as `weishao rules backtest` reads it: plain or gzipped, values out
// of range as saturated, other bad lines left out and named.
func TestFiles(t *testing.T) {
	const text = "time,device,metric,value,quality\n" +
		"2026-03-01T08:00:00.250+08:00,kitchen,gas.ch4,1,\n" +
		"1772323201.25,kitchen,gas.ch5,1,\n" +
		"1772323205.25,kitchen,gas.ch4,20,\n" +
		"1772323211.25,kitchen,gas.ch4,120,\n" +
		"1772323212.25,kitchen,gas.ch4,,open\n"
	dir := t.TempDir()
	plain := filepath.Join(dir, "a.csv")
	if err := os.WriteFile(plain, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	packed := filepath.Join(dir, "a.csv.gz")
	w, err := readings.Create(packed)
	if err != nil {
		t.Fatal(err)
	}
	copied := open(t, plain, cat)
	for r := range copied.Tolerant(nil) {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for file, most := range map[string]int{plain: 2, packed: 0} {
		var bad []string
		in := open(t, file, cat)
		got, sum := says(t, in.Tolerant(func(e *readings.LineError) { bad = append(bad, e.Error()) }), Options{})
		if len(got) != 1 || sum.Readings != 4 || sum.From != 1_772_323_200_250 || len(bad) != most {
			t.Errorf("%s: %q, %+v, %q", file, got, sum, bad)
		}
		if most > 0 && !strings.HasPrefix(bad[0], plain+`:3: unknown metric "gas.ch5", did you mean "gas.ch4"?`) {
			t.Errorf("%q", bad)
		}
	}
	// Without Tolerant the first bad line ends the run.
	in := open(t, plain, cat)
	sum, err := Run(in.All(), Options{}, func(rules.Verdict) {})
	if err == nil || !strings.HasPrefix(err.Error(), plain+":3: ") || sum.Readings != 1 {
		t.Errorf("%v after %d readings", err, sum.Readings)
	}
}

func open(t *testing.T, file string, cat *telemetry.Catalogue) *readings.Reader {
	t.Helper()
	in, err := readings.Open(file, cat)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

func TestErrors(t *testing.T) {
	if _, err := Run(list(), Options{}, nil); err == nil || err.Error() != "the file has no readings" {
		t.Errorf("an empty file: %v", err)
	}
	opts := Options{Rules: []record.File{{Name: "x.yaml", Data: []byte("rules: 3\n")}}}
	if _, err := Run(list(gas("d", 0, 1)), opts, nil); err == nil || !strings.Contains(err.Error(), "x.yaml:1:8") {
		t.Errorf("wrong rules: %v", err)
	}
}

func TestProgress(t *testing.T) {
	n := int64(0)
	in := func(yield func(telemetry.Reading, error) bool) {
		for i := range int64(1_000_001) {
			if !yield(gas("d", i*1000/100, 1), nil) {
				return
			}
		}
	}
	if _, err := Run(in, Options{Progress: func(m int64) { n = m }}, func(rules.Verdict) {}); err != nil || n != 1_000_000 {
		t.Errorf("%v, told of %d", err, n)
	}
}

// A recording without a site is of one dwelling, a room to each device, if one is asked
// for: what is raised in one room is known in the others. In verdicts each device
// stands where it would without.
func TestADwellingOfARecording(t *testing.T) {
	text := gasRule + `
  - name: next-door
    hazard: smoke
    severity: major
    when: gas.ch4 > 2 %LEL and elsewhere(gas_leak)
    message: {zh: 隔壁, en: Next door}
`
	for _, c := range []struct {
		dwelling bool
		devices  int
		want     []string
	}{
		{true, 3, []string{"raise gas d0 d0 at 6000 since 1000", "raise next-door d1 d1 at 6000 since 6000"}},
		{false, 3, []string{"raise gas d0 d0 at 6000 since 1000"}},
		{true, mostRooms + 1, []string{"raise gas d0 d0 at 6000 since 1000"}},
	} {
		var rs []telemetry.Reading
		for s := int64(1); s < 10; s++ {
			for i := range c.devices {
				rs = append(rs, gas(fmt.Sprintf("d%d", i), 1000*s, max(float64(20-15*i), 0)))
			}
		}
		var zones []string
		opts := Options{Rules: []record.File{{Name: "r.yaml", Data: []byte(text)}}, Dwelling: c.dwelling}
		got, _ := says(t, list(rs...), opts)
		if _, err := Run(list(rs...), opts, func(v rules.Verdict) { zones = append(zones, v.Zone) }); err != nil {
			t.Fatal(err)
		}
		want(t, got, c.want...)
		if zones[0] != "d0" {
			t.Errorf("zone %s", zones[0])
		}
	}
}
