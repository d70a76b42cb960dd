package outbox

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"weishao.dev/weishao/telemetry/record"
)

// hangFS is a disk of which one operation hangs, once it is told, until it is released.
type hangFS struct {
	*memFS
	op      atomic.Pointer[string]
	waiting chan struct{} // has a token when an operation hangs
	release chan struct{}
}

func newHangFS() *hangFS {
	h := &hangFS{memFS: newMemFS(), waiting: make(chan struct{}, 1), release: make(chan struct{})}
	h.hang("")
	return h
}

func (h *hangFS) hang(op string) { h.op.Store(&op) }

func (h *hangFS) at(op string) {
	if *h.op.Load() == op {
		select {
		case h.waiting <- struct{}{}:
		default:
		}
		<-h.release
	}
}

func (h *hangFS) OpenFile(name string, flag int) (File, error) {
	if flag&os.O_EXCL != 0 {
		h.at("create")
	}
	f, err := h.memFS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return hangFile{f, h, name}, nil
}

func (h *hangFS) Remove(name string) error {
	h.at("remove")
	return h.memFS.Remove(name)
}

func (h *hangFS) segments() (n int) {
	entries, _ := h.ReadDir("/outbox")
	for _, e := range entries {
		if _, _, ok := parseSegmentName(e.Name(), segmentSuffix); ok {
			n++
		}
	}
	return n
}

type hangFile struct {
	File
	h    *hangFS
	name string
}

func (f hangFile) ReadAt(b []byte, off int64) (int, error) {
	f.h.at("read")
	if strings.HasSuffix(f.name, segmentSuffix) {
		f.h.at("read a segment")
	}
	return f.File.ReadAt(b, off)
}

func (f hangFile) Sync() error {
	f.h.at("sync")
	return f.File.Sync()
}

// answers fails the test if f hangs with the disk.
func answers(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s hangs with the disk", what)
	}
}

// A file that cannot be made in time is a failed disk too, and is not left behind when
// it is made after all.
func TestHangingCreate(t *testing.T) {
	fsys := newHangFS()
	o := open(t, Options{FS: fsys, Stall: 20 * time.Millisecond})
	fsys.hang("create")
	answers(t, "an alarm", func() { o.Append(record.Alarm, []Batch{batch("a", 1)}) })
	if s := o.Status(); !s.Volatile || s.Pending != 1 {
		t.Errorf("status %+v", s)
	}
	close(fsys.release)
	for limit := time.Now().Add(10 * time.Second); o.hung.Load() > 0 && time.Now().Before(limit); {
		o.Append(record.Live, []Batch{batch("a", 2)})
	}
	if n := fsys.segments(); n != 0 {
		t.Errorf("%d empty segments are left", n)
	}
}

// Neither the session, which tells what is committed, nor who appends waits for a file
// to be deleted.
func TestHangingDelete(t *testing.T) {
	fsys := newHangFS()
	defer close(fsys.release)
	o := open(t, Options{FS: fsys, Stall: 20 * time.Millisecond, SegmentBytes: 100})
	for i := range 20 {
		o.Append(record.Live, []Batch{batch("a", i)})
	}
	_, runs := o.Declare()
	fsys.hang("remove")
	answers(t, "a commit told by the hub", func() { o.Committed(runs[1].ID, 19) })
	answers(t, "a reading", func() { o.Append(record.Live, []Batch{batch("a", 20)}) })
	if r, ok := o.Run(runs[1].ID); !ok || r.Committed != 19 {
		t.Errorf("run %+v", r)
	}
}

// What is on a disk that hangs is not asked for: who reads it has alarms to send that
// are in memory.
func TestHungDiskIsNotRead(t *testing.T) {
	fsys := newHangFS()
	o := open(t, Options{FS: fsys, Stall: 20 * time.Millisecond})
	o.Append(record.Live, []Batch{batch("a", 1)})
	_, before := o.Declare()
	fsys.hang("sync")
	o.Append(record.Live, []Batch{batch("a", 2)})
	fsys.hang("read")
	answers(t, "a reader", func() {
		if _, err := o.Reader(before[1].ID, 1).Next(10); !errors.Is(err, errStalled) {
			t.Errorf("got %v", err)
		}
	})
	_, now := o.Declare()
	if got := drain(t, o, now[1].ID, 1, 10); len(got) != 1 {
		t.Errorf("in memory: %v", got)
	}
	close(fsys.release)
	for limit := time.Now().Add(10 * time.Second); o.hung.Load() > 0 && time.Now().Before(limit); {
		o.Append(record.Live, []Batch{batch("a", 3)})
	}
	if got := drain(t, o, before[1].ID, 1, 10); len(got) != 1 {
		t.Errorf("once it answers: %v", got)
	}
}

