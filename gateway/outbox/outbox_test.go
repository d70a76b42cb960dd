package outbox

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t testing.TB, opts Options) *Outbox {
	t.Helper()
	opts.Log = quiet
	if opts.Dir == "" {
		opts.Dir = "/outbox"
	}
	if opts.Fingerprint == "" {
		opts.Fingerprint = "card"
	}
	o, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

const epochMS int64 = 1_700_000_000_000

func point(i int) telemetry.Point {
	return telemetry.Point{Metric: "power", Time: epochMS + int64(i), Value: float64(i) / 10}
}

func batch(device string, ids ...int) Batch {
	b := Batch{Device: device}
	for _, i := range ids {
		b.Points = append(b.Points, point(i))
	}
	return b
}

// id is what point made p of.
func id(p telemetry.Point) int { return int(p.Time - epochMS) }

// drain reads all of a run from sequence from on, in pieces of limit.
func drain(t testing.TB, o *Outbox, run, from uint64, limit int) map[uint64]string {
	t.Helper()
	r := o.Reader(run, from)
	defer r.Close()
	got := map[uint64]string{}
	for {
		c, err := r.Next(limit)
		if errors.Is(err, ErrDone) || errors.Is(err, ErrGone) {
			return got
		}
		if _, damaged := errors.AsType[*CorruptError](err); damaged {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range c.Points {
			got[c.First+uint64(i)] = fmt.Sprintf("%s %d %g %v", c.Device, id(p), p.Value, p.Quality)
		}
	}
}

func TestAppendReadTrim(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	o.Append(record.Live, []Batch{batch("b", 3), batch("a", 1, 2)})
	o.Append(record.Alarm, []Batch{batch("a", 9)})
	_, runs := o.Declare()
	if len(runs) != 2 || runs[0].Kind != record.Alarm || runs[1].Kind != record.Live {
		t.Fatalf("runs: %+v", runs)
	}
	live := runs[1]
	if live.Oldest != 1 || live.Next != 4 || live.Pending != 3 {
		t.Errorf("live run %+v", live)
	}
	got := drain(t, o, live.ID, 1, 1)
	want := map[uint64]string{1: "a 1 0.1 good", 2: "a 2 0.2 good", 3: "b 3 0.3 good"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	o.Committed(live.ID, 2)
	if s, _ := o.Run(live.ID); s.Committed != 2 || s.Pending != 1 {
		t.Errorf("after commit: %+v", s)
	}
	o.Committed(live.ID, 1) // an old word does not undo a newer one
	o.Committed(live.ID, 99)
	if s, _ := o.Run(live.ID); s.Committed != 3 {
		t.Errorf("committed %d, want what was written, 3", s.Committed)
	}
}

func TestRestartOpensNewRunsInLineage(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	epoch, first := o.Declare()
	o.Append(record.Live, []Batch{batch("a", 1)})
	o.Append(record.Alarm, []Batch{batch("a", 2)})
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, Options{FS: fsys})
	again, runs := o.Declare()
	if again != epoch {
		t.Errorf("epoch %s became %s by a restart", epoch, again)
	}
	if len(runs) != 4 || runs[2].ID != first[0].ID || runs[3].ID != first[1].ID {
		t.Fatalf("runs %+v", runs)
	}
	for i, r := range runs[:2] {
		if r.Parent != first[i].ID || r.ID>>32 <= first[i].ID>>32 {
			t.Errorf("run %x has parent %x, want %x", r.ID, r.Parent, first[i].ID)
		}
	}
	if runs[3].Kind != record.Backlog || runs[3].Next != 2 {
		t.Errorf("old live run %+v", runs[3])
	}
	o.Committed(runs[3].ID, 1)
	o.Committed(runs[2].ID, 1)
	if _, runs := o.Declare(); len(runs) != 2 {
		t.Errorf("committed runs are still declared: %+v", runs)
	}
	if n := countSegments(fsys); n != 0 {
		t.Errorf("%d segments left after all was committed", n)
	}
}

func countSegments(m *memFS) (n int) {
	for name := range m.now {
		if strings.HasSuffix(name, segmentSuffix) {
			n++
		}
	}
	return n
}

func TestReconnectOpensARunOnlyIfSomethingIsUncommitted(t *testing.T) {
	o := open(t, Options{FS: newMemFS()})
	_, before := o.Declare()
	o.Reconnected()
	if _, after := o.Declare(); len(after) != 2 || after[1].ID != before[1].ID {
		t.Fatalf("a run was opened for nothing: %+v", after)
	}
	o.Append(record.Live, []Batch{batch("a", 1)})
	o.Reconnected()
	_, after := o.Declare()
	if len(after) != 3 || after[1].Parent != before[1].ID || after[2].ID != before[1].ID || after[2].Kind != record.Backlog {
		t.Fatalf("runs %+v", after)
	}
}

func TestForeignCardIsANewEpoch(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	epoch, _ := o.Declare()
	o.Append(record.Live, []Batch{batch("a", 1)})
	_ = o.Close()
	o = open(t, Options{FS: fsys, Fingerprint: "another card"})
	now, runs := o.Declare()
	if now == epoch {
		t.Error("another card has the same epoch")
	}
	if runs[1].Parent != 0 {
		t.Errorf("first live run of an epoch has parent %x", runs[1].Parent)
	}
	if len(runs) != 3 || runs[2].Epoch != epoch || runs[2].Pending != 1 {
		t.Errorf("the readings of before: %+v", runs)
	}
	_ = o.Close()
	if again, _ := open(t, Options{FS: fsys, Fingerprint: "another card"}).Declare(); again != now {
		t.Error("the new epoch was not kept")
	}
}

func TestNewEpochOnDemand(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	old, _ := o.Declare()
	o.Append(record.Live, []Batch{batch("a", 1)})
	o.NewEpoch()
	epoch, runs := o.Declare()
	if epoch == old || len(runs) != 3 || runs[2].Epoch != old || runs[1].Epoch != epoch {
		t.Fatalf("epoch %s, was %s, runs %+v", epoch, old, runs)
	}
	o.Append(record.Live, []Batch{batch("a", 2)})
	if got := drain(t, o, runs[1].ID, 1, 10); len(got) != 1 {
		t.Errorf("in the new epoch: %v", got)
	}
}

func TestBounds(t *testing.T) {
	fsys := newMemFS()
	now := time.Now()
	opts := Options{FS: fsys, SegmentBytes: 1000, MaxBytes: 4000, MaxAge: time.Hour, Now: func() time.Time { return now }}
	o := open(t, opts)
	for i := range 2000 {
		o.Append(record.Live, []Batch{batch("a", i)})
	}
	s := o.Status()
	_, runs := o.Declare()
	r := runs[1]
	if s.Bytes > 5000 || s.Dropped == 0 || s.Dropped+r.Pending != 2000 {
		t.Errorf("status %+v, run %+v", s, r)
	}
	if len(r.Lost) != 1 || r.Lost[0] != (record.Range{From: 1, To: r.Oldest - 1}) {
		t.Errorf("lost %v, oldest %d", r.Lost, r.Oldest)
	}
	// A run that is dropped whole is still declared, also after a restart.
	_ = o.Close()
	o = open(t, opts)
	now = now.Add(2 * time.Hour)
	o.Append(record.Live, []Batch{batch("a", 1)})
	_ = o.Close()
	o = open(t, opts)
	old, ok := o.Run(r.ID)
	if !ok || old.Pending != 0 || old.Oldest != old.Next || old.Next != 2001 || len(old.Lost) != 1 || old.Lost[0].To != 2000 {
		t.Fatalf("dropped run %+v", old)
	}
	o.Committed(r.ID, 2000)
	if _, ok := o.Run(r.ID); ok {
		t.Error("the run is still there after the hub has taken note")
	}
}

func TestFullDisk(t *testing.T) {
	fsys := newMemFS()
	now := time.Now()
	o := open(t, Options{FS: fsys, MemoryReadings: 10, Now: func() time.Time { return now }})
	o.Append(record.Live, []Batch{batch("a", 1)})
	disk, before := o.Declare()
	fsys.mu.Lock()
	fsys.space = 20 // so that a block is torn
	fsys.mu.Unlock()
	for i := 2; i <= 20; i++ {
		o.Append(record.Live, []Batch{batch("a", i)})
	}
	o.Append(record.Alarm, []Batch{batch("a", 21)})
	s := o.Status()
	if !s.Volatile || !strings.Contains(s.Problem, "no space") || s.Epoch == disk {
		t.Fatalf("status %+v", s)
	}
	_, runs := o.Declare()
	live := drain(t, o, runs[1].ID, 1, 100)
	if len(live) != 9 || live[19] != "a 20 2 volatile" || runs[1].Oldest != 11 || s.Dropped != 10 {
		t.Errorf("live %v, run %+v, dropped %d", live, runs[1], s.Dropped)
	}
	if got := drain(t, o, before[1].ID, 1, 10); len(got) != 1 {
		t.Errorf("what is on the disk cannot be read: %v", got)
	}

	fsys.mu.Lock()
	fsys.space = -1
	fsys.mu.Unlock()
	now = now.Add(time.Hour)
	o.Append(record.Live, []Batch{batch("a", 22)})
	s = o.Status()
	epoch, again := o.Declare()
	if s.Volatile || epoch != disk || again[1].Memory {
		t.Fatalf("after the disk recovered: %+v, %+v", s, again)
	}
	if again[1].Parent != before[1].ID {
		t.Errorf("live run's parent %x, want %x", again[1].Parent, before[1].ID)
	}
	if got := drain(t, o, again[1].ID, 1, 10); got[1] != "a 22 2.2 good" {
		t.Errorf("got %v", got)
	}
	if got := drain(t, o, runs[1].ID, 1, 100); len(got) != 9 {
		t.Errorf("what was in memory is gone: %v", got)
	}
	o.Committed(runs[1].ID, 19)
	if _, ok := o.Run(runs[1].ID); ok {
		t.Error("a committed run is still in memory")
	}
}

func TestReadOnlyCardStillGivesItsBacklog(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	o.Append(record.Live, []Batch{batch("a", 1)})
	_, runs := o.Declare()
	_ = o.Close()
	fsys.fail = func(op, _ string) error {
		if op == "open" || op == "read" || op == "readdir" {
			return nil
		}
		return syscall.EROFS
	}
	o = open(t, Options{FS: fsys})
	if s := o.Status(); !s.Volatile || !strings.Contains(s.Problem, "read-only") {
		t.Errorf("status %+v", s)
	}
	if got := drain(t, o, runs[1].ID, 1, 1); len(got) != 1 {
		t.Errorf("backlog %v", got)
	}
	o.Append(record.Live, []Batch{batch("a", 2)})
	_, now := o.Declare()
	if got := drain(t, o, now[1].ID, 1, 1); got[1] != "a 2 0.2 volatile" {
		t.Errorf("live %v", got)
	}
}

// A commit that hangs is a failed disk; when the kernel answers at last, what it
// wrote is cut off again, since it was sent from memory.
func TestHangingCommit(t *testing.T) {
	fsys := newMemFS()
	now := time.Now()
	o := open(t, Options{FS: fsys, Stall: 20 * time.Millisecond, Now: func() time.Time { return now }})
	o.Append(record.Live, []Batch{batch("a", 1)})
	_, before := o.Declare()
	answer := make(chan struct{})
	fsys.mu.Lock()
	fsys.fail = func(op, _ string) error {
		if op == "sync" {
			<-answer
		}
		return nil
	}
	fsys.mu.Unlock()
	o.Append(record.Live, []Batch{batch("a", 2)})
	if s := o.Status(); !s.Volatile || !strings.Contains(s.Problem, "did not answer") {
		t.Fatalf("status %+v", s)
	}
	now = now.Add(time.Hour)
	o.Append(record.Live, []Batch{batch("a", 3)})
	if !o.Status().Volatile {
		t.Fatal("the disk is used again while it hangs")
	}
	close(answer)
	for o.hung.Load() > 0 {
		o.Append(record.Live, []Batch{batch("a", 4)})
	}
	now = now.Add(time.Hour)
	o.Append(record.Live, []Batch{batch("a", 5)})
	if s := o.Status(); s.Volatile {
		t.Fatalf("status %+v", s)
	}
	_ = o.Close()
	o = open(t, Options{FS: fsys})
	if got := drain(t, o, before[1].ID, 1, 10); len(got) != 1 {
		t.Errorf("the readings that were sent from memory are on the disk too: %v", got)
	}
}

func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	o := open(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir, Log: quiet}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, Options{Dir: dir})
	_ = o.Close()
}

