package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/telemetry"
)

const minuteMS = 60_000

// Query implements history.Store. Buckets start at multiples of the step since
// 1970; only points in [From, To) count.
//
// Whole minutes come from the roll-ups where these are complete and the step is a
// multiple of a minute, everything else from raw points. Where raw points are gone
// the roll-ups answer whatever the step, as finely as they can: by the minute.
func (s *Store) Query(ctx context.Context, q history.Query) (history.Series, error) {
	if q.Step < 0 || q.From > q.To {
		return history.Series{}, fmt.Errorf("history: a query needs from ≤ to and step ≥ 0, got %d, %d, %d", q.From, q.To, q.Step)
	}
	se := s.names.find(q.Device, q.Metric)
	if se == nil {
		return history.Series{}, fmt.Errorf("%w: %s of %s", history.ErrUnknownSeries, q.Metric, q.Device)
	}
	b := &builder{q: q}
	if err := s.fill(ctx, se, b); err != nil {
		if errors.Is(err, history.ErrTooManyPoints) {
			return history.Series{}, err
		}
		return history.Series{}, fmt.Errorf("history: query %s of %s: %w", q.Metric, q.Device, err)
	}
	if b.state.Fault() {
		later, err := s.anyFrom(ctx, se, q.To)
		if err != nil {
			return history.Series{}, fmt.Errorf("history: query %s of %s: %w", q.Metric, q.Device, err)
		}
		if later {
			b.turn(q.To, telemetry.Good)
		}
	}
	return b.series(), nil
}

// fill feeds b in the order of time, hour by hour from one source or the other.
func (s *Store) fill(ctx context.Context, se *series, b *builder) error {
	v := s.hours.view(se.id)
	from := max(b.q.From, v.began)
	to := min(b.q.To, v.newest+1)
	rawFrom := v.newest - s.opts.Raw.Milliseconds() // before it, raw points may be gone
	byMinute := b.q.Step > 0 && b.q.Step%minuteMS == 0
	useRollup := func(h int64) bool {
		start, end := h*hourMS, (h+1)*hourMS
		switch {
		case h >= v.rolled:
			return false
		case start < rawFrom:
			return true
		}
		// The first and the last hour do if no minute of theirs is cut.
		return byMinute && !v.late[h] && (start >= b.q.From || b.q.From%minuteMS == 0) && (end <= b.q.To || b.q.To%minuteMS == 0)
	}
	var err error
	for h, end := hourOf(from), hourOf(to-1)+1; from < to && h < end; {
		use, n := useRollup(h), h+1
		for n < end && useRollup(n) == use {
			n++
		}
		if use {
			err = s.fillRollups(ctx, se, b, h, n)
		} else {
			err = s.fillRaw(ctx, se, b, max(from, h*hourMS), min(to, n*hourMS))
		}
		if err != nil {
			return err
		}
		h = n
	}
	return nil
}

func (s *Store) fillRaw(ctx context.Context, se *series, b *builder, from, to int64) error {
	q, err := s.raw.Querier(from, to-1)
	if err != nil {
		return err
	}
	defer q.Close()
	values, faults, err := openSeries(ctx, q, se)
	if err != nil {
		return err
	}
	return merge(values, faults, func(t int64, v float64) error {
		b.turn(t, telemetry.Good)
		return b.add(t, bucket{1, v, v, v})
	}, b.turn)
}

func (s *Store) fillRollups(ctx context.Context, se *series, b *builder, from, to int64) error {
	byHour := b.q.Step > 0 && b.q.Step%hourMS == 0
	return s.idx.rows(ctx, se.id, from, to, true, func(r hourRow) error {
		if err := b.turns(r); err != nil {
			return err
		}
		start := r.hour * hourMS
		if byHour && start >= b.q.From && start+hourMS <= b.q.To {
			return b.add(start, r.total)
		}
		var minutes [60]bucket
		if err := decodeMinutes(r.minutes, &minutes); err != nil {
			return err
		}
		for i := range minutes {
			t := start + int64(i)*minuteMS
			if minutes[i].count == 0 || t < b.q.From || t >= b.q.To {
				continue
			}
			if err := b.add(t, minutes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// anyFrom reports whether raw holds anything of a series at or after t.
func (s *Store) anyFrom(ctx context.Context, se *series, t int64) (bool, error) {
	q, err := s.raw.Querier(t, math.MaxInt64)
	if err != nil {
		return false, err
	}
	defer q.Close()
	values, faults, err := openSeries(ctx, q, se)
	if err != nil {
		return false, err
	}
	found := values.Next() != 0 || faults.Next() != 0
	return found, errors.Join(values.Err(), faults.Err())
}

// builder collects the answer to a query from parts in the order of time.
type builder struct {
	q      history.Query
	slot   int64
	acc    bucket
	points []history.Bucket
	state  telemetry.Quality
	faults []history.FaultSpan
}

func (b *builder) add(t int64, p bucket) error {
	if p.count == 0 {
		return nil
	}
	slot := t
	if b.q.Step > 0 {
		slot = t - t%b.q.Step
	}
	if b.acc.count > 0 && (slot != b.slot || b.q.Step == 0) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.slot = slot
	b.acc.merge(p)
	return nil
}

func (b *builder) flush() error {
	if len(b.points) >= history.MaxPoints {
		return fmt.Errorf("%w: more than %d points in %d ms by steps of %d ms", history.ErrTooManyPoints, history.MaxPoints, b.q.To-b.q.From, b.q.Step)
	}
	a := b.acc
	b.points = append(b.points, history.Bucket{Time: b.slot, Min: a.min, Mean: a.sum / float64(a.count), Max: a.max, Count: a.count})
	b.acc = bucket{}
	return nil
}

// turn says that from t on the quality is q.
func (b *builder) turn(t int64, q telemetry.Quality) {
	if q == b.state {
		return
	}
	if b.state.Fault() {
		b.faults[len(b.faults)-1].To = max(t, b.q.From)
	}
	if q.Fault() {
		b.faults = append(b.faults, history.FaultSpan{From: max(t, b.q.From), Quality: q, Reason: q.String()})
	}
	b.state = q
}

// turns applies the changes of a rolled-up hour. A fault that began before From,
// in the same hour, is seen from From on.
func (b *builder) turns(r hourRow) error {
	cs, err := decodeChanges(r.hour, r.faults)
	if err != nil {
		return err
	}
	for _, c := range cs {
		if c.at < b.q.To {
			b.turn(c.at, c.q)
		}
	}
	return nil
}

func (b *builder) series() history.Series {
	if b.acc.count > 0 {
		_ = b.flush()
	}
	kept := b.faults[:0]
	for _, f := range b.faults {
		if f.To == 0 || f.To > f.From {
			kept = append(kept, f)
		}
	}
	return history.Series{Points: b.points, Faults: kept}
}
