package outbox

import (
	"errors"
	"io"
)

var (
	// ErrDone says that a run has nothing further to read at present.
	ErrDone = errors.New("outbox: nothing further in this run")
	// ErrGone says that the outbox has nothing of the run any more.
	ErrGone = errors.New("outbox: the run is not held any more")
)

// Reader reads a run's durable readings in the order of their sequence. It is for
// one goroutine; Close it.
type Reader struct {
	o    *Outbox
	id   uint64
	next uint64

	cur  *cursor
	path string // of cur

	first uint64 // of the block that cur has decoded
	point int    // how many of its points are behind next
	group int    // the group that holds that point, and
	used  int    // how many of the group's points are behind next
	ready bool   // the block has more
}

// Reader reads a run from sequence from on; 0 and 1 are its start.
func (o *Outbox) Reader(run, from uint64) *Reader {
	return &Reader{o: o, id: run, next: max(from, 1)}
}

// Run is the ID of the run that r reads.
func (r *Reader) Run() uint64 { return r.id }

// Position is the sequence that Next looks at next.
func (r *Reader) Position() uint64 { return r.next }

// Seek makes seq the next sequence to read.
func (r *Reader) Seek(seq uint64) {
	if seq == r.next {
		return
	}
	r.next, r.ready = max(seq, 1), false
	if r.cur != nil && r.cur.next > seq {
		r.Close()
	}
}

// Close lets the file go; Next opens it again.
func (r *Reader) Close() {
	if r.cur != nil {
		r.cur.close()
	}
	r.cur, r.path, r.ready = nil, "", false
}

// Next gives the next readings, at most limit, all of one device. They are good
// until Next is called again. Readings that are lost are stepped over. It returns
// ErrDone, ErrGone, a *CorruptError when it has come upon damage (noted as lost,
// and Generation changed: call again to read on behind it), or the disk's error.
func (r *Reader) Next(limit int) (Chunk, error) {
	for {
		if r.ready {
			if c, ok := r.slice(limit); ok {
				return c, nil
			}
		}
		c, err := r.advance()
		if err != nil {
			return Chunk{}, err
		}
		if len(c.Points) > 0 {
			if len(c.Points) > limit {
				c.Points = c.Points[:limit]
			}
			r.next = c.First + uint64(len(c.Points))
			return c, nil
		}
	}
}

// slice takes readings out of the decoded block.
func (r *Reader) slice(limit int) (Chunk, bool) {
	skip := int(r.next - r.first)
	for ; r.group < len(r.cur.groups); r.group++ {
		g := r.cur.groups[r.group]
		start := r.point - r.used // of the group
		if from := max(skip, r.point); from < start+g.n {
			n := min(limit, start+g.n-from)
			c := Chunk{Device: g.device, First: r.first + uint64(from), Points: r.cur.points[from : from+n]}
			r.point, r.used = from+n, from+n-start
			r.next = c.First + uint64(n)
			return c, true
		}
		r.point, r.used = start+g.n, 0
	}
	r.ready = false
	return Chunk{}, false
}

// place is where a sequence is held.
type place struct {
	chunk Chunk // in memory; or
	path  string
	limit int64
	end   uint64
}

// locate finds next, having stepped over what is lost.
func (r *Reader) locate() (place, error) {
	o := r.o
	o.mu.Lock()
	defer o.mu.Unlock()
	run := o.find(r.id)
	if run == nil {
		return place{}, ErrGone
	}
	r.next = max(r.next, run.oldest())
	for _, l := range run.lost {
		if l.From <= r.next && r.next <= l.To {
			r.next = l.To + 1
		}
	}
	if r.next >= run.next {
		return place{}, ErrDone
	}
	if run.mem != nil {
		c, ok := run.mem.at(r.next)
		if !ok {
			return place{}, ErrDone
		}
		if skip := int(int64(r.next) - int64(c.First)); skip > 0 {
			c.First, c.Points = r.next, c.Points[skip:]
		}
		return place{chunk: c}, nil
	}
	for _, s := range run.segs {
		if r.next < s.end {
			return place{path: s.path, limit: s.size, end: s.end}, nil
		}
	}
	return place{}, ErrDone
}

