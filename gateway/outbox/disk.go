package outbox

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"weishao.dev/weishao/telemetry/record"
)

// errStalled is an operation that the disk did not answer in time.
var errStalled = errors.New("the disk did not answer in time")

// storeInterval is how often committed positions are stored if nothing else has
// to be: they save traffic after a restart and nothing more.
const storeInterval = time.Minute

// maxRuns is how many runs there may be before a reconnect no longer opens one:
// a link that flaps for a day must not make a birth certificate of megabytes.
const maxRuns = 256

// startDisk reads the directory if that was not done yet, and opens new runs in it.
// The caller holds mu, and the lanes unless the outbox is just being opened.
func (o *Outbox) startDisk() error {
	if o.lock == nil {
		lock, err := o.acquire()
		if err != nil {
			return o.readAnyway(err)
		}
		o.lock = lock
	}
	if err := o.load(); err != nil {
		return err
	}
	if o.storeEpoch {
		epoch := o.epoch
		if err := o.bounded(func() error { return storeEpoch(o.opts.FS, o.opts.Dir, epoch, o.opts.Fingerprint) }, nil); err != nil {
			return err
		}
		o.storeEpoch = false
	}
	for len(o.suspects) > 0 {
		if err := o.bounded(o.suspects[0].undo, nil); err != nil {
			return err
		}
		o.suspects[0].close()
		o.suspects = o.suspects[1:]
	}
	return o.openDiskRuns(true)
}

// acquire makes the directory and takes it for this process.
func (o *Outbox) acquire() (io.Closer, error) {
	var lock io.Closer
	err := o.bounded(func() (err error) {
		if err = o.opts.FS.MkdirAll(o.opts.Dir); err == nil {
			lock, err = o.opts.FS.Lock(filepath.Join(o.opts.Dir, "LOCK"))
		}
		return err
	}, func() {
		if lock != nil {
			_ = lock.Close()
		}
	})
	if err != nil {
		return nil, err
	}
	return lock, nil
}

// readAnyway lets the backlog of a card that has become read-only be sent.
func (o *Outbox) readAnyway(err error) error {
	if errors.Is(err, ErrLocked) || errors.Is(err, errStalled) {
		return err
	}
	return errors.Join(err, o.load())
}

// openDiskRuns opens a new live run, and a new alarm run if wanted. Their IDs are
// stored before they are used.
func (o *Outbox) openDiskRuns(alarm bool) error {
	counter, lin := o.counter, o.lineage
	if lin.Epoch != o.epoch {
		lin = newLineage(o.epoch)
	}
	var opened [2]*run
	if alarm {
		counter++
		opened[record.Alarm] = &run{id: runID(counter), parent: lin.Alarm, epoch: o.epoch, kind: record.Alarm, open: true, next: 1}
		lin.Alarm = opened[record.Alarm].id
	}
	counter++
	opened[record.Live] = &run{id: runID(counter), parent: lin.Live, epoch: o.epoch, kind: record.Live, open: true, next: 1}
	lin.Live = opened[record.Live].id

	s := o.stateLocked()
	s.Counter, s.Lineage = counter, lin
	if err := o.store(s); err != nil {
		return err
	}
	o.counter, o.lineage = counter, lin
	o.dirty, o.storedAt = false, o.opts.Now()
	o.switchLocked(opened)
	return nil
}

// openMemoryRuns opens runs of the volatile epoch.
func (o *Outbox) openMemoryRuns(alarm bool) {
	if o.volatile.Epoch.IsZero() {
		o.volatile = newLineage(newEpoch())
	}
	var opened [2]*run
	begin := func(kind record.RunKind, parent uint64) uint64 {
		o.counter++
		r := &run{id: runID(o.counter), parent: parent, epoch: o.volatile.Epoch, kind: kind, open: true, next: 1, mem: &memory{}}
		opened[kind] = r
		return r.id
	}
	if alarm {
		o.volatile.Alarm = begin(record.Alarm, o.volatile.Alarm)
	}
	o.volatile.Live = begin(record.Live, o.volatile.Live)
	o.switchLocked(opened)
}

// switchLocked makes the opened runs the current ones and closes those they follow.
func (o *Outbox) switchLocked(opened [2]*run) {
	for kind, r := range opened {
		if r == nil {
			continue
		}
		if old := o.current[kind]; old != nil {
			old.open = false
		}
		o.current[kind] = r
		o.runs = append(o.runs, r)
	}
	o.sortLocked()
	o.retireLocked()
	o.generation++
	o.noteLocked()
}