// The size that the card's life and a day without a link depend on.
func TestBytesPerReading(t *testing.T) {
	dir := t.TempDir()
	o := open(t, Options{Dir: dir})
	defer o.Close()
	n := 0
	for sec := range 20 {
		var batches []Batch
		for d := range 64 {
			v := 20 + float64((sec*7+d*13)%100)/7 // no short decimal form
			batches = append(batches, Batch{fmt.Sprintf("kitchen-%03d", d), []telemetry.Point{{Metric: "gas.ch4", Time: epochMS + int64(sec*1000+d), Value: v}}})
			n++
		}
		o.Append(record.Live, batches)
	}
	if per := float64(o.Status().Bytes) / float64(n); per > 22 {
		t.Errorf("%.1f bytes per reading, at most 22", per)
	} else {
		t.Logf("%.1f bytes per reading", per)
	}
	count := 0
	for s, err := range Scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		count++
		if s.Seq != uint64(count) || s.Device != fmt.Sprintf("kitchen-%03d", (count-1)%64) {
			t.Fatalf("reading %d is %+v", count, s)
		}
	}
	if count != n {
		t.Errorf("scan found %d of %d", count, n)
	}
}

func TestFingerprint(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("etc/machine-id", "m1\n")
	none := fingerprintBelow(root)
	write("sys/block/mmcblk0/device/cid", "c1\n")
	one := fingerprintBelow(root)
	write("sys/block/mmcblk0/device/cid", "c2\n")
	if two := fingerprintBelow(root); none == one || one == two {
		t.Errorf("fingerprints %s %s %s", none, one, two)
	}
}

// A gateway that restarts all day without a hub must not outgrow what a birth
// certificate may say.
func TestManyRunsAreDeclaredPieceByPiece(t *testing.T) {
	o := open(t, Options{FS: newMemFS()})
	for i := range maxDeclared + 100 {
		o.Append(record.Live, []Batch{batch("a", i)})
		o.mu.Lock()
		if err := o.openDiskRuns(false); err != nil { // as a restart does
			t.Fatal(err)
		}
		o.mu.Unlock()
	}
	seen := map[uint64]bool{}
	for {
		gen := o.Generation()
		_, runs := o.Declare()
		if len(runs) > maxDeclared {
			t.Fatalf("%d runs declared", len(runs))
		}
		if len(runs) == 2 {
			break
		}
		more := o.Status().Runs > maxDeclared
		for _, r := range runs[2:] {
			seen[r.ID] = true
			o.Committed(r.ID, r.Next-1)
		}
		if more && o.Generation() == gen {
			t.Fatal("the rest is not declared")
		}
	}
	if len(seen) != maxDeclared+100 {
		t.Errorf("%d runs were declared, want %d", len(seen), maxDeclared+100)
	}
}
