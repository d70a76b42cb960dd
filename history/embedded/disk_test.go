package embedded

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/telemetry"
)

func queryAll(t *testing.T, s *Store, device, metric string, step int64) history.Series {
	t.Helper()
	got, err := s.Query(t.Context(), history.Query{Device: device, Metric: metric, From: 0, To: t0 + 400*24*hourMS, Step: step})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func mustAppend(t *testing.T, s *Store, pos uint64, samples ...history.Sample) {
	t.Helper()
	if err := s.Append(t.Context(), pos, samples); err != nil {
		t.Fatal(err)
	}
}

// After a power cut the logs end where they were fsynced last. Everything up to
// Position must be there.
func TestPowerCutKeepsWhatWasSynced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	s := open(t, dir)
	defer s.Close()
	for i := range 500 {
		mustAppend(t, s, uint64(i+1), sample("g/n/a", "co", t0+int64(i)*1000, float64(i)), sample("g/n/a", "co", t0-hourMS-int64(i)*1000, 1))
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int64{}
	for _, sub := range []string{"wal", "wbl"} {
		files, _ := os.ReadDir(filepath.Join(dir, "raw", sub))
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			sizes[filepath.Join("raw", sub, f.Name())] = info.Size()
		}
	}
	for i := 500; i < 900; i++ {
		mustAppend(t, s, uint64(i+1), sample("g/n/a", "co", t0+int64(i)*1000, float64(i)))
	}
	cut := filepath.Join(t.TempDir(), "b")
	if err := crash(dir, cut); err != nil {
		t.Fatal(err)
	}
	for name, size := range sizes {
		if err := os.Truncate(filepath.Join(cut, name), size); err != nil {
			t.Fatal(err)
		}
	}
	after := open(t, cut)
	defer after.Close()
	if got := after.Position(); got != 500 {
		t.Errorf("position %d, want 500", got)
	}
	if got := queryAll(t, after, "g/n/a", "co", 0); len(got.Points) != 1000 {
		t.Errorf("%d points, want the 1000 that were synced", len(got.Points))
	}
	for i := 500; i < 900; i++ {
		mustAppend(t, after, uint64(i+1), sample("g/n/a", "co", t0+int64(i)*1000, float64(i)))
	}
	if got := queryAll(t, after, "g/n/a", "co", 0); len(got.Points) != 1400 {
		t.Errorf("%d points after the tail was appended again, want 1400", len(got.Points))
	}
}