// bounded runs one operation of the disk, but waits for it no longer than
// Options.Stall. A hung one is answered by errStalled and, whenever the kernel does
// answer, followed by late. The disk is not used again before that.
func (o *Outbox) bounded(op func() error, late func()) error {
	done := make(chan error, 1)
	go func() { done <- op() }()
	timer := time.NewTimer(o.opts.Stall)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	}
	o.hung.Add(1)
	go func() { // ends when the kernel answers, which nobody can hasten
		defer o.hung.Add(-1)
		<-done
		if late != nil {
			late()
		}
	}()
	return fmt.Errorf("%w (%v)", errStalled, o.opts.Stall)
}

// create makes the file of a new segment; one that is made too late is taken away again.
func (o *Outbox) create(h segmentHeader) (*writer, error) {
	var w *writer
	err := o.bounded(func() (err error) {
		w, err = createSegment(o.opts.FS, o.opts.Dir, h)
		return err
	}, func() {
		if w != nil {
			w.close()
			_ = o.opts.FS.Remove(w.path) // empty: the next start would take it away too
		}
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// commit commits what was added to w. A writer that failed is set aside, what the
// failed commit may have left cut off: its readings go on in memory.
func (o *Outbox) commit(w *writer) error {
	size := w.size
	err := o.bounded(w.commit, func() {
		w.size = size // the commit may have succeeded after all
		o.suspect(w)
	})
	if err != nil && !errors.Is(err, errStalled) {
		_ = o.bounded(func() error { o.suspect(w); return nil }, nil)
	}
	return err
}

// suspect cuts a failed commit's remains off at once if the disk lets it, else
// before the disk is used again.
func (o *Outbox) suspect(w *writer) {
	if w.undo() == nil {
		w.close()
		if w.size == 0 {
			_ = o.opts.FS.Remove(w.path) // or the next start does
		}
		return
	}
	o.mu.Lock()
	o.suspects = append(o.suspects, w)
	o.mu.Unlock()
}

func (o *Outbox) storePositions(now time.Time) {
	o.mu.Lock()
	if !o.dirty || now.Sub(o.storedAt) < storeInterval {
		o.mu.Unlock()
		return
	}
	s := o.stateLocked()
	o.dirty, o.storedAt = false, now
	o.mu.Unlock()
	if err := o.store(s); err != nil {
		// Positions are only a saving; a disk that really fails shows it at the commit.
		o.opts.Log.Warn("committed positions were not stored", "error", err)
	}
}

func (o *Outbox) store(s stateFile) error {
	return o.bounded(func() error { return s.store(o.opts.FS, o.opts.Dir) }, nil)
}

func (o *Outbox) stateLocked() stateFile {
	s := stateFile{Counter: o.counter, Lineage: o.lineage, Committed: map[string]uint64{}, Lost: map[string]lostFile{}}
	for _, r := range o.runs {
		if r.mem != nil {
			continue
		}
		if r.committed > 0 {
			s.Committed[hexID(r.id)] = r.committed
		}
		if lost := r.lostAbove(); len(lost) > 0 {
			s.Lost[hexID(r.id)] = lostFile{Epoch: r.epoch, Parent: r.parent, Kind: r.kind, Next: r.next, Ranges: lost}
		}
	}
	o.unread.keep(&s)
	return s
}

// Reconnected is to be called when a connection is made. If readings of the live
// run are not committed, a new live run is opened, so that live readings need not
// wait for them.
func (o *Outbox) Reconnected() {
	o.lanes[record.Live].Lock()
	defer o.lanes[record.Live].Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	old := o.current[record.Live]
	if old.pending() == 0 || len(o.runs) >= maxRuns {
		return
	}
	if old.mem != nil {
		o.openMemoryRuns(false)
		return
	}
	if err := o.openDiskRuns(false); err != nil {
		o.failLocked(err)
	}
	if old.w != nil {
		old.w.close()
		old.w = nil
	}
}

// NewEpoch begins a new epoch: the hub has seen that this card's history
// contradicts itself. What was written before stays in the epoch it was written in.
func (o *Outbox) NewEpoch() {
	o.lanes[record.Live].Lock()
	defer o.lanes[record.Live].Unlock()
	o.lanes[record.Alarm].Lock()
	defer o.lanes[record.Alarm].Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opts.Log.Warn("the hub asks for a new epoch: the card was cloned, or an old image of it restored", "old_epoch", o.epoch.String())
	o.epoch, o.storeEpoch = newEpoch(), true
	if o.failing != nil {
		o.volatile = lineage{}
		o.openMemoryRuns(true)
		return
	}
	olds := o.current
	if err := o.startDisk(); err != nil {
		o.failLocked(err)
	}
	for _, old := range olds {
		if old.w != nil {
			old.w.close()
			old.w = nil
		}
	}
}
