package outbox

import (
	"fmt"
	"math"
	"testing"
	"time"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// wearFS counts what is written to the disk below it.
type wearFS struct {
	FS
	bytes, pages, syncs int64
}

type wearFile struct {
	File
	fs *wearFS
}

func (f *wearFS) OpenFile(name string, flag int) (File, error) {
	file, err := f.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return wearFile{file, f}, nil
}

const page = 4096

func (f wearFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.bytes += int64(len(b))
	f.fs.pages += (off+int64(len(b))+page-1)/page - off/page
	return f.File.WriteAt(b, off)
}

func (f wearFile) Sync() error { f.fs.syncs++; return f.File.Sync() }

// hour writes an hour of sensors at 1 Hz with a commit every so often, the hub
// acknowledging a second later.
func hour(tb testing.TB, sensors int, commit time.Duration) *wearFS {
	tb.Helper()
	fsys := &wearFS{FS: newMemFS()}
	now := time.Unix(1_790_000_000, 0)
	o := open(tb, Options{FS: fsys, Now: func() time.Time { return now }})
	per := int(commit / time.Second)
	names := make([]string, sensors)
	for i := range names {
		names[i] = fmt.Sprintf("kitchen-%03d", i)
	}
	for t := 0; t < 3600; t += per {
		batches := make([]Batch, sensors)
		for i := range batches {
			batches[i].Device = names[i]
			for s := range per {
				v := math.Round(100*(0.3+0.06*math.Sin(float64((t+s)*7+i*13)))) / 100 // a gas sensor's clean air, by 0.01 %LEL
				batches[i].Points = append(batches[i].Points, telemetry.Point{Metric: "gas.ch4", Time: now.UnixMilli() + int64(s*1000+i%5), Value: v})
			}
		}
		o.Append(record.Live, batches)
		now = now.Add(commit)
		_, runs := o.Declare()
		o.Committed(runs[1].ID, runs[1].Next-1)
	}
	if err := o.Close(); err != nil {
		tb.Fatal(err)
	}
	return fsys
}

// BenchmarkCardWear prints what a day of 64 sensors at 1 Hz writes to the card: bytes,
// and whole pages of 4 KiB, which is what a card sees at least.
func BenchmarkCardWear(b *testing.B) {
	for _, commit := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		b.Run("commit="+commit.String(), func(b *testing.B) {
			var w *wearFS
			for b.Loop() {
				w = hour(b, 64, commit)
			}
			b.ReportMetric(float64(w.bytes)*24/1e6, "MB/day")
			b.ReportMetric(float64(w.pages)*page*24/1e6, "MB-pages/day")
			b.ReportMetric(float64(w.syncs)*24, "syncs/day")
			b.ReportMetric(float64(w.bytes)/(64*3600), "B/reading")
		})
	}
}

// A day of 64 sensors at 1 Hz wears a card by less than half a gigabyte.
func TestCardWear(t *testing.T) {
	w := hour(t, 64, time.Second)
	if day := float64(w.pages) * page * 24 / 1e6; day > 500 {
		t.Errorf("%.0f MB a day in pages", day)
	}
	if per := float64(w.bytes) / (64 * 3600); per > 10 {
		t.Errorf("%.1f bytes a reading", per)
	}
}