// Who reads waits for a disk that hangs no longer than who writes, and what comes after
// that is sent from memory.
func TestHangingRead(t *testing.T) {
	fsys := newHangFS()
	o := open(t, Options{FS: fsys, Stall: 20 * time.Millisecond})
	o.Append(record.Live, []Batch{batch("a", 1)})
	_, before := o.Declare()
	r := o.Reader(before[1].ID, 1)
	fsys.hang("read")
	answers(t, "a reader", func() {
		if _, err := r.Next(10); !errors.Is(err, errStalled) {
			t.Errorf("got %v", err)
		}
	})
	o.Append(record.Alarm, []Batch{batch("a", 2)})
	_, now := o.Declare()
	if got := drain(t, o, now[0].ID, 1, 10); len(got) != 1 || !now[0].Memory {
		t.Errorf("an alarm after it: %v in %+v", got, now[0])
	}
	close(fsys.release)
	for limit := time.Now().Add(10 * time.Second); o.hung.Load() > 0 && time.Now().Before(limit); {
		o.Append(record.Live, []Batch{batch("a", 3)})
	}
	if c, err := r.Next(10); err != nil || len(c.Points) != 1 {
		t.Errorf("once it answers: %v, %v", c, err)
	}
}

// A disk that stays full is tried for days, and no try leaves a file.
func TestFullDiskIsNotFilledWithFiles(t *testing.T) {
	fsys := newHangFS()
	o := open(t, Options{FS: fsys})
	fsys.space = 0
	o.Append(record.Live, []Batch{batch("a", 1)})
	if n := fsys.segments(); n != 0 || !o.Status().Volatile {
		t.Errorf("%d empty segments are left", n)
	}
}

// A card that hangs while it is read at the start does not keep the gateway from
// measuring; what is on it is sent once it answers.
func TestHangingStart(t *testing.T) {
	for _, op := range []string{"read", "read a segment"} {
		fsys := newHangFS()
		o := open(t, Options{FS: fsys})
		o.Append(record.Live, []Batch{batch("a", 1)})
		_, runs := o.Declare()
		_ = o.Close()
		fsys.hang(op)
		answers(t, "the start", func() {
			o = open(t, Options{FS: fsys, Stall: 20 * time.Millisecond, Retry: time.Millisecond})
			o.Append(record.Live, []Batch{batch("a", 2)})
		})
		if s := o.Status(); !s.Volatile || s.Pending != 1 {
			t.Errorf("%s: status %+v", op, s)
		}
		fsys.hang("")
		close(fsys.release)
		for limit := time.Now().Add(10 * time.Second); o.Status().Volatile && time.Now().Before(limit); {
			o.Append(record.Live, []Batch{batch("a", 3)})
		}
		if got := drain(t, o, runs[1].ID, 1, 10); o.Status().Volatile || len(got) != 1 {
			t.Errorf("%s: of before the start: %v; status %+v", op, got, o.Status())
		}
	}
}

// While a failed disk is tried again and hangs, alarms go on.
func TestAlarmsDoNotWaitForAnotherTry(t *testing.T) {
	fsys := newHangFS()
	var late atomic.Int64
	o := open(t, Options{FS: fsys, Stall: time.Minute, Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	fail := func(f func(op, name string) error) {
		fsys.mu.Lock()
		defer fsys.mu.Unlock()
		fsys.fail = f
	}
	fail(func(string, string) error { return syscall.EIO })
	o.Append(record.Live, []Batch{batch("a", 1)})
	fail(nil)
	fsys.hang("sync")
	late.Store(int64(time.Hour))
	tried := make(chan struct{})
	go func() { defer close(tried); o.Append(record.Live, []Batch{batch("a", 2)}) }()
	<-fsys.waiting
	answers(t, "an alarm", func() { o.Append(record.Alarm, []Batch{batch("a", 3)}) })
	answers(t, "the session", func() { o.Declare() })
	fsys.hang("")
	close(fsys.release)
	<-tried
	if o.Status().Volatile {
		t.Error("the disk is not used again")
	}
}

// A commit that succeeds after all, in a run that was closed because the disk failed
// elsewhere, is declared: who has read the run to its end comes back to it.
func TestCommitInAClosedRunIsDeclared(t *testing.T) {
	fsys := newHangFS()
	o := open(t, Options{FS: fsys, Stall: time.Minute})
	fsys.hang("sync")
	_, runs := o.Declare()
	done := make(chan struct{})
	go func() { defer close(done); o.Append(record.Live, []Batch{batch("a", 1)}) }()
	<-fsys.waiting
	fsys.mu.Lock()
	fsys.fail = func(op, _ string) error {
		if op == "create" {
			return syscall.EIO
		}
		return nil
	}
	fsys.mu.Unlock()
	o.Append(record.Alarm, []Batch{batch("a", 2)})
	declared := o.Generation()
	close(fsys.release)
	<-done
	if r, ok := o.Run(runs[1].ID); !ok || r.Kind != record.Backlog || r.Next != 2 || o.Generation() == declared {
		t.Errorf("%+v, declared anew: %v", r, o.Generation() != declared)
	}
}
