package incidents

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"weishao.dev/weishao/rules"
)

// Filter picks incidents; an empty field picks all.
type Filter struct {
	State    []State
	Hazard   []rules.Hazard
	Severity []rules.Severity
	Place    string
	From, To time.Time // opened at or after From and before To
	After    string    // the cursor that the page before gave
	Limit    int       // 0: DefaultLimit; at most MaxLimit
}

// Limits of List.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// List gives incidents without their timelines, the latest known first, and the
// cursor of what follows, empty at the end. ErrInvalid: a cursor that List did
// not give.
func (s *Store) List(ctx context.Context, f Filter) (items []Incident, next string, err error) {
	where, args, err := f.where()
	if err != nil {
		return nil, "", err
	}
	limit := f.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	rows, err := s.ro.QueryContext(ctx, "SELECT seq, body FROM incidents i"+where+" ORDER BY seq DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("incident database: %w", err)
	}
	defer rows.Close()
	items = []Incident{}
	for rows.Next() {
		var seq int64
		var body []byte
		if err := rows.Scan(&seq, &body); err != nil {
			return nil, "", fmt.Errorf("incident database: %w", err)
		}
		if len(items) == limit {
			return items, next, nil
		}
		var i Incident
		if err := json.Unmarshal(body, &i); err != nil {
			return nil, "", fmt.Errorf("incident database: incident is damaged: %w", err)
		}
		items = append(items, i)
		next = strconv.FormatInt(seq, 10)
	}
	return items, "", rows.Err()
}

func (f Filter) where() (string, []any, error) {
	var conditions []string
	var args []any
	add := func(condition string, values ...any) {
		conditions = append(conditions, condition)
		args = append(args, values...)
	}
	anyOf(add, "state", f.State)
	anyOf(add, "hazard", f.Hazard)
	anyOf(add, "severity", f.Severity)
	if f.Place != "" {
		add("EXISTS (SELECT 1 FROM incident_places p WHERE p.place = ? AND p.incident = i.id)", f.Place)
	}
	if !f.From.IsZero() {
		add("opened >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		add("opened < ?", f.To.UnixMilli())
	}
	if f.After != "" {
		seq, err := strconv.ParseInt(f.After, 10, 64)
		if err != nil {
			return "", nil, fmt.Errorf("after=%q is not a cursor of this list: %w", f.After, ErrInvalid)
		}
		add("seq < ?", seq)
	}
	if len(conditions) == 0 {
		return "", nil, nil
	}
	return " WHERE " + strings.Join(conditions, " AND "), args, nil
}

func anyOf[T ~string](add func(string, ...any), column string, values []T) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	add(column+" IN (?"+strings.Repeat(",?", len(values)-1)+")", args...)
}

// load reads one incident without its timeline.
func (s *Store) load(ctx context.Context, id string) (i Incident, err error) {
	var body []byte
	err = s.ro.QueryRowContext(ctx, "SELECT body FROM incidents WHERE id = ?", id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return i, ErrNotFound
	}
	if err != nil {
		return i, fmt.Errorf("incident database: %w", err)
	}
	if err := json.Unmarshal(body, &i); err != nil {
		return i, fmt.Errorf("incident database: incident %s is damaged: %w", id, err)
	}
	return i, nil
}

// Get gives one incident with its timeline and the verdicts that made it, or
// ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (Incident, error) {
	i, err := s.load(ctx, id)
	if err != nil {
		return i, err
	}
	rows, err := s.ro.QueryContext(ctx, "SELECT seq, body FROM events WHERE incident = ? ORDER BY seq", id)
	if err != nil {
		return i, fmt.Errorf("incident database: %w", err)
	}
	defer rows.Close()
	i.Timeline = []Event{}
	for rows.Next() {
		var seq int64
		var body []byte
		if err := rows.Scan(&seq, &body); err != nil {
			return i, fmt.Errorf("incident database: %w", err)
		}
		var e Event
		if err := json.Unmarshal(body, &e); err != nil {
			return i, fmt.Errorf("incident database: event %d is damaged: %w", seq, err)
		}
		e.Seq = seq
		i.Timeline = append(i.Timeline, e)
	}
	if err := rows.Err(); err != nil {
		return i, fmt.Errorf("incident database: %w", err)
	}
	for p, err := range s.proofs(ctx, "WHERE incident = ?", id) {
		if err != nil {
			return i, err
		}
		i.Verdicts = append(i.Verdicts, p)
	}
	return i, nil
}

// Verdicts gives all stored verdicts from a log position on, in log order, byte
// for byte as the rules gave them. It ends with what is there now, or after an
// error.
func (s *Store) Verdicts(ctx context.Context, from uint64) iter.Seq2[Proof, error] {
	return s.proofs(ctx, "WHERE pos >= ?", int64(min(from, 1<<63-1)))
}

func (s *Store) proofs(ctx context.Context, where string, arg any) iter.Seq2[Proof, error] {
	return func(yield func(Proof, error) bool) {
		rows, err := s.ro.QueryContext(ctx, "SELECT pos, idx, coalesce(incident, ''), body FROM verdicts "+where+" ORDER BY pos, idx", arg)
		if err != nil {
			yield(Proof{}, fmt.Errorf("incident database: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var p Proof
			var pos int64
			var body []byte
			if err := rows.Scan(&pos, &p.Index, &p.Incident, &body); err != nil {
				yield(Proof{}, fmt.Errorf("incident database: %w", err))
				return
			}
			p.Pos, p.Verdict = uint64(pos), body
			if !yield(p, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Proof{}, fmt.Errorf("incident database: %w", err))
		}
	}
}

// Live gives all incidents that are not resolved, the latest known first.
func (s *Store) Live(ctx context.Context) ([]Incident, error) {
	bodies, err := s.strings(ctx, "SELECT body FROM incidents WHERE live = 1 ORDER BY seq DESC")
	if err != nil {
		return nil, err
	}
	list := make([]Incident, 0, len(bodies))
	for _, body := range bodies {
		var i Incident
		if err := json.Unmarshal([]byte(body), &i); err != nil {
			return nil, fmt.Errorf("incident database: incident is damaged: %w", err)
		}
		list = append(list, i)
	}
	return list, nil
}

// OpenByPlace gives the incidents that are not resolved by place ID; one that
// names several places is under each.
func (s *Store) OpenByPlace(ctx context.Context) (map[string][]Incident, error) {
	live, err := s.Live(ctx)
	if err != nil {
		return nil, err
	}
	m := map[string][]Incident{}
	for _, i := range live {
		for _, p := range i.Places {
			m[p] = append(m[p], i)
		}
	}
	return m, nil
}

// strings reads a query's only column.
func (s *Store) strings(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.ro.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("incident database: %w", err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("incident database: %w", err)
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
