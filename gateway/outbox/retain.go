package outbox

import (
	"errors"
	"io/fs"
	"time"

	"weishao.dev/weishao/telemetry/record"
)

// Committed takes the hub's word that every sequence of a run up to seq is in its
// log: they are forgotten. This is the only way that readings leave an outbox
// without being lost.
func (o *Outbox) Committed(run, seq uint64) {
	o.mu.Lock()
	r := o.find(run)
	if r == nil || min(seq, r.next-1) <= r.committed {
		o.mu.Unlock()
		return
	}
	r.committed = min(seq, r.next-1)
	o.dirty = true
	var gone []*segment
	if r.mem != nil {
		r.mem.trim(r.committed)
	}
	for len(r.segs) > 0 && r.segs[0].end <= r.committed+1 && !o.written(r, r.segs[0]) {
		gone = append(gone, r.segs[0])
		r.segs = r.segs[1:]
	}
	before := len(o.runs)
	gone = append(gone, o.retireLocked()...)
	if before > maxDeclared && len(o.runs) < before {
		o.generation++ // there is room in the birth certificate for another one
		o.noteLocked()
	}
	o.mu.Unlock()
	o.remove(gone)
}

// written reports whether a segment is, or is about to be, appended to.
func (o *Outbox) written(r *run, s *segment) bool {
	return (r.open || r.busy) && s == r.segs[len(r.segs)-1]
}

// retireLocked takes out the runs about which the hub knows all. It returns the
// segments that are left of them.
func (o *Outbox) retireLocked() (gone []*segment) {
	kept := o.runs[:0]
	for _, r := range o.runs {
		if !r.settled() {
			kept = append(kept, r)
			continue
		}
		gone = append(gone, r.segs...)
		o.dirty = true
	}
	clear(o.runs[len(kept):])
	o.runs = kept
	return gone
}

// remove deletes segments that are not needed any more. One that cannot be deleted
// is found again by the next start, and the hub tells then that it is committed.
func (o *Outbox) remove(gone []*segment) {
	for _, s := range gone {
		err := errStalled
		if o.hung.Load() == 0 {
			err = o.bounded(func() error { return o.delete(s.path, s.damaged) }, nil)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			o.opts.Log.Warn("a committed segment was not deleted", "error", err)
		}
	}
}

func (o *Outbox) delete(path string, damaged bool) error {
	switch {
	case damaged:
		return o.opts.FS.Rename(path, path+damagedSuffix)
	case keepTrimmed():
		return o.opts.FS.Rename(path, path+keptSuffix)
	}
	return o.opts.FS.Remove(path)
}

// bound keeps the outbox within its size and age: the oldest segments are given up,
// live readings before alarms, and never the segment that is being written. What
// they held and the hub has not committed is lost, and declared so.
func (o *Outbox) bound(now time.Time) {
	o.mu.Lock()
	gone, tombstone := o.boundLocked(now)
	s := o.stateLocked()
	o.mu.Unlock()
	if len(gone) == 0 {
		return
	}
	if tombstone {
		// The run will have no file left to tell what it was.
		if err := o.store(s); err != nil {
			o.opts.Log.Warn("what was dropped is not stored: it is not declared after a restart", "error", err)
		}
	}
	o.remove(gone)
}

func (o *Outbox) boundLocked(now time.Time) (gone []*segment, tombstone bool) {
	var bytes int64
	for _, r := range o.runs {
		for _, s := range r.segs {
			bytes += s.size
		}
	}
	before := o.stats.Dropped
	for _, kind := range []record.RunKind{record.Live, record.Alarm} {
		for _, r := range o.runs {
			for r.kind == kind && len(r.segs) > 0 && !o.written(r, r.segs[0]) {
				s := r.segs[0]
				if bytes <= o.opts.MaxBytes && s.age(now) <= o.opts.MaxAge {
					break
				}
				o.stats.Dropped += r.lose(s.first, s.end-1)
				bytes -= s.size
				gone = append(gone, s)
				r.segs = r.segs[1:]
				tombstone = tombstone || len(r.segs) == 0
				o.generation++
			}
		}
	}
	if n := o.stats.Dropped - before; n > 0 {
		o.opts.Log.Error("the outbox is full or its readings too old: the oldest are given up", "readings", n,
			"max_bytes", o.opts.MaxBytes, "max_age", o.opts.MaxAge.String())
	}
	return gone, tombstone
}
