package eventlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"weishao.dev/weishao/telemetry/record"
)

// SkipTo makes the log end at position pos at least. Consumers remember how far
// they have come by position: behind a log that was lost, or put back from an
// older copy, they would take what is new for what they have seen, and nobody
// would be paged. So positions that any of them knows are never given again: a
// log that is empty begins there, one that is not gets empty records up to it.
// To be called before the first Append.
func (l *Log) SkipTo(ctx context.Context, pos uint64) error {
	from := l.last.Load()
	if from >= pos {
		return nil
	}
	l.cfg.Log.Error("the log ends before what its readers have seen: it was lost, or put back from an older copy; what it lacks is lost to the rules",
		"log", from, "readers", pos)
	if err := l.beginAt(ctx, pos); err != nil {
		return err
	}
	for l.last.Load() < pos {
		if _, err := l.Append(ctx, &record.Record{}); err != nil {
			return err
		}
	}
	return nil
}

// beginAt makes an empty log's first position pos.
func (l *Log) beginAt(ctx context.Context, pos uint64) error {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("eventlog: %w", err)
	}
	if info.State.Msgs > 0 {
		return nil
	}
	if err := l.js.DeleteStream(ctx, l.cfg.stream()); err != nil {
		return fmt.Errorf("eventlog: %w", err)
	}
	cfg := l.cfg.streamConfig()
	cfg.FirstSeq = pos
	if l.stream, err = l.create(ctx, cfg); err != nil {
		return fmt.Errorf("eventlog: stream %s: %w", cfg.Name, err)
	}
	l.last.Store(pos - 1)
	return nil
}

// create makes a stream in the place of one that was just deleted, whose files the
// server removes after it has answered: until then it may fail by itself.
func (l *Log) create(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		stream, err := l.js.CreateStream(ctx, cfg)
		var api *jetstream.APIError
		if err == nil || !errors.As(err, &api) || api.Code != 500 {
			return stream, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
