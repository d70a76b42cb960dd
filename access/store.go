package access

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"weishao.dev/weishao/internal/sqlite"
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
	// Few connections: writers wait for each other in SQLite, readers wait for nobody.
	if s.db, err = sqlite.Open(ctx, path, migrations, 4); err != nil {
		return err
	}
	return s.loadGateways(ctx)
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
