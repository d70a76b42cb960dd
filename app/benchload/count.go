package benchload

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// stream is one run of one gateway.
type stream struct {
	node string
	run  uint64
}

// tally is what the log has of all runs.
type tally struct {
	committed, lost, duplicates uint64
	next                        map[stream]uint64
}

func newTally() *tally { return &tally{next: map[stream]uint64{}} }

func (t *tally) readings(r *record.Readings) {
	s := stream{telemetry.NodeOf(r.Device), r.Run}
	next := max(t.next[s], 1)
	n := uint64(len(r.Points))
	t.committed += n
	switch {
	case r.First > next:
		t.lost += r.First - next
	case r.First < next:
		t.duplicates += min(next-r.First, n)
	}
	t.next[s] = max(next, r.First+n)
}

// close counts what of the runs that were sent never came.
func (t *tally) close(sent map[stream]uint64) {
	for s, last := range sent {
		if next := max(t.next[s], 1); next <= last {
			t.lost += last + 1 - next
		}
	}
}

// countLog reads a stopped hub's log. sent is the last sequence of each run.
func countLog(ctx context.Context, data, folder string, sent map[stream]uint64, log *slog.Logger) (*tally, error) {
	t := newTally()
	err := walkLog(ctx, data, folder, log, func(rec *record.Record) {
		for _, e := range rec.Entries {
			if r, ok := e.(*record.Readings); ok {
				t.readings(r)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	t.close(sent)
	return t, ctx.Err()
}

// walkLog visits every record of a stopped hub's log.
func walkLog(ctx context.Context, data, folder string, log *slog.Logger, visit func(*record.Record)) (err error) {
	dir, err := eventlog.OpenDir(ctx, filepath.Join(data, folder), 0, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	first, err := dir.First(ctx)
	if err != nil {
		return err
	}
	for rec, err := range dir.ReadTo(ctx, first, dir.Last()) {
		if err != nil {
			return err
		}
		visit(rec)
	}
	return nil
}
