package outbox

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/telemetry/record"
)

// maxDamagedFiles is how many damaged segments are kept for people to look at.
const maxDamagedFiles = 4

// unread are runs that the card did not give back: a sector of theirs cannot be read,
// or none can yet. They are tried again when the disk is used again, and by the next
// start; until then they are neither declared nor deleted.
type unread struct {
	segments map[uint64][]*segment
	state    stateFile // as it was
}

// keep puts what the state had of them into the next one.
func (u *unread) keep(s *stateFile) {
	for id := range u.segments {
		key := hexID(id)
		if seq, ok := u.state.Committed[key]; ok {
			s.Committed[key] = seq
		}
		if lost, ok := u.state.Lost[key]; ok {
			s.Lost[key] = lost
		}
	}
}

// load reads what an earlier process left, once. Only the last segment of each run
// is read whole: the others were sealed, and are checked when they are sent. It
// writes nothing but the cutting of torn tails, and does not mind if that fails. A
// card that hangs meanwhile is read from the beginning when it answers again.
func (o *Outbox) load() error {
	if o.read {
		return o.reread()
	}
	var epoch record.Epoch
	var why string
	var state stateFile
	var ok bool
	var found map[uint64][]*segment
	if err := o.bounded(func() (err error) {
		if epoch, why, err = loadEpoch(o.opts.FS, o.opts.Dir, o.opts.Fingerprint); err != nil {
			return err
		}
		if state, ok, err = loadState(o.opts.FS, o.opts.Dir); err != nil {
			return err
		}
		found, err = o.findSegments()
		return err
	}, nil); err != nil {
		return err
	}
	if !ok && why == "" {
		epoch, why = newEpoch(), "the state file is missing or damaged"
	}
	o.unread = unread{state: state}
	runs, err := o.loadRuns(found, state)
	if err != nil {
		return err
	}
	counter := max(o.counter, state.Counter)
	for _, r := range runs {
		counter = max(counter, uint32(r.id>>32))
	}
	for id := range found {
		counter = max(counter, uint32(id>>32))
	}
	if why != "" {
		o.opts.Log.Info("a new epoch begins", "why", why, "epoch", epoch.String(), "runs_of_before", len(runs))
	}
	o.epoch, o.storeEpoch = epoch, why != ""
	o.counter, o.lineage = counter, state.Lineage
	o.runs = append(o.runs, runs...)
	o.sortLocked()
	o.read = true
	o.retireLocked()
	return nil
}

// reread tries the runs again that could not be read.
func (o *Outbox) reread() error {
	found, all := o.unread.segments, o.unread.state
	if len(found) == 0 {
		return nil
	}
	o.unread.segments = nil
	of := stateFile{Committed: all.Committed, Lost: map[string]lostFile{}}
	for id := range found {
		if l, ok := all.Lost[hexID(id)]; ok {
			of.Lost[hexID(id)] = l
		}
	}
	runs, err := o.loadRuns(found, of)
	if err != nil {
		o.unread.segments = found
		return err
	}
	o.runs = append(o.runs, runs...)
	o.sortLocked()
	return nil
}

func (o *Outbox) sortLocked() {
	slices.SortFunc(o.runs, func(a, b *run) int { return cmp.Compare(a.id, b.id) })
}

