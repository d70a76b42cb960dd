package eventlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"weishao.dev/weishao/telemetry/record"
)

// How far a reader reads ahead: enough to keep it busy, little enough that ten
// idle readers cost nothing.
const (
	aheadRecords = 256
	aheadBytes   = 8 << 20
)

// Waits of a reader whose server does not answer.
const (
	consumeTimeout = 2 * time.Second
	retryWait      = 100 * time.Millisecond
)

// Read gives the records from position from on (0 is 1), then waits for new ones
// until ctx ends: then the sequence ends, without an error. A record and all it
// holds are good until the next step of the iteration, except strings, which may
// be kept: memory is reused.
//
// A lost connection is waited out. What cannot heal, a corrupt record or a log
// that is gone, ends the sequence with an error; what was given before is good.
func (l *Log) Read(ctx context.Context, from uint64) iter.Seq2[*record.Record, error] {
	return func(yield func(*record.Record, error) bool) {
		r := reader{log: l, next: max(from, 1), yield: yield}
		for ctx.Err() == nil {
			err := r.follow(ctx)
			if err == nil || ctx.Err() != nil {
				return
			}
			if final(err) {
				yield(nil, err)
				return
			}
			l.cfg.Log.Warn("reading the log was interrupted; going on", "position", r.next, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(retryWait):
			}
		}
	}
}

// ReadTo is Read up to and with position to, without waiting for more.
func (l *Log) ReadTo(ctx context.Context, from, to uint64) iter.Seq2[*record.Record, error] {
	return func(yield func(*record.Record, error) bool) {
		if max(from, 1) > to {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for rec, err := range l.Read(ctx, from) {
			if !yield(rec, err) || err != nil || rec.Seq >= to {
				return
			}
		}
	}
}

// reader is one pass over the log, over any number of consumers.
type reader struct {
	log   *Log
	next  uint64 // position that is due
	yield func(*record.Record, error) bool
	dec   record.Decoder
	rec   record.Record
}

// follow reads from one consumer. Its nil says that whoever asked has enough.
func (r *reader) follow(ctx context.Context) error {
	messages, err := r.consume(ctx)
	if err != nil {
		return fmt.Errorf("eventlog: reading from %d: %w", r.next, err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("eventlog: reading at %d: %w", r.next, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("eventlog: reading at %d: %w", r.next, err)
		}
		if meta.Sequence.Stream < r.next {
			continue // given already, before an interruption
		}
		r.rec.Seq = meta.Sequence.Stream
		if err := r.dec.Decode(m.Data(), &r.rec); err != nil {
			return fmt.Errorf("eventlog: record %d: %w", r.rec.Seq, err)
		}
		r.next = r.rec.Seq + 1
		if !r.yield(&r.rec, nil) {
			return nil
		}
	}
}

// consume opens a consumer that keeps the order and finds its place again by
// itself when the connection was lost.
func (r *reader) consume(ctx context.Context) (jetstream.MessagesContext, error) {
	ctx, cancel := context.WithTimeout(ctx, consumeTimeout)
	defer cancel()
	c, err := r.log.js.OrderedConsumer(ctx, r.log.cfg.stream(), jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.next,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	return c.Messages(jetstream.PullMaxMessagesWithBytesLimit(aheadRecords, aheadBytes))
}

// final reports that trying again cannot help.
func final(err error) bool {
	var corrupt *record.CorruptError
	return errors.As(err, &corrupt) || errors.Is(err, jetstream.ErrStreamNotFound)
}
