// Package sqlite opens the hub's databases: each commit is on disk when it returns,
// the file is its owner's alone, and the schema is brought up to date.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Open opens or makes a database file with so many connections at most. Its folder
// must exist. The schema is that of the folder migrations in files.
func Open(ctx context.Context, path string, files fs.FS, connections int) (*sql.DB, error) {
	// SQLite gives its -wal and -shm files the mode of this one.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := connect(path, connections, url.Values{"_txlock": {"immediate"}})
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, db, files); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Connect opens a database file with further pragmas, such as query_only(1), and
// leaves its schema alone.
func Connect(path string, connections int, pragmas ...string) (*sql.DB, error) {
	return connect(path, connections, url.Values{"_pragma": pragmas})
}

func connect(path string, connections int, q url.Values) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	q["_pragma"] = append([]string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}, q["_pragma"]...)
	u := url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	var version string
	if err := db.QueryRow("SELECT sqlite_version()").Scan(&version); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := checkVersion(version); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB, files fs.FS) error {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, sub, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("reading the schema's migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating the schema: %w", err)
	}
	return nil
}

// checkVersion refuses versions with the WAL-reset bug, which can lose transactions
// that were committed: a page that was sent, a revocation.
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