// findSegments lists the segments by run, ascending.
func (o *Outbox) findSegments() (map[uint64][]*segment, error) {
	entries, err := o.opts.FS.ReadDir(o.opts.Dir)
	if err != nil {
		return nil, err
	}
	found := map[uint64][]*segment{}
	var damaged []string
	for _, e := range entries {
		path := filepath.Join(o.opts.Dir, e.Name())
		switch {
		case strings.HasSuffix(e.Name(), ".tmp"):
			_ = o.opts.FS.Remove(path) // left by an interrupted replace; harmless if it stays
		case strings.HasSuffix(e.Name(), damagedSuffix):
			damaged = append(damaged, path)
		default:
			id, first, ok := parseSegmentName(e.Name(), segmentSuffix)
			if !ok {
				continue
			}
			seg := &segment{path: path, first: first, sealed: o.opts.Now()}
			if info, err := e.Info(); err == nil {
				seg.size, seg.sealed = info.Size(), info.ModTime()
			}
			found[id] = append(found[id], seg)
		}
	}
	for len(damaged) > maxDamagedFiles {
		_ = o.opts.FS.Remove(damaged[0])
		damaged = damaged[1:]
	}
	for _, segs := range found {
		slices.SortFunc(segs, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	}
	return found, nil
}

// loadRuns makes closed runs of their segments and of what the state has of them. A run
// that cannot be read is left; a card that hangs is an error.
func (o *Outbox) loadRuns(found map[uint64][]*segment, state stateFile) (runs []*run, err error) {
	var damaged uint64
	byID := map[uint64]*run{}
	for hex, l := range state.Lost {
		if id, ok := parseHexID(hex); ok && l.Kind <= record.Alarm && l.Next > 0 {
			byID[id] = &run{id: id, parent: l.Parent, epoch: l.Epoch, kind: l.Kind, next: l.Next, lost: l.Ranges}
		}
	}
	for id, segs := range found {
		var r *run
		err := o.bounded(func() (err error) { r, err = o.loadRun(id, segs); return err }, nil)
		if errors.Is(err, errStalled) {
			return nil, err
		}
		if err != nil {
			if !o.read {
				o.opts.Log.Error("a run cannot be read: it stays on the card; check the card", "run", hexID(id), "error", err)
			}
			if o.unread.segments == nil {
				o.unread.segments = map[uint64][]*segment{}
			}
			o.unread.segments[id] = segs
			delete(byID, id)
			continue
		}
		damaged += countRanges(r.lost)
		if known := byID[id]; known != nil {
			r.lost = append(r.lost, known.lost...)
			if r.next < known.next { // it was once longer than what can be read
				r.lost = append(r.lost, record.Range{From: r.next, To: known.next - 1})
				r.next = known.next
			}
			r.parent, r.epoch, r.kind = known.parent, known.epoch, known.kind
		}
		if !r.epoch.IsZero() { // else not one of its segments could be told
			byID[id] = r
		}
	}
	for id, r := range byID {
		r.committed = min(state.Committed[hexID(id)], r.next-1)
		lost := r.lost
		r.lost = nil
		for _, l := range lost {
			r.lose(l.From, min(l.To, r.next-1))
		}
		runs = append(runs, r)
	}
	o.stats.Damaged += damaged
	return runs, nil
}

// loadRun makes a closed run of its segments. It touches nothing of the outbox: nobody
// may be waiting for it any more.
func (o *Outbox) loadRun(id uint64, segs []*segment) (*run, error) {
	r := &run{id: id, next: segs[0].first}
	for i, seg := range segs {
		last := i == len(segs)-1
		c, h, err := openCursor(o.opts.FS, seg.path, seg.size)
		if _, bad := errors.AsType[*headerError](err); bad || err == nil && (h.Run != id || h.First != seg.first) {
			if c != nil {
				c.close()
			}
			o.loseSegment(r, seg, segs[i+1:])
			continue
		}
		if err != nil {
			return nil, err
		}
		r.parent, r.epoch, r.kind = h.Parent, h.Epoch, h.Kind
		if !last {
			c.close()
			seg.end = segs[i+1].first
			r.segs, r.next = append(r.segs, seg), seg.end
			continue
		}
		err = o.loadTail(r, seg, c)
		c.close()
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// loseSegment gives up a segment whose header cannot be read: the last one of a run
// was torn when it was made and never held anything; another is damage.
func (o *Outbox) loseSegment(r *run, seg *segment, after []*segment) {
	if len(after) == 0 && seg.size < segmentHeaderLen+blockHeaderLen {
		_ = o.opts.FS.Remove(seg.path)
		return
	}
	if len(after) > 0 {
		r.lose(seg.first, after[0].first-1)
		r.next = after[0].first
	}
	o.opts.Log.Error("a segment's header is damaged: it is set aside; check the card", "file", seg.path+damagedSuffix, "run", hexID(r.id))
	_ = o.opts.FS.Rename(seg.path, seg.path+damagedSuffix)
}

// loadTail reads a run's last segment whole, notes damage and cuts the torn tail.
func (o *Outbox) loadTail(r *run, seg *segment, c *cursor) error {
	found, err := c.walk(nil)
	if err != nil {
		return err
	}
	seg.end = c.next
	r.next = seg.end
	for _, d := range found {
		r.lose(d.from, d.to)
		seg.damaged = true
		o.opts.Log.Error("the outbox is damaged", "error", &CorruptError{seg.path, d.offset, r.id, d.from, d.to, d.why})
	}
	if c.off < seg.size {
		o.opts.Log.Info("a torn tail is cut off", "file", seg.path, "at", c.off, "bytes", seg.size-c.off)
		o.cut(seg.path, c.off)
		seg.size = c.off
	}
	if seg.end > seg.first {
		r.segs = append(r.segs, seg)
	} else {
		_ = o.opts.FS.Remove(seg.path)
	}
	return nil
}

// cut truncates a file. A card that does not let it is found out by the first
// commit; until then the tail is left out by size.
func (o *Outbox) cut(path string, size int64) {
	f, err := o.opts.FS.OpenFile(path, os.O_RDWR)
	if err != nil {
		return
	}
	_ = errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// age is how long ago a segment was last written; never negative, since the clock
// of a gateway may be set back.
func (s *segment) age(now time.Time) time.Duration { return max(0, now.Sub(s.sealed)) }
