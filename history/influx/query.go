package influx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/api/query"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/telemetry"
)

// Query implements history.Store, by Flux.
func (s *Store) Query(ctx context.Context, q history.Query) (history.Series, error) {
	if q.Step < 0 || q.From > q.To {
		return history.Series{}, fmt.Errorf("history: a query needs from ≤ to and step ≥ 0, got %d, %d, %d", q.From, q.To, q.Step)
	}
	out, err := s.read(ctx, q)
	if err == nil && len(out.Points) == 0 && len(out.Faults) == 0 {
		err = s.mustExist(ctx, q)
	}
	switch {
	case errors.Is(err, history.ErrUnknownSeries), errors.Is(err, history.ErrTooManyPoints):
		return history.Series{}, err
	case err != nil:
		return history.Series{}, fmt.Errorf("history: query %s of %s at InfluxDB %s: %w", q.Metric, q.Device, s.opts.URL, err)
	}
	return out, nil
}

func (s *Store) read(ctx context.Context, q history.Query) (out history.Series, err error) {
	if q.From == q.To {
		return out, nil
	}
	if q.Step == 0 {
		out.Points, err = s.points(ctx, q)
	} else {
		out.Points, err = s.buckets(ctx, q)
	}
	if err != nil {
		return out, err
	}
	out.Faults, err = s.faults(ctx, q)
	return out, err
}

// source is the part of a Flux query that finds one field of a series.
func (s *Store) source(q history.Query, field string) string {
	return "from(bucket: " + strconv.Quote(s.opts.Bucket) + ")" +
		" |> range(start: " + fluxTime(q.From, 0) + ", stop: " + fluxTime(q.To, -1) + ")" +
		" |> filter(fn: (r) => r._measurement == " + strconv.Quote(q.Metric) +
		" and r.device == " + strconv.Quote(q.Device) + " and r._field == " + strconv.Quote(field) + ")"
}

// fluxTime is a time literal, of ms and a few ns. The end of a range is given one
// ns early: InfluxDB 1.8 includes it where later versions do not. Flux knows the
// years 1678 to 2262.
func fluxTime(ms int64, ns time.Duration) string {
	ms = min(max(ms, -9_000_000_000_000), 9_000_000_000_000)
	return time.UnixMilli(ms).Add(ns).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// each runs a Flux query and hands over its records in the server's order.
func (s *Store) each(ctx context.Context, flux string, f func(*query.FluxRecord) error) error {
	result, err := s.query.Query(ctx, flux)
	if err != nil {
		return err
	}
	defer result.Close()
	for result.Next() {
		if err := f(result.Record()); err != nil {
			return err
		}
	}
	return result.Err()
}

func (s *Store) points(ctx context.Context, q history.Query) ([]history.Bucket, error) {
	var out []history.Bucket
	flux := s.source(q, "value") + " |> limit(n: " + strconv.Itoa(history.MaxPoints+1) + `) |> keep(columns: ["_time", "_value"])`
	err := s.each(ctx, flux, func(r *query.FluxRecord) error {
		v, err := number(r.Value())
		if err != nil {
			return err
		}
		out = append(out, history.Bucket{Time: r.Time().UnixMilli(), Min: v, Mean: v, Max: v, Count: 1})
		return tooMany(q, len(out))
	})
	return out, err
}

func tooMany(q history.Query, n int) error {
	if n <= history.MaxPoints {
		return nil
	}
	return fmt.Errorf("%w: more than %d points in %d ms by steps of %d ms", history.ErrTooManyPoints, history.MaxPoints, q.To-q.From, q.Step)
}

// buckets asks for the four aggregates in one request, each under its own name.
func (s *Store) buckets(ctx context.Context, q history.Query) ([]history.Bucket, error) {
	flux := "data = " + s.source(q, "value") + "\n"
	for _, fn := range []string{"min", "mean", "max", "count"} {
		flux += "data |> aggregateWindow(every: " + strconv.FormatInt(q.Step, 10) + "ms, fn: " + fn + `, timeSrc: "_start", createEmpty: false)` +
			` |> keep(columns: ["_time", "_value"]) |> yield(name: "` + fn + "\")\n"
	}
	bySlot := map[int64]*history.Bucket{}
	err := s.each(ctx, flux, func(r *query.FluxRecord) error {
		v, err := number(r.Value())
		if err != nil {
			return err
		}
		t := r.Time().UnixMilli() // the first window is cut at From
		slot := t - t%q.Step
		b := bySlot[slot]
		if b == nil {
			b = &history.Bucket{Time: slot}
			bySlot[slot] = b
		}
		switch r.Result() {
		case "min":
			b.Min = v
		case "mean":
			b.Mean = v
		case "max":
			b.Max = v
		case "count":
			b.Count = int64(v)
		}
		return tooMany(q, len(bySlot))
	})
	if err != nil {
		return nil, err
	}
	out := make([]history.Bucket, 0, len(bySlot))
	for _, b := range bySlot {
		if b.Count > 0 {
			out = append(out, *b)
		}
	}
	slices.SortFunc(out, func(a, b history.Bucket) int { return int(a.Time/q.Step - b.Time/q.Step) })
	return out, nil
}

func number(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	}
	return 0, fmt.Errorf("InfluxDB gives a %T where a number is to be", v)
}

// faults makes spans of the qualities on record.
func (s *Store) faults(ctx context.Context, q history.Query) ([]history.FaultSpan, error) {
	var spans []history.FaultSpan
	state := telemetry.Good
	err := s.each(ctx, s.source(q, "quality")+` |> keep(columns: ["_time", "_value"])`, func(r *query.FluxRecord) error {
		name, _ := r.Value().(string)
		next, err := telemetry.ParseQuality(name)
		if err != nil {
			return err
		}
		if !next.Fault() {
			next = telemetry.Good
		}
		if next == state {
			return nil
		}
		t := r.Time().UnixMilli()
		if state.Fault() {
			spans[len(spans)-1].To = t
		}
		if next.Fault() {
			spans = append(spans, history.FaultSpan{From: t, Quality: next, Reason: next.String()})
		}
		state = next
		return tooMany(q, len(spans))
	})
	if err != nil || !state.Fault() {
		return spans, err
	}
	later, err := s.any(ctx, history.Query{Device: q.Device, Metric: q.Metric, From: q.To, To: farFuture})
	if later {
		spans[len(spans)-1].To = q.To
	}
	return spans, err
}

const farFuture = int64(9_000_000_000_000)

// any reports whether a series has anything in [From, To).
func (s *Store) any(ctx context.Context, q history.Query) (bool, error) {
	found := false
	for _, field := range []string{"value", "quality"} {
		err := s.each(ctx, s.source(q, field)+` |> limit(n: 1) |> keep(columns: ["_time"])`, func(*query.FluxRecord) error {
			found = true
			return nil
		})
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (s *Store) mustExist(ctx context.Context, q history.Query) error {
	known, err := s.any(ctx, history.Query{Device: q.Device, Metric: q.Metric, From: 0, To: farFuture})
	if err != nil || known {
		return err
	}
	return fmt.Errorf("%w: %s of %s", history.ErrUnknownSeries, q.Metric, q.Device)
}
