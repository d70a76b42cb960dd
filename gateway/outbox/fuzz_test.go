package outbox

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Whatever is in a block, decoding ends with points or an error, never a panic.
func FuzzDecodeBlock(f *testing.F) {
	b := appendBlock(nil, newDictionary(), 1, 2, []Batch{batch("a", 1), batch("b", 2)})
	f.Add(b[blockHeaderLen:], 2)
	f.Add([]byte{itemGroup, 0, 1}, 1)
	f.Add([]byte{itemDevice, 0xff, 0xff, 3, 1, 'x'}, 1)
	f.Fuzz(func(t *testing.T, payload []byte, count int) {
		count = count & (maxBlockPoints - 1)
		points, groups, err := decodeBlock(payload, count, &dictionary{}, nil, nil)
		if err != nil {
			return
		}
		n := 0
		for _, g := range groups {
			n += g.n
		}
		if n != count || len(points) != count {
			t.Fatalf("%d points in groups of %d, want %d", len(points), n, count)
		}
		for _, p := range points {
			if !p.Quality.Valid() || p.Metric == "" {
				t.Fatalf("decoded %+v", p)
			}
		}
	})
}

// Whatever a segment holds, an outbox opens and reads to its end.
func FuzzOpen(f *testing.F) {
	fsys := newMemFS()
	o := open(f, Options{FS: fsys})
	for i := range 3 {
		o.Append(record.Live, []Batch{batch("a", i), batch("b", i)})
	}
	_, runs := o.Declare()
	for name, file := range fsys.now {
		if _, _, ok := parseSegmentName(name[len("/outbox/"):], segmentSuffix); ok {
			f.Add(file.data)
		}
	}
	name := "/outbox/" + segmentName(runs[1].ID, 1)
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := newMemFS()
		fsys.now[name] = &inode{data: data}
		o := open(t, Options{FS: fsys})
		_, runs := o.Declare()
		for _, r := range runs {
			drain(t, o, r.ID, 1, 3)
		}
	})
}

// A point comes back from a block bit for bit; a fault comes back without a number.
func TestBlockRoundTrip(t *testing.T) {
	value := rapid.OneOf(rapid.Float64(), rapid.Map(rapid.IntRange(-1e9, 1e9), func(i int) float64 { return float64(i) / 1000 }),
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 47, 0.1}))
	rapid.Check(t, func(t *rapid.T) {
		var in []Batch
		count := 0
		for _, d := range []string{"a", "b"} {
			b := Batch{Device: d}
			for range rapid.IntRange(1, 5).Draw(t, "n") {
				p := telemetry.Point{Metric: rapid.SampledFrom([]string{"power", "co"}).Draw(t, "metric"), Time: rapid.Int64().Draw(t, "time"),
					Value: value.Draw(t, "value"), Quality: telemetry.Quality(rapid.IntRange(0, int(telemetry.BadFrame)).Draw(t, "quality"))}
				b.Points = append(b.Points, p)
				count++
			}
			in = append(in, b)
		}
		b := appendBlock(nil, newDictionary(), 7, count, in)
		h, ok := parseHeader(b)
		if !ok || h.first != 7 || h.count != count || !checkBlock(b, b[blockHeaderLen:]) {
			t.Fatalf("header %+v", h)
		}
		points, groups, err := decodeBlock(b[blockHeaderLen:], count, &dictionary{}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for n, batch := range in {
			if groups[n].device != batch.Device || groups[n].n != len(batch.Points) {
				t.Fatalf("group %+v", groups[n])
			}
			for _, want := range batch.Points {
				if want.Quality.Fault() {
					want.Value = 0
				}
				got := points[i]
				i++
				if math.Float64bits(got.Value) != math.Float64bits(want.Value) || got.Time != want.Time || got.Quality != want.Quality || got.Metric != want.Metric {
					t.Fatalf("got %+v, want %+v", got, want)
				}
			}
		}
	})
}

func TestScanStopsWhenAsked(t *testing.T) {
	dir := t.TempDir()
	o := open(t, Options{Dir: dir})
	defer o.Close()
	o.Append(record.Live, []Batch{batch("a", 1, 2, 3)})
	n := 0
	for range Scan(dir) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d", n)
	}
	for _, err := range Scan(dir + "/nowhere") {
		if err == nil {
			t.Error("a directory that is not there is no error")
		}
	}
	if _, err := o.Reader(12345, 1).Next(1); !errors.Is(err, ErrGone) {
		t.Errorf("unknown run: %v", err)
	}
}
