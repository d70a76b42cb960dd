package outbox

import (
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
