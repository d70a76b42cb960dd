package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"weishao.dev/weishao/telemetry"
)

// rowsPerWrite bounds a transaction of the roller, so that Sync never waits long.
const rowsPerWrite = 500

// runRoller makes roll-ups whenever Sync wakes it, until ctx ends.
func (s *Store) runRoller(ctx context.Context) {
	pruned := int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		}
		err := s.roll(ctx)
		if err == nil {
			err = s.prune(ctx, &pruned)
		}
		if err != nil && ctx.Err() == nil {
			s.opts.Log.Error("history: roll-up failed; it is tried again at the next sync", "err", err)
		}
	}
}

// roll computes all hours that are over and all late ones that have settled.
func (s *Store) roll(ctx context.Context) error {
	for {
		hour, due := s.hours.next(s.opts.Grace.Milliseconds())
		if !due {
			break
		}
		if err := s.rollHour(ctx, hour, func(tx *sql.Tx) error { return setMeta(ctx, tx, "rolled", hour+1) }); err != nil {
			return err
		}
		s.hours.done(hour + 1)
	}
	for _, w := range s.hours.settled(time.Now().Add(-s.opts.Settle)) {
		if err := s.rollLate(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) rollLate(ctx context.Context, w lateWork) error {
	// Marks that came after w was taken stay in index.db; a mark that comes after
	// this check is saved by a Sync that must wait for this transaction.
	forget := func(tx *sql.Tx) error {
		if !s.hours.unchanged(w) {
			return nil
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM late WHERE hour = ?`, w.hour)
		return err
	}
	var err error
	if w.all {
		err = s.rollHour(ctx, w.hour, forget)
	} else {
		err = s.rollSome(ctx, w, forget)
	}
	if err == nil {
		s.hours.recomputed(w)
	}
	return err
}

func (s *Store) rollSome(ctx context.Context, w lateWork, finish func(*sql.Tx) error) error {
	q, err := s.hourQuerier(w.hour)
	if err != nil {
		return err
	}
	defer q.Close()
	names := s.names.all()
	rows := make([]hourRow, 0, len(w.series))
	for _, id := range w.series {
		r, err := computeSeries(ctx, q, names[id-1], w.hour)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	return s.idx.write(ctx, s.names, func(tx *sql.Tx) error {
		if err := putRows(ctx, tx, rows); err != nil {
			return err
		}
		return finish(tx)
	})
}

func (s *Store) hourQuerier(hour int64) (storage.Querier, error) {
	return s.raw.Querier(hour*hourMS, (hour+1)*hourMS-1)
}

// rollHour computes all series of an hour from raw; finish is in the transaction
// of the last of them.
func (s *Store) rollHour(ctx context.Context, hour int64, finish func(*sql.Tx) error) error {
	q, err := s.hourQuerier(hour)
	if err != nil {
		return err
	}
	defer q.Close()

	var rows []hourRow
	flush := func(last func(*sql.Tx) error) error {
		err := s.idx.write(ctx, s.names, func(tx *sql.Tx) error {
			if err := putRows(ctx, tx, rows); err != nil {
				return err
			}
			return last(tx)
		})
		rows = rows[:0]
		return err
	}
	add := func(r hourRow) error {
		if rows = append(rows, r); len(rows) < rowsPerWrite {
			return nil
		}
		return flush(func(*sql.Tx) error { return nil })
	}

	// The few series with faults need both their streams merged.
	faulty := map[*series]bool{}
	ss := q.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchEqual, nameLabel, faultName))
	for ss.Next() {
		l := ss.At().Labels()
		if se := s.names.find(l.Get("device"), l.Get("metric")); se != nil {
			faulty[se] = true
		}
	}
	if err := ss.Err(); err != nil {
		return err
	}
	for se := range faulty {
		r, err := computeSeries(ctx, q, se, hour)
		if err != nil {
			return err
		}
		if err := add(r); err != nil {
			return err
		}
	}
	ss = q.Select(ctx, false, nil, labels.MustNewMatcher(labels.MatchNotEqual, nameLabel, faultName))
	var it chunkenc.Iterator
	for ss.Next() {
		l := ss.At().Labels()
		se := s.names.find(l.Get("device"), l.Get(nameLabel))
		if se == nil || faulty[se] {
			continue
		}
		it = ss.At().Iterator(it)
		r, err := computeRow(se.id, hour, it, chunkenc.NewNopIterator())
		if err != nil {
			return fmt.Errorf("%s of %s: %w", se.metric, se.device, err)
		}
		if err := add(r); err != nil {
			return err
		}
	}
	if err := ss.Err(); err != nil {
		return err
	}
	return flush(finish)
}

// computeSeries computes the row of one series and hour with a querier of that hour.
func computeSeries(ctx context.Context, q storage.Querier, se *series, hour int64) (hourRow, error) {
	values, faults, err := openSeries(ctx, q, se)
	if err != nil {
		return hourRow{}, err
	}
	return computeRow(se.id, hour, values, faults)
}

// openSeries gives the two streams of a series; an empty one where there is none.
func openSeries(ctx context.Context, q storage.Querier, se *series) (values, faults chunkenc.Iterator, err error) {
	if values, err = selectOne(ctx, q, se.valueMatchers()); err != nil {
		return nil, nil, err
	}
	faults, err = selectOne(ctx, q, se.faultMatchers())
	return values, faults, err
}

func selectOne(ctx context.Context, q storage.Querier, m []*labels.Matcher) (chunkenc.Iterator, error) {
	ss := q.Select(ctx, false, nil, m...)
	if ss.Next() {
		return ss.At().Iterator(nil), nil
	}
	return chunkenc.NewNopIterator(), ss.Err()
}

func computeRow(id uint32, hour int64, values, faults chunkenc.Iterator) (hourRow, error) {
	r := hourRow{id: id, hour: hour}
	var minutes [60]bucket
	start := hour * hourMS
	state := telemetry.Quality(255) // not known yet
	turn := func(at int64, q telemetry.Quality) {
		if q != state {
			state = q
			r.changes = append(r.changes, change{at, q})
		}
	}
	err := merge(values, faults, func(t int64, v float64) error {
		minutes[(t-start)/60_000].add(v)
		turn(t, telemetry.Good)
		return nil
	}, turn)
	if err != nil {
		return r, err
	}
	for i := range minutes {
		if minutes[i].count > 0 {
			r.total.merge(minutes[i])
		}
	}
	r.minutes, r.faults = encodeMinutes(&minutes), encodeChanges(hour, r.changes)
	return r, nil
}

// merge walks two streams in the order of time; of a value and a fault at the
// same time the value comes last and so decides.
func merge(values, faults chunkenc.Iterator, onValue func(int64, float64) error, onFault func(int64, telemetry.Quality)) error {
	fault := faults.Next() == chunkenc.ValFloat
	for values.Next() == chunkenc.ValFloat {
		t, v := values.At()
		for fault {
			ft, q := faults.At()
			if ft > t {
				break
			}
			onFault(ft, telemetry.Quality(q))
			fault = faults.Next() == chunkenc.ValFloat
		}
		if err := onValue(t, v); err != nil {
			return err
		}
	}
	for fault {
		ft, q := faults.At()
		onFault(ft, telemetry.Quality(q))
		fault = faults.Next() == chunkenc.ValFloat
	}
	if err := values.Err(); err != nil {
		return err
	}
	return faults.Err()
}

// prune removes roll-ups that are too old, once per day of the points' clock.
func (s *Store) prune(ctx context.Context, last *int64) error {
	s.hours.mu.Lock()
	now := s.hours.rolled
	s.hours.mu.Unlock()
	if now < *last+24 {
		return nil
	}
	*last = now
	if cutoff := now - int64(s.opts.Rollups/time.Hour); cutoff > 0 {
		return s.idx.prune(ctx, s.names, cutoff)
	}
	return nil
}