// advance makes the block that holds next ready, or gives a chunk from memory.
func (r *Reader) advance() (Chunk, error) {
	p, err := r.locate()
	if err != nil || len(p.chunk.Points) > 0 {
		return p.chunk, err
	}
	if r.o.hung.Load() > 0 {
		return Chunk{}, errStalled // whoever reads has others to serve
	}
	if r.cur == nil || r.path != p.path || r.cur.next > r.next {
		r.Close()
		cur, err := r.open(p)
		if bad, ok := errors.AsType[*headerError](err); ok {
			return Chunk{}, r.damaged(p, 0, r.next, p.end-1, bad.err.Error())
		}
		if err != nil {
			return Chunk{}, r.unreadable(err)
		}
		r.cur, r.path = cur, p.path
	}
	r.cur.limit = p.limit
	for {
		bh, err := r.block()
		switch bad, isBad := errors.AsType[errBlock](err); {
		case isBad:
			return Chunk{}, r.skipDamage(p, bad)
		case errors.Is(err, io.EOF):
			return Chunk{}, r.damaged(p, p.limit, r.cur.next, p.end-1, "segment ends early")
		case err != nil:
			return Chunk{}, r.unreadable(err)
		case r.cur.next > r.next:
			r.first, r.point, r.group, r.used, r.ready = bh.first, 0, 0, 0, true
			return Chunk{}, nil
		}
	}
}

// open opens the file of a place.
func (r *Reader) open(p place) (*cursor, error) {
	var cur *cursor
	err := r.o.bounded(func() (err error) {
		cur, _, err = openCursor(r.o.opts.FS, p.path, p.limit)
		return err
	}, func() {
		if cur != nil {
			cur.close()
		}
	})
	if err != nil {
		return nil, err
	}
	return cur, nil
}

// block is the cursor's.
func (r *Reader) block() (blockHeader, error) {
	var bh blockHeader
	err := r.read(func(c *cursor) (err error) { bh, err = c.block(); return err })
	if errors.Is(err, errStalled) {
		return blockHeader{}, err
	}
	return bh, err
}

// resync is the cursor's.
func (r *Reader) resync() (first uint64, ok bool, err error) {
	var found struct {
		first uint64
		ok    bool
	}
	err = r.read(func(c *cursor) (err error) { found.first, found.ok, err = c.resync(); return err })
	if err != nil {
		return 0, false, err
	}
	return found.first, found.ok, nil
}

// read has the cursor read. A disk that hangs keeps the cursor: it is closed whenever
// the disk answers.
func (r *Reader) read(f func(*cursor) error) error {
	cur := r.cur
	err := r.o.bounded(func() error { return f(cur) }, cur.close)
	if errors.Is(err, errStalled) {
		r.cur, r.path = nil, ""
	}
	return err
}

// unreadable lets go of a file that the disk does not give back. A disk that does not
// give back what is being written is a failed one: what comes next would wait behind it.
func (r *Reader) unreadable(err error) error {
	r.Close()
	o := r.o
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.current {
		if c.id == r.id && !o.closed {
			o.failLocked(err)
		}
	}
	return err
}

// skipDamage moves behind a block that cannot be read.
func (r *Reader) skipDamage(p place, bad errBlock) error {
	at, due := r.cur.off, r.cur.next
	first, ok, err := r.resync()
	if err != nil {
		return r.unreadable(err)
	}
	if !ok || first > p.end {
		r.Close()
		first = p.end
	}
	if first <= due {
		return nil
	}
	return r.damaged(p, at, due, first-1, bad.why)
}

// damaged notes sequences as lost. It returns nil if all of them were committed.
func (r *Reader) damaged(p place, offset int64, from, to uint64, why string) error {
	o := r.o
	o.mu.Lock()
	defer o.mu.Unlock()
	run := o.find(r.id)
	if run == nil {
		return ErrGone
	}
	for _, s := range run.segs {
		if s.path == p.path {
			s.damaged = true
		}
	}
	r.next = max(r.next, to+1)
	n := run.lose(from, to)
	if n == 0 {
		return nil
	}
	o.stats.Damaged += n
	o.generation++
	err := &CorruptError{Path: p.path, Offset: offset, Run: r.id, From: from, To: to, Why: why}
	o.opts.Log.Error("the outbox is damaged", "error", err)
	return err
}
