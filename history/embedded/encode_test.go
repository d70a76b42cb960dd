package embedded

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
)

func drawMinutes(t *rapid.T) *[60]bucket {
	var m [60]bucket
	value := rapid.OneOf(
		rapid.Float64Range(-50, 1200),
		rapid.Map(rapid.IntRange(-4000, 500_000), func(n int) float64 { return float64(n) / 10 }),
		rapid.Map(rapid.IntRange(0, 30_000), func(n int) float64 { return float64(n) / 1000 }),
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, math.MaxFloat64}),
	)
	kind := rapid.SliceOfNDistinct(rapid.IntRange(0, 59), 0, 60, rapid.ID[int]).Draw(t, "present")
	for _, i := range kind {
		a, b := value.Draw(t, "a"), value.Draw(t, "b")
		m[i] = bucket{count: rapid.Int64Range(1, 1<<40).Draw(t, "n"), min: min(a, b), max: max(a, b), sum: value.Draw(t, "sum")}
	}
	return &m
}

func TestMinutesComeBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawMinutes(t)
		var got [60]bucket
		if err := decodeMinutes(encodeMinutes(want), &got); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			g, w := got[i], want[i]
			if g.count != w.count || bitsOf(g) != bitsOf(w) {
				t.Fatalf("minute %d: got %v, want %v", i, g, w)
			}
		}
	})
}

func bitsOf(b bucket) [3]uint64 {
	return [3]uint64{math.Float64bits(b.min), math.Float64bits(b.sum), math.Float64bits(b.max)}
}

// A sensor with one decimal, two points a minute, must not cost more than a few
// bytes a minute: years of it are kept.
func TestMinutesOfDecimalsAreSmall(t *testing.T) {
	var m [60]bucket
	for i := range m {
		v := float64(230+i%7) / 10
		m[i].add(v)
		m[i].add(v + 0.5)
	}
	if n := len(encodeMinutes(&m)); n > 6*60 {
		t.Errorf("an hour takes %d bytes, want at most %d", n, 6*60)
	}
}

func TestChangesComeBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hour := rapid.Int64Range(0, 1<<20).Draw(t, "hour")
		offsets := rapid.SliceOfDistinct(rapid.Int64Range(0, hourMS-1), rapid.ID[int64]).Draw(t, "offsets")
		var want []change
		last := int64(-1)
		for _, o := range offsets {
			if o > last {
				want = append(want, change{hour*hourMS + o, telemetry.Quality(rapid.IntRange(0, 9).Draw(t, "q"))})
				last = o
			}
		}
		got, err := decodeChanges(hour, encodeChanges(hour, want))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	})
}

// Whatever is on disk, decoding ends with a value or errCorrupt, and what it
// accepts means the same when it is encoded again.
func FuzzDecodeMinutes(f *testing.F) {
	var m [60]bucket
	f.Add(encodeMinutes(&m))
	m[3], m[59] = bucket{2, 1.5, 3.5, 2}, bucket{1, math.Pi, math.Pi, math.Pi}
	f.Add(encodeMinutes(&m))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again [60]bucket
		if err := decodeMinutes(b, &m); err != nil {
			return
		}
		if err := decodeMinutes(encodeMinutes(&m), &again); err != nil {
			t.Fatal(err)
		}
		for i := range m {
			if m[i].count != again[i].count || bitsOf(m[i]) != bitsOf(again[i]) {
				t.Fatalf("minute %d: %v became %v", i, m[i], again[i])
			}
		}
	})
}

func FuzzDecodeChanges(f *testing.F) {
	f.Add(encodeChanges(7, []change{{7*hourMS + 5, telemetry.Open}, {7*hourMS + 900, telemetry.Good}}))
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeChanges(7, b)
	})
}
