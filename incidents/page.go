package incidents

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// page is one row of the queue.
type page struct {
	ID       string
	Incident string
	Step     int
	Round    int
	Person   string
	Channel  string
	State    string
	Attempts int
	Queued   int64
}

// event is a timeline entry about the page.
func (p page) event(kind Kind, text string) Event {
	e := Event{Kind: kind, Person: p.Person, Channel: p.Channel, Message: p.ID, Attempt: p.Attempts, Text: text}
	switch kind {
	case KindPageSent, KindPageFailed, KindPageGaveUp:
		ok := kind == KindPageSent
		e.OK = &ok
	}
	return e
}

const pageColumns = "id, incident, step, round, person, channel, state, attempts, queued"

func scanPage(scan func(...any) error) (p page, err error) {
	err = scan(&p.ID, &p.Incident, &p.Step, &p.Round, &p.Person, &p.Channel, &p.State, &p.Attempts, &p.Queued)
	return p, err
}

// pages loads those that a condition picks, oldest first.
func (t *tx) pages(where string, args ...any) ([]page, error) {
	rows, err := t.QueryContext(t.ctx, "SELECT "+pageColumns+" FROM pages WHERE "+where+" ORDER BY queued, id", args...)
	if err != nil {
		return nil, fmt.Errorf("incident database: %w", err)
	}
	defer rows.Close()
	var list []page
	for rows.Next() {
		p, err := scanPage(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("incident database: %w", err)
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// claim takes the channel's most urgent page that is due and records that an
// attempt begins, before it is made. First rounds go before repetitions.
// Without one it returns how long none is due.
func (s *Store) claim(ctx context.Context, channel string) (p page, ok bool, wait time.Duration, err error) {
	now := int64(TimeOf(s.clock.Now()))
	// A time further ahead than the longest retry comes from a clock set back.
	ahead := now + int64(s.clock.Speed()*float64(2*maxBackoff.Milliseconds()))
	const due = " FROM pages WHERE channel = ? AND state = 'queued' AND (next_at <= ? OR next_at > ?)"
	var n int
	if err := s.ro.QueryRowContext(ctx, "SELECT count(*)"+due, channel, now, ahead).Scan(&n); err != nil {
		return p, false, 0, fmt.Errorf("incident database: %w", err)
	}
	if n == 0 {
		wait, err := s.untilPage(ctx, channel, now)
		return p, false, wait, err
	}
	err = s.write(ctx, func(t *tx) error {
		row := t.QueryRowContext(ctx, "SELECT "+pageColumns+due+" ORDER BY round > 1, urgency DESC, next_at, id LIMIT 1", channel, int64(t.now), ahead)
		if p, err = scanPage(row.Scan); err != nil {
			if errors.Is(err, sql.ErrNoRows) { // another worker was faster, or it was cancelled
				return nil
			}
			return fmt.Errorf("incident database: %w", err)
		}
		ok = true
		p.Attempts++
		return t.exec("UPDATE pages SET state = 'sending', attempts = ?, started = ? WHERE id = ?", p.Attempts, time.Now().UnixMilli(), p.ID)
	})
	return p, ok && err == nil, 0, err
}

func (s *Store) untilPage(ctx context.Context, channel string, now int64) (time.Duration, error) {
	var next sql.NullInt64
	err := s.ro.QueryRowContext(ctx, "SELECT min(next_at) FROM pages WHERE channel = ? AND state = 'queued'", channel).Scan(&next)
	if err != nil {
		return 0, fmt.Errorf("incident database: %w", err)
	}
	if !next.Valid {
		return pollWait, nil
	}
	return s.clock.Wall(time.Duration(next.Int64-now) * time.Millisecond), nil
}

// result is what came of an attempt.
type result struct {
	answer      string
	err         error
	permanent   bool
	interrupted bool // the hub is stopping, the attempt did not fail by itself
}

// record writes down what came of an attempt and what follows from it.
func (s *Store) record(ctx context.Context, p page, res result) error {
	return s.write(ctx, func(t *tx) error {
		r, err := t.get(p.Incident)
		if err != nil {
			return err
		}
		if err := s.conclude(t, r, p, res); err != nil {
			return err
		}
		return t.save(r)
	})
}

// conclude decides what follows from an attempt.
func (s *Store) conclude(t *tx, r *row, p page, res result) error {
	switch {
	case res.err == nil:
		return s.sent(t, r, p, res.answer)
	case !r.State.waiting():
		return t.finish(p, "cancelled", KindPageCancelled, res.err.Error())
	case res.interrupted:
		return t.again(p, 0, KindPageInterrupted, res.err.Error())
	case res.permanent || p.Attempts >= s.attempts:
		if err := t.finish(p, "failed", KindPageGaveUp, res.err.Error()); err != nil {
			return err
		}
		return t.passOver(p)
	}
	delay := s.clock.Speed() * float64(backoff(p.Attempts).Milliseconds())
	return t.again(p, int64(delay), KindPageFailed, res.err.Error())
}

// sent: a provider took the page.
func (s *Store) sent(t *tx, r *row, p page, answer string) error {
	if err := t.finish(p, "sent", KindPageSent, answer); err != nil {
		return err
	}
	if r.State == StateOpen {
		r.State = StateNotified
		s.metrics.firstPage.Observe(time.Duration((t.now - r.DecidedAt) * 1e6).Seconds())
	}
	return t.exec("DELETE FROM escalations WHERE incident = ? AND mode = ? AND step = ?", r.ID, string(ModeOnce), p.Step)
}

// passOver makes the next person's turn come at once when nothing more can come
// of this one's pages. Repetitions keep their pace, or a dead provider would make
// them spin.
func (t *tx) passOver(p page) error {
	others, err := t.pages("incident = ? AND step = ? AND state IN ('queued', 'sending', 'sent')", p.Incident, p.Step)
	if err != nil || len(others) > 0 {
		return err
	}
	t.wake = true
	return t.exec("UPDATE escalations SET next_at = ? WHERE incident = ? AND step = ? AND round = 1 AND (last = 0 OR mode = ?)",
		int64(t.now), p.Incident, p.Step, string(ModeOnce))
}

func (t *tx) finish(p page, state string, kind Kind, text string) error {
	if err := t.exec("UPDATE pages SET state = ? WHERE id = ?", state, p.ID); err != nil {
		return err
	}
	return t.event(p.Incident, p.event(kind, text))
}

func (t *tx) again(p page, delay int64, kind Kind, text string) error {
	t.wake = true
	if err := t.exec("UPDATE pages SET state = 'queued', next_at = ? WHERE id = ?", int64(t.now)+delay, p.ID); err != nil {
		return err
	}
	return t.event(p.Incident, p.event(kind, text))
}

// recoverPages puts the queue right after a stop: attempts without a recorded
// result are made again with their message ID, and pages for channels that are
// no longer configured fail.
func (s *Store) recoverPages(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		list, err := t.pages("state IN ('queued', 'sending')")
		if err != nil {
			return err
		}
		for _, p := range list {
			r, err := t.get(p.Incident)
			if err != nil {
				return err
			}
			switch {
			case !r.State.waiting():
				err = t.finish(p, "cancelled", KindPageCancelled, "acknowledged before the hub stopped")
			case s.channels[p.Channel] == nil:
				if err = t.finish(p, "failed", KindPageGaveUp, "channel "+p.Channel+" is no longer configured"); err == nil {
					err = t.passOver(p)
				}
			case p.State == "sending":
				err = t.again(p, 0, KindPageInterrupted, "the hub stopped before the provider's answer was recorded; sent again with the same message ID")
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

const maxBackoff = time.Minute

// backoff is the wait after the nth failed attempt, from 1: 1 s doubling to 60 s,
// of which up to half is left off at random so that pages do not come in waves.
func backoff(n int) time.Duration {
	d := time.Second << min(n-1, 6)
	d = min(d, maxBackoff)
	return d - time.Duration(rand.Int64N(int64(d)/2+1))
}
