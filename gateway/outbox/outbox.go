package outbox

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weishao.dev/weishao/telemetry/record"
)

// Options are what an outbox may be told. Only Dir is required.
type Options struct {
	Dir            string
	MaxBytes       int64         // of all segments together; default 120 MB, at least 4 segments
	MaxAge         time.Duration // of a segment since it was last written, wall time; default 14 days
	SegmentBytes   int64         // default 1 MB
	MemoryReadings int           // readings held while the disk fails; default 20,000 (about 2 MB)
	Retry          time.Duration // how long a failed disk is left alone at first; default 10 s, doubling to 5 min
	Stall          time.Duration // a commit that takes longer is a failed disk; default 5 s
	Fingerprint    string        // default Fingerprint()
	FS             FS            // default OS
	Now            func() time.Time
	Log            *slog.Logger // required
}

func (o *Options) fill() error {
	if o.Dir == "" {
		return errors.New("outbox: no directory given")
	}
	if o.Log == nil {
		return errors.New("outbox: no logger given")
	}
	def(&o.SegmentBytes, 1<<20)
	def(&o.MaxBytes, 120<<20)
	def(&o.MaxAge, 14*24*time.Hour)
	def(&o.MemoryReadings, 20_000)
	def(&o.Retry, 10*time.Second)
	def(&o.Stall, 5*time.Second)
	o.MaxBytes = max(o.MaxBytes, 4*o.SegmentBytes)
	if o.Fingerprint == "" {
		o.Fingerprint = Fingerprint()
	}
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

func def[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// RunState is a run as the gateway declares it to the hub.
type RunState struct {
	record.Run
	Committed uint64 // as far as the hub has told
	Pending   uint64 // readings held that are not committed
	Memory    bool   // held in memory only
}

// Status is what people see of an outbox.
type Status struct {
	Epoch    record.Epoch
	Volatile bool      // the disk fails; readings are held in memory only
	Problem  string    // what the disk last failed with; empty while it works
	Since    time.Time // since when the disk fails
	Bytes    int64     // on disk
	Pending  uint64    // readings that the hub has not committed
	Runs     int       // declared
	Dropped  uint64    // readings given up for size or age, or pushed out of memory
	Damaged  uint64    // readings that the card gave back damaged
	Commits  uint64    // since the start
	Written  uint64    // bytes, by commits, since the start
}

// Outbox is safe for concurrent use. See the package's doc for its promises.
type Outbox struct {
	opts Options

	// lanes serialise the writers of the live and of the alarm run, so that an
	// alarm does not wait for the commit of what is merely live. Whoever needs
	// both takes live first, and mu last.
	lanes [2]sync.Mutex

	mu         sync.Mutex
	lock       io.Closer
	read       bool // the directory's content is known
	unread     unread
	epoch      record.Epoch
	storeEpoch bool // epoch is not on the disk yet
	counter    uint32
	lineage    lineage
	volatile   lineage // of the runs in memory
	runs       []*run  // all that are not settled, ascending by ID
	current    [2]*run // by kind: Live, Alarm
	generation uint64
	failing    error
	since      time.Time
	retry      time.Duration
	retryAt    time.Time
	suspects   []*writer // their tail must be cut before the disk is used again
	dirty      bool      // the state on disk lags
	storedAt   time.Time
	stats      Status
	closed     bool

	hung    atomic.Int32 // operations that the kernel has not answered yet
	changed chan struct{}
}

// Open opens the outbox in a directory, or makes it, and opens a new live and a
// new alarm run. A disk that fails is no error: the outbox then holds readings in
// memory and tries again. An error is ErrLocked, or an option that is missing.
func Open(opts Options) (*Outbox, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	o := &Outbox{opts: opts, retry: opts.Retry, changed: make(chan struct{}, 1)}
	o.mu.Lock()
	err := o.startDisk()
	if err != nil && !errors.Is(err, ErrLocked) {
		o.failLocked(err)
	}
	o.mu.Unlock()
	if errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("outbox %s: %w", opts.Dir, err)
	}
	return o, nil
}

// Append takes batches into the open run of a kind, Live or Alarm, and returns
// when they are durable: in one commit, in the order of their devices. When the
// disk fails or hangs they are held in memory instead, marked volatile; so Append
// always succeeds. It does not keep batches.
func (o *Outbox) Append(kind record.RunKind, batches []Batch) {
	batches = byDevice(batches)
	if len(batches) == 0 {
		return
	}
	lane := kind & 1
	o.lanes[lane].Lock()
	defer o.lanes[lane].Unlock()
	if kind == record.Live {
		o.maintain()
	}
	o.mu.Lock()
	r := o.current[lane]
	if r.mem == nil {
		r.busy = true
		o.mu.Unlock()
		err := o.write(r, batches)
		o.mu.Lock()
		r.busy = false
		if err == nil {
			if !r.open { // the disk failed elsewhere meanwhile: the run ends later than declared
				o.generation++
			}
			o.noteLocked()
			o.mu.Unlock()
			return
		}
		o.failLocked(err)
	}
	o.rememberLocked(o.current[lane], batches)
	o.noteLocked()
	o.mu.Unlock()
}

// write commits batches to a run's segment. The caller holds the lane.
func (o *Outbox) write(r *run, batches []Batch) error {
	now := o.opts.Now()
	if r.w != nil && r.w.size >= o.opts.SegmentBytes {
		r.w.close()
		r.w = nil
	}
	if r.w == nil {
		h := segmentHeader{Epoch: r.epoch, Run: r.id, Parent: r.parent, First: r.next, Kind: r.kind}
		w, err := o.create(h)
		if err != nil {
			return err
		}
		r.w = w
	}
	w, next := r.w, r.next
	for _, block := range blocks(batches) {
		w.add(next, block.count, block.batches)
		next += uint64(block.count)
	}
	written := len(w.buf)
	if err := o.commit(w); err != nil {
		r.w = nil
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(r.segs) == 0 || r.segs[len(r.segs)-1].path != w.path {
		r.segs = append(r.segs, &segment{path: w.path, first: r.next})
	}
	seg := r.segs[len(r.segs)-1]
	seg.end, seg.size, seg.sealed = next, w.size, now
	r.next = next
	o.stats.Commits++
	o.stats.Written += uint64(written)
	if o.stats.Commits%100 == 0 {
		o.retry = o.opts.Retry
	}
	return nil
}

// rememberLocked takes batches into a run in memory. If there is too much in memory
// the oldest is dropped, live readings before alarms.
func (o *Outbox) rememberLocked(r *run, batches []Batch) {
	r.next = r.mem.add(r.next, batches)
	total := 0
	for _, v := range o.runs {
		if v.mem != nil {
			total += v.mem.n
		}
	}
	for _, kind := range []record.RunKind{record.Live, record.Alarm} {
		for _, v := range o.runs {
			for v.kind == kind && v.mem != nil && total > o.opts.MemoryReadings && len(v.mem.chunks) > 0 {
				c := v.mem.dropFirst()
				total -= len(c.Points)
				o.stats.Dropped += v.lose(c.First, c.last())
				o.generation++
			}
		}
	}
}

// noteLocked tells the reader of Changed.
func (o *Outbox) noteLocked() {
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// Changed has a token after something was appended, or the runs changed. There
// may be one receiver.
func (o *Outbox) Changed() <-chan struct{} { return o.changed }

// Generation changes whenever what was declared of the runs has to be declared
// again: runs opened or closed by the outbox itself, and ranges lost.
func (o *Outbox) Generation() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.generation
}

// maxDeclared is how many runs a birth certificate names at most. The rest follow
// when some of these are settled.
const maxDeclared = 512

// Declare gives the current epoch and the runs in the order in which they are to
// be sent: the open alarm run, the open live run, and the others, oldest first,
// alarms before live readings, at most maxDeclared in all.
func (o *Outbox) Declare() (record.Epoch, []RunState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := []RunState{o.current[record.Alarm].state(true), o.current[record.Live].state(true)}
	for _, kind := range []record.RunKind{record.Alarm, record.Live} {
		for _, r := range o.runs {
			if r.kind == kind && r != o.current[kind] && !r.settled() && len(list) < maxDeclared {
				list = append(list, r.state(false))
			}
		}
	}
	return o.current[record.Live].epoch, list
}

// Run gives one run's state; false if the outbox has nothing of it any more.
func (o *Outbox) Run(id uint64) (RunState, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.find(id)
	if r == nil {
		return RunState{}, false
	}
	return r.state(o.current[r.kind] == r), true
}

func (o *Outbox) find(id uint64) *run {
	i, ok := slices.BinarySearchFunc(o.runs, id, func(r *run, id uint64) int {
		switch {
		case r.id < id:
			return -1
		case r.id > id:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return o.runs[i]
}

// Status is a snapshot.
func (o *Outbox) Status() Status {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.Epoch = o.current[record.Live].epoch
	s.Runs = len(o.runs)
	if o.failing != nil {
		s.Volatile, s.Problem, s.Since = true, o.failing.Error(), o.since
	}
	for _, r := range o.runs {
		s.Pending += r.pending()
		for _, seg := range r.segs {
			s.Bytes += seg.size
		}
	}
	return s
}

// Close stores what the hub has committed and lets the directory go. Nothing may
// be appended afterwards.
func (o *Outbox) Close() error {
	o.lanes[record.Live].Lock()
	defer o.lanes[record.Live].Unlock()
	o.lanes[record.Alarm].Lock()
	defer o.lanes[record.Alarm].Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	var err error
	for _, r := range o.current {
		if r.w != nil {
			r.w.close()
			r.w = nil
		}
	}
	if o.dirty && o.failing == nil {
		err = o.store(o.stateLocked())
	}
	if o.lock != nil {
		err = errors.Join(err, o.lock.Close())
	}
	return err
}
