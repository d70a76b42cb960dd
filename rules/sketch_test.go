package rules

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/rules/lang"
)

// exactly is the quantile of a list by its definition.
func exactly(list []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return s[max(int(math.Ceil(q*float64(len(s))-1e-9)), 1)-1]
}

// The interval holds the true quantile, is no wider than an eighth of the spread, and
// is one number while no pane has had more than paneBins different values. A copy
// says the same.
func TestQuantileHoldsTheTrueOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := rapid.SampledFrom([]int64{1000, 7_777, 60_000, 3_600_000}).Draw(t, "span")
		value := rapid.SampledFrom([]*rapid.Generator[float64]{
			rapid.Float64Range(-50, 1200), rapid.Float64Range(0, 0.01), rapid.Just(50.0),
			rapid.Map(rapid.IntRange(0, 5), func(i int) float64 { return float64(i) / 10 }),
			rapid.Map(rapid.Float64Range(-4, 9), func(x float64) float64 { return math.Pow(10, x) }),
		}).Draw(t, "value")
		step := rapid.Int64Range(0, rapid.SampledFrom([]int64{5, span / 60, span / 2, 3 * span}).Draw(t, "step"))
		w := windowOf{span: span, sketch: true}
		var win, copied window
		type one struct {
			t int64
			v float64
		}
		var all []one
		at := t0
		for range rapid.IntRange(1, 400).Draw(t, "n") {
			at += step.Draw(t, "step")
			v := value.Draw(t, "v")
			win.add(w, at, v)
			all = append(all, one{at, v})
		}
		at += rapid.Int64Range(0, span/2).Draw(t, "later")
		q := rapid.Float64Range(0.001, 0.999).Draw(t, "q")
		copied.copyFrom(&win)
		got := win.Sketch.quantile(q, span, at, 1)
		if again := copied.Sketch.quantile(q, span, at, 1); again != got {
			t.Fatalf("the copy says %v, not %v", again, got)
		}
		length := paneLen(span)
		var in []float64
		panes := map[int64]map[float64]bool{}
		most := 0
		for _, r := range all {
			start := r.t - r.t%length
			if start+length <= at-span {
				continue
			}
			in = append(in, r.v)
			if panes[start] == nil {
				panes[start] = map[float64]bool{}
			}
			panes[start][r.v] = true
			most = max(most, len(panes[start]))
		}
		if len(in) == 0 {
			if got != lang.Anything {
				t.Fatalf("of nothing: %v", got)
			}
			return
		}
		want, spread := exactly(in, q), slices.Max(in)-slices.Min(in)
		switch {
		case got.Lo > want || got.Hi < want:
			t.Fatalf("%v does not hold %g", got, want)
		case most <= paneBins && !got.Known():
			t.Fatalf("%v, though no pane has more than %d values", got, most)
		case got.Hi-got.Lo > spread*(2.0/paneBins)*(1+1e-12):
			t.Fatalf("%v is wider than an eighth of %g", got, spread)
		}
		if bins := len(win.Sketch.Bins); bins > paneBins*(windowPanes+2) {
			t.Fatalf("%d bins", bins)
		}
	})
}

// What has been seen of a window bounds what the whole of it can be, if its readings
// come evenly.
func TestQuantileOfAPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n, span = 60, 60_000
		values := rapid.SliceOfN(rapid.Float64Range(0, 100), n, n).Draw(t, "values")
		from := rapid.IntRange(0, n-1).Draw(t, "from")
		q := rapid.Float64Range(0.01, 0.99).Draw(t, "q")
		w := windowOf{span: span, sketch: true}
		var win window
		for i := from; i < n; i++ {
			win.add(w, t0+int64(i+1)*1000, values[i])
		}
		got := win.Sketch.quantile(q, span, t0+n*1000, t0+int64(from)*1000)
		if v := exactly(values, q); v < got.Lo || v > got.Hi {
			t.Fatalf("%v does not hold %g", got, v)
		}
	})
}

func TestQuantileRule(t *testing.T) {
	w := newWorld(t, `
rules:
  - name: busy
    hazard: overload
    severity: major
    when: quantile(power, 0.5, 10s) > 100 W
    message: {zh: 忙, en: Busy}
`)
	w.born("g/n/d", 1000, "power")
	for s := range int64(40) {
		v := 10.0
		if s >= 10 && s < 25 && s != 15 {
			v = 500
		}
		w.reads("g/n/d", "power", t0+s*1000+500, v)
	}
	w.want("raise busy at 16.5 since 16.5", "clear busy at 30.5 since 16.5 until 30.5")
	if a, b := asJSON(t, w.verdicts), asJSON(t, w.replay().verdicts); a != b {
		t.Errorf("replayed: %s, not %s", b, a)
	}
}

func BenchmarkQuantile(b *testing.B) {
	for _, c := range []struct {
		name string
		step int64
	}{{"300 readings", 1000}, {"full", 50}} {
		b.Run(c.name, func(b *testing.B) {
			const span = 300_000
			w, at := window{}, t0
			for b.Loop() {
				at += c.step
				w.add(windowOf{span: span, sketch: true}, at, math.Sin(float64(at)))
				w.Sketch.quantile(0.9, span, at, 1)
			}
			b.ReportMetric(float64(len(w.Sketch.Bins)), "bins")
		})
	}
}
