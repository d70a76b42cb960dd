package access

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

var (
	// ErrNoAccess: no such sign-in code, session or token, or not any more.
	ErrNoAccess = errors.New("access: no such sign-in code, session or token, or not any more")
	// ErrNoUser: the user was never made, or was removed.
	ErrNoUser = errors.New("access: no such user; make one with weishao sign-in")
	// ErrNoGateway: the gateway was never enrolled, or was revoked.
	ErrNoGateway = errors.New("access: no such gateway; enrol it with weishao gateway-enrol")
	// ErrNoToken: no token has that ID.
	ErrNoToken = errors.New("access: no such token")
	// ErrName: not a name for a user, group or node, or not a role.
	ErrName = errors.New("access: not allowed as a name")
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store knows all who may come in. It is safe for concurrent use.
type Store struct {
	db    *sql.DB
	clock func() time.Time

	people cache // users by hash of session or token

	enrolling sync.Mutex // held from the change of a gateway's row to that of the map
	gates     sync.RWMutex
	gateways  map[string]gateway // by username
}

// Open opens or makes the database file, readable by its owner alone, and brings
// its schema up to date. Its folder must exist. clock tells the wall time by
// which codes and sessions expire; nil means time.Now.
func Open(ctx context.Context, path string, clock func() time.Time) (*Store, error) {
	if clock == nil {
		clock = time.Now
	}
	s := &Store{clock: clock, gateways: make(map[string]gateway)}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("access: %s: %w", path, err), s.Close())
	}
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error {
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	// SQLite gives its -wal and -shm files the mode of this one.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if s.db, err = connect(path); err != nil {
		return err
	}
	var version string
	if err := s.db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	if err := migrate(ctx, s.db); err != nil {
		return err
	}
	return s.loadGateways(ctx)
}

// connect opens the file with few connections: writers wait for each other in
// SQLite, readers wait for nobody.
func connect(path string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	return db, nil
}

// checkVersion refuses versions with the WAL-reset bug, which can lose
// transactions that were committed: here, a revocation.
func checkVersion(version string) error {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return fmt.Errorf("SQLite version %q cannot be read: %w", version, err)
	}
	if (major*1000+minor)*1000+patch < 3_051_003 {
		return fmt.Errorf("SQLite %s can lose commits when its log is reset: build with 3.51.3 or later", version)
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("reading the schema's migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating the schema: %w", err)
	}
	return nil
}

// inTx runs f in a transaction.
func (s *Store) inTx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (s *Store) now() int64 { return s.clock().UnixMilli() }
