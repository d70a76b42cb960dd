package incidents

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// tx is one transaction and what is to be done once it is on disk.
type tx struct {
	*sql.Tx
	ctx     context.Context
	now     Time
	touched []*row   // published
	wake    bool     // there may be something to page
	stop    []string // incidents whose pages in flight are to be interrupted
}

// row is an incident with what only the store knows of it.
type row struct {
	Incident
	key   string
	fresh bool // not inserted yet
}

// write runs f in a transaction and, when it is committed, publishes what f
// touched. Nothing of it happens if f or the commit fails.
func (s *Store) write(ctx context.Context, f func(*tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	sqlTx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("incident database: %w", err)
	}
	defer sqlTx.Rollback() // no effect after a commit
	t := &tx{Tx: sqlTx, ctx: ctx, now: TimeOf(s.clock.Now())}
	if err := f(t); err != nil {
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		return fmt.Errorf("incident database: %w", err)
	}
	for _, id := range t.stop {
		s.flights.stop(id)
	}
	for _, r := range t.touched {
		s.feed.publish(r.Incident)
	}
	if t.wake {
		s.wakers.wake()
	}
	return nil
}

func (t *tx) exec(query string, args ...any) error {
	_, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return fmt.Errorf("incident database: %w", err)
	}
	return nil
}

// get loads an incident by ID; ErrNotFound if there is none.
func (t *tx) get(id string) (*row, error) {
	return t.one("SELECT key, body FROM incidents WHERE id = ?", id)
}

// one loads the incident that a query of key and body gives first. Within a
// transaction an incident has one row value, so that changes meet.
func (t *tx) one(query string, args ...any) (*row, error) {
	var r row
	var body []byte
	err := t.QueryRowContext(t.ctx, query, args...).Scan(&r.key, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("incident database: %w", err)
	}
	if err := json.Unmarshal(body, &r.Incident); err != nil {
		return nil, fmt.Errorf("incident database: incident is damaged: %w", err)
	}
	for _, known := range t.touched {
		if known.ID == r.ID {
			return known, nil
		}
	}
	return &r, nil
}

// save writes the incident and has it published.
func (t *tx) save(r *row) error {
	body, err := json.Marshal(&r.Incident)
	if err != nil {
		return fmt.Errorf("encoding incident %s: %w", r.ID, err)
	}
	live, until := 0, sql.NullInt64{Int64: int64(r.Cleared), Valid: r.Cleared != 0}
	if r.State.Live() {
		live = 1
	} else if !until.Valid && r.ResolvedAt != 0 {
		until = sql.NullInt64{Int64: int64(r.ResolvedAt), Valid: true}
	}
	if r.fresh {
		err = t.exec(`INSERT INTO incidents (id, key, live, state, hazard, severity, onset, opened, until, body) VALUES (?,?,?,?,?,?,?,?,?,?)`,
			r.ID, r.key, live, string(r.State), string(r.Hazard), string(r.Severity), int64(r.Onset), int64(r.Opened), until, body)
	} else {
		err = t.exec(`UPDATE incidents SET key=?, live=?, state=?, hazard=?, severity=?, onset=?, opened=?, until=?, body=? WHERE id=?`,
			r.key, live, string(r.State), string(r.Hazard), string(r.Severity), int64(r.Onset), int64(r.Opened), until, body, r.ID)
	}
	if err != nil {
		return err
	}
	r.fresh = false
	for _, p := range r.Places {
		if err := t.exec("INSERT OR IGNORE INTO incident_places (place, incident) VALUES (?,?)", p, r.ID); err != nil {
			return err
		}
	}
	if slices.Contains(t.touched, r) {
		return nil
	}
	t.touched = append(t.touched, r)
	return nil
}

// event puts an entry on an incident's timeline.
func (t *tx) event(incident string, e Event) error {
	e.Time = t.now
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding event of incident %s: %w", incident, err)
	}
	return t.exec("INSERT INTO events (incident, at, body) VALUES (?,?,?)", incident, int64(t.now), body)
}

// messageID names a page for ever: the same step to the same person over the
// same channel is the same message.
func messageID(incident string, step int, person, channel string) string {
	h := sha256.Sum256([]byte(incident + "\x00" + strconv.Itoa(step) + "\x00" + person + "\x00" + channel))
	return hex.EncodeToString(h[:12])
}
