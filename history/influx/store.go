package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/internal/durable"
)

// Options say where the server is. URL and Bucket are required.
type Options struct {
	URL    string // "http://127.0.0.1:8086"
	Org    string
	Bucket string // InfluxDB 1.8: "database/retention"
	Token  string // 1.8: "user:password"

	HTTPClient *http.Client // nil: one with a time limit of 30 s for a request

	// Alarm is called when the server refuses us (401, 403, 404), and with nil
	// when it takes data again. It must not block. May be nil.
	Alarm func(err error)
	Log   *slog.Logger // nil: nothing is logged

	MinBackoff, MaxBackoff time.Duration // between tries; 250 ms, doubling to 30 s
}

// Store is a history.Store on an InfluxDB server.
type Store struct {
	opts   Options
	dir    string
	client influxdb2.Client
	write  api.WriteAPIBlocking
	query  api.QueryAPI

	// The appending goroutine's:
	enc      encoder
	batch    []byte // lines, each ending in a line feed
	lines    int
	oldest   time.Time // when the first line of the batch was collected
	appended uint64
	alarmed  bool

	quarantine *quarantine
	position   atomic.Uint64
	written    atomic.Int64
	retries    atomic.Int64
}

var _ history.Store = (*Store)(nil)

// Stats counts what has happened since Open.
type Stats struct {
	Written     int64 // lines that the server took
	Quarantined int64 // lines that it will never take
	Retries     int64 // requests that had to be made again
}

const (
	maxLines = 5_000
	maxAge   = time.Second // of a collected line: charts lag no longer
)

// Open prepares to write to a server, which need not be up. dir holds the
// position and the quarantine, and is made if it is not there.
func Open(dir string, opts Options) (*Store, error) {
	if opts.URL == "" || opts.Bucket == "" {
		return nil, errors.New("history: InfluxDB needs a url and a bucket")
	}
	if opts.HTTPClient == nil {
		opts.HTTPClient = &http.Client{Timeout: 30 * time.Second}
	}
	if opts.Alarm == nil {
		opts.Alarm = func(error) {}
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.MinBackoff <= 0 {
		opts.MinBackoff = 250 * time.Millisecond
	}
	if opts.MaxBackoff <= 0 {
		opts.MaxBackoff = 30 * time.Second
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	s := &Store{opts: opts, dir: dir, enc: newEncoder()}
	pos, err := s.readPosition()
	if err != nil {
		return nil, err
	}
	s.appended = pos
	s.position.Store(pos)
	s.quarantine, err = openQuarantine(filepath.Join(dir, "quarantine.jsonl"))
	if err != nil {
		return nil, err
	}
	s.client = influxdb2.NewClientWithOptions(opts.URL, opts.Token,
		influxdb2.DefaultOptions().SetHTTPClient(opts.HTTPClient).SetPrecision(time.Millisecond).SetUseGZip(true).SetApplicationName("weishao"))
	s.write = s.client.WriteAPIBlocking(opts.Org, opts.Bucket)
	s.query = s.client.QueryAPI(opts.Org)
	return s, nil
}

// Append implements history.Store. It blocks while the server takes nothing; with
// ctx ended it returns an error, and the caller appends the same again.
func (s *Store) Append(ctx context.Context, pos uint64, samples []history.Sample) error {
	for i := range samples {
		if s.lines >= maxLines {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
		if s.lines == 0 {
			s.oldest = time.Now()
		}
		var bad string
		if s.batch, bad = s.enc.append(s.batch, &samples[i]); bad != "" {
			if err := s.quarantine.add(bad, fmt.Sprintf("%+v", samples[i])); err != nil {
				return err
			}
			continue
		}
		s.lines++
	}
	if s.lines > 0 && time.Since(s.oldest) >= maxAge {
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	s.appended = max(s.appended, pos)
	return nil
}

// Sync implements history.Store.
func (s *Store) Sync(ctx context.Context) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	if err := s.quarantine.sync(); err != nil {
		return err
	}
	if s.appended == s.position.Load() {
		return nil
	}
	if err := s.writePosition(s.appended); err != nil {
		return err
	}
	s.position.Store(s.appended)
	return nil
}

// Position implements history.Store.
func (s *Store) Position() uint64 { return s.position.Load() }

// Stats counts what has happened since Open; for any goroutine.
func (s *Store) Stats() Stats {
	return Stats{Written: s.written.Load(), Quarantined: s.quarantine.count.Load(), Retries: s.retries.Load()}
}

// Close drops what is collected but not synced: it is after Position, and so the
// caller's to append again.
func (s *Store) Close() error {
	s.client.Close()
	s.opts.HTTPClient.CloseIdleConnections()
	return s.quarantine.close()
}

// positionFile is position.json.
type positionFile struct {
	Position uint64 `json:"position"`
	Target   string `json:"target"` // the server and bucket that it is true of
}

func (s *Store) target() string { return s.opts.URL + " " + s.opts.Org + " " + s.opts.Bucket }

func (s *Store) positionPath() string { return filepath.Join(s.dir, "position.json") }

func (s *Store) readPosition() (uint64, error) {
	data, err := os.ReadFile(s.positionPath())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("history: %w", err)
	}
	var p positionFile
	if err := json.Unmarshal(data, &p); err != nil {
		return 0, fmt.Errorf("history: %s is damaged: remove it to fill InfluxDB again from the log: %w", s.positionPath(), err)
	}
	if p.Target != s.target() {
		s.opts.Log.Info("history: another InfluxDB server or bucket: filling it from the log", "was", p.Target, "now", s.target())
		return 0, nil
	}
	return p.Position, nil
}

func (s *Store) writePosition(pos uint64) error {
	data, err := json.Marshal(positionFile{pos, s.target()})
	if err != nil {
		return err
	}
	if err := durable.WriteFile(s.positionPath(), append(data, '\n'), 0o640); err != nil {
		return fmt.Errorf("history: save position %d: %w", pos, err)
	}
	return nil
}
