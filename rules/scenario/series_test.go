package scenario

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/telemetry"
)

func TestSeries(t *testing.T) {
	v := func(values ...float64) (list []sample) {
		for _, x := range values {
			list = append(list, sample{value: x})
		}
		return list
	}
	gap, open := sample{missing: true}, sample{quality: telemetry.Open}
	for text, want := range map[string][]sample{
		"4":               v(4),
		"4x3":             v(4, 4, 4),
		"-4.5x2 1e1":      v(-4.5, -4.5, 10),
		"0..30/4":         v(0, 10, 20, 30),
		"30..0/3":         v(30, 15, 0),
		"-1..1/3":         v(-1, 0, 1),
		"7..9/1":          v(9),
		"_":               {gap},
		"1 _x2 2":         {{value: 1}, gap, gap, {value: 2}},
		"open":            {open},
		"openx2 stuck":    {open, open, {quality: telemetry.Stuck}},
		" \n 1\t2\n":      v(1, 2),
		"no_response 0":   {{quality: telemetry.NoResponse}, {}},
		"0.1..0.1/3":      v(0.1, 0.1, 0.1),
		"saturated _ 0.0": {{quality: telemetry.Saturated}, gap, {}},
	} {
		got, err := parseSeries(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if d := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); d != "" {
			t.Errorf("%q: want -, got +:\n%s", text, d)
		}
	}
}

func TestSeriesRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "an empty series",
		" ":                   "an empty series",
		"4x0":                 `"0" is not a count between 1 and 250000`,
		"4x-1":                `"-1" is not a count`,
		"4x":                  `"" is not a count`,
		"4x2x3":               `"2x3" is not a count`,
		"4x999999999999999":   "is not a count",
		"1x200000 1x200000":   "more than 250000 samples",
		"0..30":               `"0..30" is no ramp: write from..to/count`,
		"0../3":               "is no ramp",
		"..3/3":               "is no ramp",
		"0..30/0":             "is not a count",
		"0..x/3":              "is no ramp",
		"NaN":                 "is neither a value nor _ nor a fault quality",
		"Inf":                 "is neither a value",
		"1e999":               "is neither a value",
		"0x1p4":               `"1p4" is not a count`,
		"good":                "is neither a value nor _ nor a fault quality",
		"warmup":              "is neither a value nor _ nor a fault quality",
		"opne":                `did you mean "open"?`,
		"x3":                  "is neither a value",
		"4,5":                 "is neither a value",
		"1_000":               "is neither a value",
		"-1e308..1e308/3 _ y": "is neither a value",
	} {
		_, err := parseSeries(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// Whatever is written, a series is refused or made of finite numbers between those
// written, and of no more of them than allowed.
func FuzzSeries(f *testing.F) {
	for _, s := range []string{"0x6 0..30/12 30x6 0x30", "_x5 open stuckx3", "-1e308..1e308/250000", "..", "x", "0..1/", "NaN Inf 0x1p-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseSeries(text)
		if err != nil {
			return
		}
		if n := len(list); n == 0 || n > maxSamples {
			t.Fatalf("%q: %d samples", text, n)
		}
		for _, s := range list {
			if math.IsNaN(s.value) || math.IsInf(s.value, 0) || s.quality != 0 && !s.quality.Fault() || s.missing && s.value != 0 {
				t.Fatalf("%q: %+v", text, s)
			}
		}
	})
}
