package eventlog

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"weishao.dev/weishao/telemetry/record"
)

// ErrFenced says that somebody else has written to the log. This writer does
// not know the log's state any more and must stop.
var ErrFenced = errors.New("eventlog: another writer has appended to the log; is a second hub running on it?")

// ErrTooLarge says that a record is larger than the log takes.
var ErrTooLarge = errors.New("eventlog: record too large")

// DefaultMaxAge is how long records are kept where the configuration does not
// say.
const DefaultMaxAge = 14 * 24 * time.Hour

// Config sets up a log. The zero value but for Log is good for one machine.
type Config struct {
	Partition int           // which of the fixed partitions; 0 where there is one
	MaxAge    time.Duration // 0: DefaultMaxAge
	MaxBytes  int64         // oldest records go when the log is larger; 0: no limit
	Replicas  int           // 0: 1; in a cluster 3
	Log       *slog.Logger  // must not be nil
}

func (c Config) stream() string  { return fmt.Sprintf("WEISHAO_LOG_%d", c.Partition) }
func (c Config) subject() string { return fmt.Sprintf("weishao.log.%d", c.Partition) }

// Log is an open log. Append is for one goroutine at a time; everything else is
// safe for concurrent use.
type Log struct {
	cfg    Config
	js     jetstream.JetStream
	stream jetstream.Stream
	writer string // tells our records from another writer's

	last atomic.Uint64 // of the last record known to be there

	mu      sync.Mutex // held by Append
	enc     record.Encoder
	buf     []byte
	arrival int64 // of the last record
	timeout time.Duration
}

// appendTimeout is how long Append waits for the server before it asks what
// became of the record. A disk under load may take a second for an fsync.
const appendTimeout = 5 * time.Second

// Open opens the log, making its stream if there is none. The connection stays
// the caller's.
func Open(ctx context.Context, nc *nats.Conn, cfg Config) (*Log, error) {
	if cfg.MaxAge == 0 {
		cfg.MaxAge = DefaultMaxAge
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = -1
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 1
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("eventlog: %w", err)
	}
	stream, err := js.CreateOrUpdateStream(ctx, cfg.streamConfig())
	if err != nil {
		return nil, fmt.Errorf("eventlog: stream %s: %w", cfg.stream(), err)
	}
	return open(ctx, js, stream, cfg)
}

func (c Config) streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: c.stream(), Subjects: []string{c.subject()},
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		Replicas: c.Replicas, MaxAge: c.MaxAge, MaxBytes: c.MaxBytes,
		Duplicates: min(c.MaxAge, time.Minute),
		DenyDelete: true, DenyPurge: true, AllowDirect: true,
	}
}

// open finds the end of the log.
func open(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream, cfg Config) (*Log, error) {
	l := &Log{cfg: cfg, js: js, stream: stream, writer: rand.Text(), timeout: appendTimeout}
	state := stream.CachedInfo().State
	l.last.Store(state.LastSeq)
	if state.Msgs == 0 {
		return l, nil
	}
	m, err := stream.GetMsg(ctx, state.LastSeq)
	if err != nil {
		return nil, fmt.Errorf("eventlog: reading the last record, %d: %w", state.LastSeq, err)
	}
	var r record.Record
	if err := record.Decode(m.Data, &r); err != nil {
		return nil, fmt.Errorf("eventlog: record %d: %w", state.LastSeq, err)
	}
	l.arrival = r.Arrival
	return l, nil
}

// Last is the position of the newest record, 0 if there has never been one.
func (l *Log) Last() uint64 { return l.last.Load() }

// Arrival is when the newest record arrived, Unix ms; 0 if there is none.
func (l *Log) Arrival() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrival
}

// First is the position of the oldest record that is kept; Last()+1 if there is
// none.
func (l *Log) First(ctx context.Context) (uint64, error) {
	info, err := l.stream.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("eventlog: %w", err)
	}
	if info.State.Msgs == 0 {
		return info.State.LastSeq + 1, nil
	}
	return info.State.FirstSeq, nil
}

// writerHeader names the writer of a record, so that two writers who write the
// same bytes are not taken for one.
const writerHeader = "Weishao-Writer"

// Append writes the record behind the log's end and returns its position, which
// it also puts into rec.Seq, when it is on disk. rec.Arrival is moved forward if
// it is before that of the record before.
//
// ErrFenced and ErrTooLarge are final. Any other error says that the record is
// not in the log or that it could not be found out: the same record may, and
// must, be given to Append again before any other.
func (l *Log) Append(ctx context.Context, rec *record.Record) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec.Arrival = max(rec.Arrival, l.arrival)
	l.buf = l.enc.Append(l.buf[:0], rec)
	seq, err := l.write(ctx, l.buf)
	if err != nil {
		return 0, err
	}
	l.arrival = rec.Arrival
	l.last.Store(seq)
	rec.Seq = seq
	return seq, nil
}

// write publishes data until its fate is known. Publishing again is safe: the
// server takes it only if the log still ends where we think it does, so of all
// attempts one at most succeeds, however late it arrives.
func (l *Log) write(ctx context.Context, data []byte) (uint64, error) {
	last := l.last.Load()
	for attempt := 1; ; attempt++ {
		seq, err := l.publish(ctx, data, last)
		switch {
		case err == nil:
			if seq != last+1 {
				return 0, fmt.Errorf("%w (position %d follows %d)", ErrFenced, seq, last)
			}
			return seq, nil
		case wrongLast(err):
			return l.landed(ctx, data, last)
		case errors.Is(err, nats.ErrMaxPayload):
			return 0, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
		case ctx.Err() != nil:
			return 0, fmt.Errorf("eventlog: append: %w", errors.Join(err, ctx.Err()))
		case !ambiguous(err) || attempt == maxAttempts:
			return 0, fmt.Errorf("eventlog: append: %w", err)
		}
		l.cfg.Log.Warn("the log did not answer; asking again", "attempt", attempt, "error", err)
	}
}

// maxAttempts bounds how long Append waits for a server that does not answer.
const maxAttempts = 4

func (l *Log) publish(ctx context.Context, data []byte, last uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	msg := &nats.Msg{Subject: l.cfg.subject(), Data: data, Header: nats.Header{writerHeader: {l.writer}}}
	ack, err := l.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequence(last))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// landed says whether the record that follows last, which is there, is ours.
func (l *Log) landed(ctx context.Context, data []byte, last uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	m, err := l.stream.GetMsg(ctx, last+1)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, fmt.Errorf("%w (the log does not go on at %d)", ErrFenced, last+1)
	}
	if err != nil {
		return 0, fmt.Errorf("eventlog: finding out what became of record %d: %w", last+1, err)
	}
	if m.Header.Get(writerHeader) != l.writer || !bytes.Equal(m.Data, data) {
		return 0, fmt.Errorf("%w (at %d)", ErrFenced, last+1)
	}
	return last + 1, nil
}

// wrongLast reports that the log does not end where we thought.
func wrongLast(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// ambiguous reports that the server may or may not have taken the record. What
// the server answered itself is not ambiguous.
func ambiguous(err error) bool {
	var api *jetstream.APIError
	return !errors.As(err, &api)
}
