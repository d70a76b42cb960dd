package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"weishao.dev/weishao/internal/sqlite"
)

// schema of index.db. A roll-up's key is series<<24 | hour, so that a series'
// hours lie side by side; minutes is as in encodeMinutes, faults as in
// encodeChanges. In late, series 0 means all.
const schema = `
CREATE TABLE IF NOT EXISTS meta   (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, device TEXT NOT NULL, metric TEXT NOT NULL, UNIQUE (device, metric));
CREATE TABLE IF NOT EXISTS late   (hour INTEGER, series INTEGER, PRIMARY KEY (hour, series)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rollup (key INTEGER PRIMARY KEY, count INTEGER NOT NULL, min REAL, sum REAL, max REAL, faults BLOB, minutes BLOB);
`

// format is the version of index.db; another one is refused.
const format = 1

// index is index.db. Writers take turns; readers do not wait.
type index struct {
	db *sql.DB
	mu sync.Mutex // one write transaction at a time
}

func openIndex(path string) (*index, error) {
	db, err := sqlite.Connect(path, 4, "cache_size(-1000)")
	if err != nil {
		return nil, err
	}
	x := &index{db: db}
	if err := x.init(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return x, nil
}

func (x *index) init() error {
	if _, err := x.db.Exec(schema); err != nil {
		return err
	}
	if _, err := x.db.Exec(`INSERT OR IGNORE INTO meta VALUES ('format', ?)`, format); err != nil {
		return err
	}
	var have int
	if err := x.db.QueryRow(`SELECT value FROM meta WHERE name = 'format'`).Scan(&have); err != nil {
		return err
	}
	if have != format {
		return fmt.Errorf("format %d, want %d: made by another version; move the folder away to start a new history", have, format)
	}
	return nil
}

func (x *index) close() error { return x.db.Close() }

// load reads all but the roll-ups.
func (x *index) load() (pos uint64, names *registry, hours *ledger, err error) {
	names, hours = newRegistry(), newLedger()
	meta := map[string]int64{}
	err = each(x.db, `SELECT name, value FROM meta`, func(rows *sql.Rows) error {
		var name string
		var value int64
		err := rows.Scan(&name, &value)
		meta[name] = value
		return err
	})
	if err != nil {
		return 0, nil, nil, err
	}
	if rolled, ok := meta["rolled"]; ok {
		hours.started, hours.rolled, hours.open = true, rolled, rolled
		hours.began, hours.newest = meta["began"], rolled*hourMS
	}
	err = each(x.db, `SELECT id, device, metric FROM series`, func(rows *sql.Rows) error {
		var id uint32
		var device, metric string
		if err := rows.Scan(&id, &device, &metric); err != nil {
			return err
		}
		names.add(newSeries(id, device, metric))
		return nil
	})
	if err != nil {
		return 0, nil, nil, err
	}
	err = each(x.db, `SELECT hour, series FROM late`, func(rows *sql.Rows) error {
		var hour int64
		var id uint32
		if err := rows.Scan(&hour, &id); err != nil {
			return err
		}
		hours.mark(hour, id)
		lh := hours.late[hour]
		lh.saved, lh.touched = true, time.Time{}
		lh.all = lh.all || id == 0
		return nil
	})
	return uint64(meta["position"]), names, hours, err
}

func each(db *sql.DB, query string, f func(*sql.Rows) error) error {
	rows, err := db.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// write runs f in the one write transaction. New series go first, since whatever
// f writes may speak of them.
func (x *index) write(ctx context.Context, names *registry, f func(tx *sql.Tx) error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	fresh := names.unsaved()
	for _, s := range fresh {
		if _, err := tx.ExecContext(ctx, `INSERT INTO series VALUES (?, ?, ?)`, s.id, s.device, s.metric); err != nil {
			return err
		}
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	names.saved(len(fresh))
	return nil
}

func setMeta(ctx context.Context, tx *sql.Tx, name string, value int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2`, name, value)
	return err
}

// savePosition stores the position and everything that a restart could not work
// out from what is appended after it: series and late marks.
func (x *index) savePosition(ctx context.Context, pos uint64, names *registry, hours *ledger) error {
	var saved []*lateHour
	gens := map[*lateHour]uint64{}
	err := x.write(ctx, names, func(tx *sql.Tx) error {
		hours.mu.Lock()
		defer hours.mu.Unlock()
		for hour, lh := range hours.late {
			if lh.saved {
				continue
			}
			if err := saveLate(ctx, tx, hour, lh); err != nil {
				return err
			}
			saved = append(saved, lh)
			gens[lh] = lh.gen
		}
		if hours.started {
			if err := errors.Join(setMeta(ctx, tx, "rolled", hours.rolled), setMeta(ctx, tx, "began", hours.began)); err != nil {
				return err
			}
		}
		return setMeta(ctx, tx, "position", int64(pos))
	})
	if err != nil {
		return err
	}
	hours.mu.Lock()
	defer hours.mu.Unlock()
	for _, lh := range saved {
		lh.saved = lh.gen == gens[lh]
	}
	return nil
}

func saveLate(ctx context.Context, tx *sql.Tx, hour int64, lh *lateHour) error {
	const insert = `INSERT OR IGNORE INTO late VALUES (?, ?)`
	if lh.all {
		_, err := tx.ExecContext(ctx, insert, hour, 0)
		return err
	}
	for id := range lh.series {
		if _, err := tx.ExecContext(ctx, insert, hour, id); err != nil {
			return err
		}
	}
	return nil
}

func rollupKey(id uint32, hour int64) int64 { return int64(id)<<24 | hour }

// putRows stores roll-ups; rows with neither points nor faults are removed.
func putRows(ctx context.Context, tx *sql.Tx, rows []hourRow) error {
	put, err := tx.PrepareContext(ctx, `INSERT OR REPLACE INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer put.Close()
	for i := range rows {
		r := &rows[i]
		key := rollupKey(r.id, r.hour)
		if r.total.count == 0 && len(r.changes) == 0 {
			if _, err := tx.ExecContext(ctx, `DELETE FROM rollup WHERE key = ?`, key); err != nil {
				return err
			}
			continue
		}
		_, err := put.ExecContext(ctx, key, r.total.count, r.total.min, r.total.sum, r.total.max, r.faults, r.minutes)
		if err != nil {
			return err
		}
	}
	return nil
}

// rows reads a series' hours in [from, to), with their minutes if asked for.
func (x *index) rows(ctx context.Context, id uint32, from, to int64, minutes bool, f func(hourRow) error) error {
	cols := "key, count, min, sum, max, faults, NULL"
	if minutes {
		cols = "key, count, min, sum, max, faults, minutes"
	}
	rows, err := x.db.QueryContext(ctx, `SELECT `+cols+` FROM rollup WHERE key >= ? AND key < ? ORDER BY key`, rollupKey(id, from), rollupKey(id, to))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key int64
		var r hourRow
		var lo, sum, hi sql.NullFloat64
		if err := rows.Scan(&key, &r.total.count, &lo, &sum, &hi, &r.faults, &r.minutes); err != nil {
			return err
		}
		r.id, r.hour = id, key&(1<<24-1)
		r.total.min, r.total.sum, r.total.max = lo.Float64, sum.Float64, hi.Float64
		if err := f(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// prune removes the roll-ups of hours before cutoff.
func (x *index) prune(ctx context.Context, names *registry, cutoff int64) error {
	for i := range names.all() {
		id := uint32(i + 1)
		err := x.write(ctx, names, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM rollup WHERE key >= ? AND key < ?`, rollupKey(id, 0), rollupKey(id, cutoff))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
