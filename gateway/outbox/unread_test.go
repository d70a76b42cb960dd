package outbox

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"weishao.dev/weishao/telemetry/record"
)

// A sector that cannot be read costs the run that it is of, for as long as it cannot be
// read: new readings go to the card as ever, and other runs are sent.
func TestUnreadableSegment(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	o.Append(record.Live, []Batch{batch("a", 1)})
	o.Append(record.Alarm, []Batch{batch("a", 2)})
	_, runs := o.Declare()
	_ = o.Close()
	bad := "/" + strings.TrimSuffix(segmentName(runs[1].ID, 1), segmentSuffix)
	fsys.fail = func(op, name string) error {
		if op == "read" && strings.Contains(name, bad) {
			return syscall.EIO
		}
		return nil
	}
	o = open(t, Options{FS: fsys})
	o.Append(record.Live, []Batch{batch("a", 3)})
	if s := o.Status(); s.Volatile || s.Pending != 2 {
		t.Errorf("status %+v", s)
	}
	if got := drain(t, o, runs[0].ID, 1, 10); len(got) != 1 {
		t.Errorf("the other run: %v", got)
	}
	_ = o.Close()
	fsys.fail = nil
	o = open(t, Options{FS: fsys})
	if got := drain(t, o, runs[1].ID, 1, 10); len(got) != 1 {
		t.Errorf("when it can be read again: %v", got)
	}
}

// What is known of a run that cannot be read, what was lost of it above all, is known
// still when it can.
func TestUnreadableRunKeepsItsState(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys, SegmentBytes: 1})
	for i := range 5 {
		o.Append(record.Live, []Batch{batch("a", i)})
	}
	_, runs := o.Declare()
	id := runs[1].ID
	o.mu.Lock()
	o.find(id).lose(3, 3)
	o.dirty = true
	o.mu.Unlock()
	o.Committed(id, 1)
	_ = o.Close()
	bad := "/" + strings.TrimSuffix(segmentName(id, 5), segmentSuffix)
	fsys.fail = func(op, name string) error {
		if op == "read" && strings.Contains(name, bad) {
			return syscall.EIO
		}
		return nil
	}
	o = open(t, Options{FS: fsys})
	if _, ok := o.Run(id); ok {
		t.Error("it could be read")
	}
	_ = o.Close()
	fsys.fail = nil
	o = open(t, Options{FS: fsys})
	r, ok := o.Run(id)
	if want := []record.Range{{From: 3, To: 3}}; !ok || r.Committed != 1 || !slices.Equal(r.Lost, want) {
		t.Errorf("%+v, want 1 committed and %v lost", r, want)
	}
}

// A card that is dead at the start gives its backlog when it is there after all.
func TestCardThatComesLate(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	o.Append(record.Live, []Batch{batch("a", 1)})
	_, runs := o.Declare()
	o.Committed(runs[1].ID, 0)
	_ = o.Close()
	fsys.fail = func(op, name string) error {
		if op == "write" || op == "create" || op == "read" && strings.HasSuffix(name, segmentSuffix) {
			return syscall.EIO
		}
		return nil
	}
	now := time.Now()
	o = open(t, Options{FS: fsys, Now: func() time.Time { return now }})
	o.Append(record.Live, []Batch{batch("a", 2)})
	if !o.Status().Volatile {
		t.Fatal("a dead card is used")
	}
	fsys.mu.Lock()
	fsys.fail = nil
	fsys.mu.Unlock()
	now = now.Add(time.Hour)
	before := o.Generation()
	o.Append(record.Live, []Batch{batch("a", 3)})
	if got := drain(t, o, runs[1].ID, 1, 10); o.Status().Volatile || len(got) != 1 || o.Generation() == before {
		t.Errorf("backlog %v, status %+v", got, o.Status())
	}
}

// Nothing waits behind a reading that the card takes and does not give back: neither an
// alarm nor what is live.
func TestUnreadableOpenRun(t *testing.T) {
	for _, kind := range []record.RunKind{record.Live, record.Alarm} {
		fsys := newMemFS()
		now := time.Now()
		o := open(t, Options{FS: fsys, Now: func() time.Time { return now }})
		o.Append(kind, []Batch{batch("a", 1)})
		fsys.fail = func(op, name string) error {
			if op == "read" && strings.HasSuffix(name, segmentSuffix) {
				return syscall.EIO
			}
			return nil
		}
		first := o.current[kind].id
		generation := o.Generation()
		if _, err := o.Reader(first, 1).Next(10); !errors.Is(err, syscall.EIO) || !o.Status().Volatile || o.Generation() == generation {
			t.Errorf("%v: %v, status %+v", kind, err, o.Status())
		}
		o.Append(kind, []Batch{batch("a", 2)})
		second := o.current[kind].id
		if got := drain(t, o, second, 1, 10); len(got) != 1 {
			t.Errorf("%v: what comes after it: %v", kind, got)
		}
		if _, err := o.Reader(first, 1).Next(10); !errors.Is(err, syscall.EIO) || o.current[kind].id != second {
			t.Errorf("%v: the run before makes another one fail: %v", kind, err)
		}
		fsys.fail = nil
		now = now.Add(time.Hour)
		o.Append(record.Live, []Batch{batch("a", 3)})
		if o.find(first).w != nil {
			t.Errorf("%v: its file is open for writing still", kind)
		}
		if got := drain(t, o, first, 1, 10); len(got) != 1 || o.Status().Volatile {
			t.Errorf("%v: when it can be read again: %v, status %+v", kind, got, o.Status())
		}
	}
}
