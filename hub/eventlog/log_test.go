package eventlog_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

func appendAll(t *testing.T, l *eventlog.Log, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if seq, err := l.Append(t.Context(), numbered(n)); err != nil || seq != uint64(n) {
			t.Fatalf("append %d: position %d, %v", n, seq, err)
		}
	}
}

func readAll(t *testing.T, l *eventlog.Log, from uint64) (got []int) {
	t.Helper()
	for r, err := range l.ReadTo(t.Context(), from, l.Last()) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq != uint64(numberOf(r)) {
			t.Fatalf("record %d is at %d", numberOf(r), r.Seq)
		}
		got = append(got, numberOf(r))
	}
	return got
}

func upTo(from, to int) (list []int) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

func TestAppendReadReopen(t *testing.T) {
	dir := t.TempDir()
	srv := startServer(t, dir)
	l := open(t, connect(t, srv))
	if first, err := l.First(t.Context()); err != nil || first != 1 || l.Last() != 0 {
		t.Fatalf("empty log: first %d, last %d, %v", first, l.Last(), err)
	}
	appendAll(t, l, 1, 50)
	l = open(t, connect(t, srv))
	if l.Last() != 50 || l.Arrival() != 1050 {
		t.Fatalf("reopened: last %d, arrival %d", l.Last(), l.Arrival())
	}
	appendAll(t, l, 51, 60)
	if got := readAll(t, l, 0); !slices.Equal(got, upTo(1, 60)) {
		t.Fatalf("read %v", got)
	}
	if got := readAll(t, l, 58); !slices.Equal(got, upTo(58, 60)) {
		t.Fatalf("read %v", got)
	}
	if got := readAll(t, l, 61); got != nil {
		t.Fatalf("read %v behind the end", got)
	}
}

func TestArrivalNeverGoesBack(t *testing.T) {
	srv := startServer(t, t.TempDir())
	l := open(t, connect(t, srv))
	for i, tc := range []struct{ give, want int64 }{{100, 100}, {90, 100}, {101, 101}, {-5, 101}} {
		if i == 2 {
			l = open(t, connect(t, srv)) // it holds over a restart too
		}
		r := &record.Record{Arrival: tc.give, Entries: []record.Entry{&record.Tick{}}}
		if _, err := l.Append(t.Context(), r); err != nil || r.Arrival != tc.want {
			t.Fatalf("gave %d, got %d, %v; want %d", tc.give, r.Arrival, err, tc.want)
		}
	}
}

func TestSecondWriterIsFencedOff(t *testing.T) {
	srv := startServer(t, t.TempDir())
	a, b := open(t, connect(t, srv)), open(t, connect(t, srv))
	appendAll(t, a, 1, 1)
	// The same bytes at the same time: still not b's record.
	if _, err := b.Append(t.Context(), numbered(1)); !errors.Is(err, eventlog.ErrFenced) {
		t.Fatalf("the second writer got %v", err)
	}
	appendAll(t, a, 2, 3)
}

func TestTooLarge(t *testing.T) {
	srv := startServer(t, t.TempDir())
	l := open(t, connect(t, srv))
	r := &record.Record{Entries: []record.Entry{&record.Site{File: record.File{Data: make([]byte, 9<<20)}}}}
	if _, err := l.Append(t.Context(), r); !errors.Is(err, eventlog.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
	appendAll(t, l, 1, 1)
}

// Whatever the connection does to questions and answers, what Append said was
// written is there once, in order, and nothing else is.
func TestAmbiguousAppend(t *testing.T) {
	srv := startServer(t, t.TempDir())
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		f := &faulty{srv: srv}
		l := open(t, connect(t, f))
		l.SetTimeout(10 * time.Millisecond)
		from := n
		for _, what := range rapid.SliceOfN(rapid.SampledFrom([]fault{none, loseQuestion, loseAnswer}), 1, 6).Draw(rt, "faults") {
			f.next.Store(int32(what))
			n++
			for {
				seq, err := l.Append(t.Context(), numbered(n))
				if errors.Is(err, eventlog.ErrFenced) || err == nil && seq != uint64(n) {
					rt.Fatalf("append %d: position %d, %v", n, seq, err)
				}
				if err == nil {
					break
				}
			}
		}
		if got := readAll(t, l, uint64(from+1)); !slices.Equal(got, upTo(from+1, n)) {
			rt.Fatalf("read %v, want %d to %d", got, from+1, n)
		}
	})
}

func TestFollowIsFast(t *testing.T) {
	srv := startServer(t, t.TempDir())
	l := open(t, connect(t, srv))
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan time.Time)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, err := range l.Read(ctx, 0) {
			if err != nil {
				t.Error(err)
				return
			}
			seen <- time.Now()
		}
	}()
	var took []time.Duration
	for n := 1; n <= 50; n++ {
		if _, err := l.Append(t.Context(), numbered(n)); err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		took = append(took, (<-seen).Sub(at))
	}
	cancel()
	<-done
	slices.Sort(took)
	t.Logf("from the end of Append to the reader: median %v, worst %v", took[25], took[49])
	if took[25] > 20*time.Millisecond {
		t.Errorf("a follower is woken after %v, want a few milliseconds", took[25])
	}
}

func TestOpenDir(t *testing.T) {
	dir := t.TempDir()
	if _, err := eventlog.OpenDir(t.Context(), dir, 0, discard); err == nil {
		t.Fatal("opened a log that is not there")
	}
	d, err := eventlog.OpenForTest(t.Context(), dir, discard)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, d.Log, 1, 10)
	if _, err := eventlog.OpenDir(t.Context(), dir, 0, discard); err == nil {
		t.Fatal("opened a log that is in use")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, err = eventlog.OpenDir(t.Context(), dir, 0, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got := readAll(t, d.Log, 0); !slices.Equal(got, upTo(1, 10)) {
		t.Fatalf("read %v", got)
	}
}

// batch is a record as ingest writes it at full rate.
func batch(messages int) *record.Record {
	r := &record.Record{Arrival: 1}
	for m := range messages {
		v := &record.Readings{Device: "beixin/gw-1/device-" + string(rune('a'+m%26)), Epoch: record.Epoch{1}, Run: 7, First: uint64(m * 10)}
		for i := range 10 {
			v.Points = append(v.Points, telemetry.Point{Metric: "gas.ch4", Time: int64(m*10 + i), Value: float64(i)})
		}
		r.Entries = append(r.Entries, v)
	}
	return r
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, connect(b, startServer(b, b.TempDir())))
	r := batch(500)
	for b.Loop() {
		if _, err := l.Append(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*5000/b.Elapsed().Seconds(), "readings/s")
}

func BenchmarkRead(b *testing.B) {
	l := open(b, connect(b, startServer(b, b.TempDir())))
	for range 200 {
		if _, err := l.Append(b.Context(), batch(500)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		for _, err := range l.ReadTo(b.Context(), 1, l.Last()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*200*5000/b.Elapsed().Seconds(), "readings/s")
}
