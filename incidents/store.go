package incidents

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/internal/sqlite"
	"weishao.dev/weishao/telemetry"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the incidents of one hub. It is safe for concurrent use.
type Store struct {
	db        *sql.DB // one connection: the writer
	ro        *sql.DB // readers
	clock     telemetry.Clock
	directory func() Directory
	rules     func(string) RuleText
	channels  map[string]notify.Channel
	policy    Policy
	baseURL   string
	attempts  int
	log       *slog.Logger
	metrics   *metrics

	writing sync.Mutex // held from begin to publication, so that changes come out in order of commit
	pos     atomic.Uint64
	feed    feed
	flights flights
	wakers  wakers
	running atomic.Bool
}

// Open opens or makes the database file and brings its schema up to date. Its
// folder must exist. Nothing is paged until Run.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	if o.Directory == nil {
		return nil, errors.New("incidents: Options.Directory is nil: without the site nobody can be paged")
	}
	s := &Store{clock: o.Clock, directory: o.Directory, rules: o.Rules, channels: map[string]notify.Channel{},
		policy: o.Policy, baseURL: strings.TrimRight(o.BaseURL, "/"), attempts: o.Attempts, log: o.Logger}
	if s.rules == nil {
		s.rules = func(string) RuleText { return RuleText{} }
	}
	if s.policy == nil {
		s.policy = DefaultPolicy()
	}
	if s.attempts <= 0 {
		s.attempts = DefaultAttempts
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, c := range o.Channels {
		if s.channels[c.Name()] != nil {
			return nil, fmt.Errorf("incidents: two notification channels are called %q: give each its own name", c.Name())
		}
		s.channels[c.Name()] = c
	}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("incidents: %s: %w", path, err), s.Close())
	}
	s.metrics = newMetrics(o.Registry, s)
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	if s.db, err = sqlite.Open(ctx, path, migrations, 1); err != nil {
		return fmt.Errorf("opening the incident database: %w", err)
	}
	if s.ro, err = sqlite.Connect(path, 4, "query_only(1)"); err != nil {
		return err
	}
	var pos int64
	if err := s.db.QueryRowContext(ctx, "SELECT pos FROM position").Scan(&pos); err != nil {
		return fmt.Errorf("reading the log position: %w", err)
	}
	s.pos.Store(uint64(pos))
	return nil
}

// Close ends all subscriptions and closes the database. Run must have returned.
func (s *Store) Close() error {
	s.feed.close()
	var errs []error
	for _, db := range []*sql.DB{s.ro, s.db} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.metrics != nil {
		s.metrics.unregister()
	}
	return errors.Join(errs...)
}

// Position is the highest log position whose verdicts are stored. Positions
// without verdicts do not move it.
func (s *Store) Position() uint64 { return s.pos.Load() }

// Backup writes a consistent copy of the database to a file, which must not
// exist, while the store goes on working.
func (s *Store) Backup(ctx context.Context, file string) error {
	// A reader's connection refuses VACUUM INTO; one of its own does not hold up the writer.
	if _, err := s.db.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return fmt.Errorf("backing up incidents to %s: %w", file, err)
	}
	return os.Chmod(file, 0o600)
}