// The fsync is what the promise rests on, and no test can see the disk's cache:
// so see that the segments written are the ones that sync opens.
func TestLogSyncerFollowsSegments(t *testing.T) {
	dir := t.TempDir()
	l := &logSyncer{dir: dir}
	for i, name := range []string{"00000000", "00000001", "checkpoint.00000001", "00000002"} {
		if filepath.Ext(name) != "" {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strconv.Itoa(i)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := l.sync(); err != nil {
			t.Fatal(err)
		}
		if l.last != name {
			t.Errorf("synced up to %s, want %s", l.last, name)
		}
	}
	if err := os.Remove(filepath.Join(dir, "00000002")); err != nil {
		t.Fatal(err)
	}
	if err := l.sync(); err != nil {
		t.Errorf("a truncated log must not fail: %v", err)
	}
	if err := (&logSyncer{dir: filepath.Join(dir, "none")}).sync(); err != nil {
		t.Errorf("a log that was never written must not fail: %v", err)
	}
}

func TestSecondReadingAtTheSameTimeIsNotStored(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	mustAppend(t, s, 1, sample("g/n/a", "co", t0, 1), sample("g/n/a", "co", t0+1000, 2))
	mustAppend(t, s, 2, sample("g/n/a", "co", t0+1000, 99)) // newest: the first stays
	mustAppend(t, s, 3, sample("g/n/a", "co", t0, 1))       // older, same value
	got := queryAll(t, s, "g/n/a", "co", 60_000).Points
	want := history.Bucket{Time: t0, Min: 1, Mean: 1.5, Max: 2, Count: 2}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPointsTooOldAreCounted(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	mustAppend(t, s, 1, sample("g/n/a", "co", t0, 1))
	mustAppend(t, s, 2, sample("g/n/a", "co", t0-8*24*hourMS, 1), sample("g/n/a", "co", -5, 1), sample("g/n/a", "co", t0-6*24*hourMS, 1))
	if got := s.Stats(); got.TooOld != 2 || got.Stored != 2 {
		t.Errorf("stats %+v, want 2 too old and 2 stored", got)
	}
}

func TestQueryRefuses(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	mustAppend(t, s, 1, sample("g/n/a", "co", t0, 1))
	if _, err := s.Query(t.Context(), history.Query{Device: "g/n/b", Metric: "co", To: 1}); !errors.Is(err, history.ErrUnknownSeries) {
		t.Errorf("a series that is not there: got %v", err)
	}
	if _, err := s.Query(t.Context(), history.Query{Device: "g/n/a", Metric: "co", From: 2, To: 1}); err == nil {
		t.Error("from after to: no error")
	}
	samples := make([]history.Sample, history.MaxPoints+1)
	for i := range samples {
		samples[i] = sample("g/n/a", "co", t0+1+int64(i), 1)
	}
	mustAppend(t, s, 2, samples...)
	q := history.Query{Device: "g/n/a", Metric: "co", From: t0, To: t0 + hourMS}
	if _, err := s.Query(t.Context(), q); !errors.Is(err, history.ErrTooManyPoints) {
		t.Errorf("too many points: got %v", err)
	}
	q.Step = 1000
	if got, err := s.Query(t.Context(), q); err != nil || len(got.Points) != 201 {
		t.Errorf("with a step: got %d points, %v", len(got.Points), err)
	}
}

// Raw points older than Options.Raw go; the roll-ups, faults included, stay.
func TestRollupsOutliveRaw(t *testing.T) {
	s, err := Open(t.TempDir(), Options{Raw: 12 * time.Hour, Late: time.Hour, Settle: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const hours = 30
	n, hour := 0, []history.Sample(nil)
	for m := range int64(hours * 60) {
		at := t0 + m*minuteMS
		sm := sample("g/n/a", "temperature", at, 20+float64(m%60)/10)
		if m >= 90 && m < 120 {
			sm = faulty("g/n/a", "temperature", at, telemetry.Short)
		} else {
			n++
		}
		if hour = append(hour, sm); len(hour) == 60 {
			mustAppend(t, s, uint64(m+1), hour...)
			hour = hour[:0]
		}
	}
	if err := s.roll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.raw.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range s.raw.BlockMetas() {
		if b.MinTime < t0+12*hourMS {
			t.Fatalf("raw still begins at %d: the test sees nothing", b.MinTime)
		}
	}
	for _, step := range []int64{minuteMS, hourMS, 24 * hourMS} {
		got := queryAll(t, s, "g/n/a", "temperature", step)
		count := int64(0)
		for _, b := range got.Points {
			count += b.Count
		}
		if count != int64(n) {
			t.Errorf("step %d: %d points, want %d", step, count, n)
		}
		want := history.FaultSpan{From: t0 + 90*minuteMS, To: t0 + 120*minuteMS, Quality: telemetry.Short, Reason: "short"}
		if len(got.Faults) != 1 || got.Faults[0] != want {
			t.Errorf("step %d: faults %+v, want %+v", step, got.Faults, want)
		}
	}
}

// A mark that is set while its hour is recomputed must survive, in memory and on disk.
func TestMarkDuringRecomputeIsKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	mustAppend(t, s, 1, sample("g/n/a", "co", t0, 1), sample("g/n/a", "co", t0+3*hourMS, 1))
	if err := s.roll(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, 2, sample("g/n/a", "co", t0+1000, 2))
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.cancel()
	s.wg.Wait()
	s.hours.mark(hourOf(t0), 1)
	work := s.hours.settled(time.Now())
	if len(work) != 1 {
		t.Fatalf("late hours %v, want one", work)
	}
	s.hours.mark(hourOf(t0), 1)
	if err := s.rollLate(t.Context(), work[0]); err != nil {
		t.Fatal(err)
	}
	if s.hours.late[hourOf(t0)] == nil {
		t.Error("the later mark is forgotten in memory")
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := s.idx.db.QueryRow(`SELECT count(*) FROM late`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d late marks on disk, %v; want 1", rows, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer s.Close()
	if s.hours.late[hourOf(t0)] == nil {
		t.Error("the mark did not survive the restart")
	}
}

func TestManyLateSeriesBecomeTheWholeHour(t *testing.T) {
	l := newLedger()
	for id := range uint32(manyLate + 5) {
		l.mark(3, id+1)
	}
	if lh := l.late[3]; !lh.all || len(lh.series) != 0 {
		t.Errorf("all=%v with %d series, want the whole hour", lh.all, len(lh.series))
	}
	if !l.view(99_999).late[3] {
		t.Error("a series of a late hour is not late")
	}
}

func TestAnotherFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.idx.db.Exec(`UPDATE meta SET value = 99 WHERE name = 'format'`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, Options{}); err == nil {
		s.Close()
		t.Error("a store of format 99 was opened")
	}
}

func TestAppendEndsWithItsContext(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Append(ctx, 1, []history.Sample{sample("g/n/a", "co", t0, 1)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	if err := s.Sync(ctx); err == nil || errors.Is(err, sql.ErrTxDone) {
		t.Errorf("Sync with an ended context: got %v", err)
	}
}

// BenchmarkAppend is the steady state: 10,000 series, a batch of 2,000 points.
func BenchmarkAppend(b *testing.B) {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const series, batch = 10_000, 2_000
	devices := make([]string, series)
	for i := range devices {
		devices[i] = "bench/gw-" + strconv.Itoa(i/50) + "/dev-" + strconv.Itoa(i)
	}
	samples := make([]history.Sample, batch)
	pos, next, at := uint64(0), 0, t0
	fill := func() { // messages of ten readings of one device
		pos++
		for i := range samples {
			t := at + int64(i%10)*1000
			samples[i] = sample(devices[next], "temperature", t, 20+float64((t/1000+int64(next))%100)/10)
			if i%10 == 9 {
				if next++; next == series {
					next, at = 0, at+10_000
				}
			}
		}
	}
	for range 10 * series / batch {
		fill()
		if err := s.Append(b.Context(), pos, samples); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		fill()
		if err := s.Append(b.Context(), pos, samples); err != nil {
			b.Fatal(err)
		}
		if n += batch; n%100_000 == 0 {
			if err := s.Sync(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/sample")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapInuse)/1e6, "heap-MB")
}
