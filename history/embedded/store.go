package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"

	"weishao.dev/weishao/history"
)

// Options of a Store. The zero value of each means its default.
type Options struct {
	Raw     time.Duration // how long raw points are kept; 90 days
	Rollups time.Duration // how long roll-ups are kept; 5 years
	Late    time.Duration // how late a point may come; 7 days, less than Raw
	Grace   time.Duration // how long after its end an hour is rolled up, by the points' clock; 2 min
	Settle  time.Duration // how long a late hour must be quiet before it is computed again, wall clock; 1 min
	Log     *slog.Logger  // nil: nothing is logged
}

func (o Options) withDefaults() (Options, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.Raw, 90*24*time.Hour)
	def(&o.Rollups, 5*365*24*time.Hour)
	def(&o.Late, 7*24*time.Hour)
	def(&o.Grace, 2*time.Minute)
	def(&o.Settle, time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Late < 0 || o.Raw <= o.Late || o.Rollups < o.Raw {
		return o, fmt.Errorf("history: want late < raw <= roll-ups, got %v, %v, %v", o.Late, o.Raw, o.Rollups)
	}
	return o, nil
}

// block is the length of the TSDB's smallest block. The head holds up to one and
// a half of them. With a quarter of an hour, 10,000 series of one point a second
// take about 75 MB of the heap's memory, measured; beside it the kernel counts the
// mapped files of a compaction, which it takes back when it needs the memory.
const block = 15 * time.Minute

// Store is a history.Store on the local disk.
type Store struct {
	opts Options
	raw  *tsdb.DB
	logs []*logSyncer // of the WAL and of the out-of-order WBL
	idx  *index

	names *registry // series by device and metric
	hours *ledger   // which hours are rolled up, and which are late

	appended uint64        // highest position appended; the appending goroutine's
	position atomic.Uint64 // highest position durable
	tooOld   atomic.Int64
	stored   atomic.Int64

	kick   chan struct{} // wakes the roller
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

var _ history.Store = (*Store)(nil)

// Stats counts what has happened since Open.
type Stats struct {
	Stored int64 // points accepted, duplicates included
	TooOld int64 // points refused because they came later than Options.Late
	Series int   // pairs of device and metric known
}

// Open opens the store in dir, and makes it if there is none.
func Open(dir string, opts Options) (*Store, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	idx, err := openIndex(filepath.Join(dir, "index.db"))
	if err != nil {
		return nil, fmt.Errorf("history: open %s: %w", filepath.Join(dir, "index.db"), err)
	}
	s := &Store{opts: opts, idx: idx, kick: make(chan struct{}, 1)}
	if err := s.open(filepath.Join(dir, "raw")); err != nil {
		return nil, errors.Join(err, idx.close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.wg.Go(func() { s.runRoller(ctx) })
	return s, nil
}

func (s *Store) open(rawDir string) error {
	pos, names, hours, err := s.idx.load()
	if err != nil {
		return fmt.Errorf("history: read index.db: %w", err)
	}
	s.names, s.hours, s.appended = names, hours, pos
	s.position.Store(pos)

	o := tsdb.DefaultOptions()
	o.RetentionDuration = s.opts.Raw.Milliseconds()
	o.MinBlockDuration = block.Milliseconds()
	o.MaxBlockDuration = min(3*24*time.Hour, s.opts.Raw/10).Milliseconds() // retention drops whole blocks
	o.OutOfOrderTimeWindow = s.opts.Late.Milliseconds()
	o.WALCompression = compression.Snappy
	o.WALSegmentSize = 32 << 20
	o.StripeSize = 1 << 10
	o.NoLockfile = true        // the hub locks its data folder, and a kill would leave this one behind
	o.IsolationDisabled = true // one goroutine appends, and a chart may see half a commit
	s.raw, err = tsdb.Open(rawDir, s.opts.Log, nil, o, nil)
	if err != nil {
		return fmt.Errorf("history: open %s: %w", rawDir, err)
	}
	s.hours.newest = max(s.hours.newest, s.raw.Head().MaxTime())
	s.logs = []*logSyncer{{dir: filepath.Join(rawDir, "wal")}, {dir: filepath.Join(rawDir, "wbl")}}
	return nil
}

// Append implements history.Store. It returns when the points are in the TSDB's
// memory and in its write-ahead log, handed to the operating system.
func (s *Store) Append(ctx context.Context, pos uint64, samples []history.Sample) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	app := s.raw.Appender(ctx)
	oldest, newest := int64(math.MaxInt64), int64(math.MinInt64)
	tooOld := int64(0)
	for i := range samples {
		sm := &samples[i]
		se := s.names.get(sm.Device, sm.Metric)
		if sm.Time < 0 {
			tooOld++
			continue
		}
		v, ref, lset := sm.Value, &se.value, se.valueLabels
		if sm.Quality.Fault() {
			v, ref, lset = float64(sm.Quality), &se.fault, se.faultLabels()
		}
		r, err := app.Append(*ref, lset, sm.Time, v)
		switch {
		case err == nil:
			*ref = r
			oldest, newest = min(oldest, sm.Time), max(newest, sm.Time)
		case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		case errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds):
			tooOld++
		default:
			return errors.Join(fmt.Errorf("history: append %s of %s at %d: %w", sm.Metric, sm.Device, sm.Time, err), app.Rollback())
		}
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("history: commit %d points: %w", len(samples), err)
	}
	s.stored.Add(int64(len(samples)) - tooOld)
	s.tooOld.Add(tooOld)
	if newest >= oldest {
		s.noteTimes(samples, oldest, newest)
	}
	s.appended = max(s.appended, pos)
	return nil
}

// noteTimes marks what came late. It must run after the commit: the roller reads
// raw points after it has taken the marks, and so sees every point that is marked.
func (s *Store) noteTimes(samples []history.Sample, oldest, newest int64) {
	s.hours.mu.Lock()
	defer s.hours.mu.Unlock()
	if !s.hours.see(oldest, newest) {
		return
	}
	for i := range samples {
		if h := hourOf(samples[i].Time); h >= 0 && h < s.hours.open {
			s.hours.mark(h, s.names.get(samples[i].Device, samples[i].Metric).id)
		}
	}
}

// Sync implements history.Store.
func (s *Store) Sync(ctx context.Context) error {
	for _, l := range s.logs {
		if err := l.sync(); err != nil {
			return fmt.Errorf("history: fsync %s: %w", l.dir, err)
		}
	}
	if err := s.idx.savePosition(ctx, s.appended, s.names, s.hours); err != nil {
		return fmt.Errorf("history: save position %d: %w", s.appended, err)
	}
	s.position.Store(s.appended)
	select {
	case s.kick <- struct{}{}:
	default:
	}
	return nil
}

// Position implements history.Store.
func (s *Store) Position() uint64 { return s.position.Load() }

// Stats counts what has happened since Open.
func (s *Store) Stats() Stats {
	return Stats{Stored: s.stored.Load(), TooOld: s.tooOld.Load(), Series: len(s.names.all())}
}

// Close stops the goroutines and closes the files. It does not Sync: what came
// after Position is the caller's to append again.
func (s *Store) Close() error {
	s.cancel()
	s.wg.Wait()
	return errors.Join(s.raw.Close(), s.idx.close())
}
