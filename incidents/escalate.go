package incidents

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weishao.dev/weishao/site"
)

// startPaging sets an incident's clock going, or makes it escalate where it was
// to page once. again says that the condition came back.
func (a applier) startPaging(r *row, again bool) error {
	mode := a.policy.mode(r.Severity)
	if !r.State.waiting() || r.Over || mode == ModeNone {
		return nil
	}
	a.wake = true
	var has Mode
	err := a.QueryRowContext(a.ctx, "SELECT mode FROM escalations WHERE incident = ?", r.ID).Scan(&has)
	switch {
	case err == nil && has == ModeOnce && mode == ModeEscalate:
		return a.exec("UPDATE escalations SET mode = ?, wait = 0, next_at = ? WHERE incident = ?", string(mode), int64(a.now), r.ID)
	case err == nil:
		return nil // already under way
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("incident database: %w", err)
	}
	// Without a clock it is new or has been paged once. That is repeated when the
	// condition comes back, and goes on when it has become worse.
	var steps int
	if err := a.QueryRowContext(a.ctx, "SELECT coalesce(max(step), 0) FROM pages WHERE incident = ?", r.ID).Scan(&steps); err != nil {
		return fmt.Errorf("incident database: %w", err)
	}
	if steps > 0 && mode == ModeOnce && !again {
		return nil
	}
	if mode == ModeOnce {
		if told, err := a.toldLately(r); told || err != nil {
			if err == nil {
				err = a.event(r.ID, Event{Kind: KindPageSkipped, Text: "somebody was told of the same less than " + againAfter.String() + " ago"})
			}
			return err
		}
	}
	return a.exec("INSERT INTO escalations (incident, mode, step, round, paged, last, wait, next_at) VALUES (?,?,?,1,'[]',0,0,?)",
		r.ID, string(mode), steps, int64(a.now))
}

// againAfter is how often at most somebody is told of what pages only once: a
// sensor that comes and goes all night must not teach people to ignore their
// phones.
const againAfter = 10 * time.Minute

// toldLately says whether somebody was paged about this incident within
// againAfter; for those that resolve themselves, also about one before it with
// the same key. What a person resolved and comes back is always told.
func (t *tx) toldLately(r *row) (bool, error) {
	var n int
	err := t.QueryRowContext(t.ctx, `SELECT count(*) FROM incidents i JOIN pages p ON p.incident = i.id
		WHERE (i.id = ? OR ? AND i.key = ?) AND p.queued > ? AND p.queued <= ? AND p.state IN ('queued', 'sending', 'sent')`,
		r.ID, selfResolving(r.Hazard), r.key, int64(t.now)-againAfter.Milliseconds(), int64(t.now)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("incident database: %w", err)
	}
	return n > 0, nil
}

// stopPaging ends an incident's clock and its pages, also those on their way.
func (t *tx) stopPaging(incident, why string) error {
	if err := t.exec("DELETE FROM escalations WHERE incident = ?", incident); err != nil {
		return err
	}
	pages, err := t.pages("incident = ? AND state = 'queued'", incident)
	if err != nil {
		return err
	}
	for _, p := range pages {
		if err := t.exec("UPDATE pages SET state = 'cancelled' WHERE id = ?", p.ID); err != nil {
			return err
		}
		if err := t.event(incident, p.event(KindPageCancelled, why)); err != nil {
			return err
		}
	}
	t.stop = append(t.stop, incident)
	return nil
}

// errWait is how long a loop waits before it tries the database again.
const errWait = time.Second

// pollWait is how long a loop sleeps at most: the bound on what a lost wake-up or
// a clock that was set can cost.
const pollWait = 5 * time.Second

// escalate is the loop that owns the escalation clocks.
func (s *Store) escalate(ctx context.Context) {
	wake := s.wakers.add()
	for ctx.Err() == nil {
		wait, err := s.escalateDue(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("escalation failed; trying again", "error", err)
			s.metrics.errors.Inc()
			wait = errWait
		}
		sleep(ctx, min(wait, pollWait), wake)
	}
}

// escalateDue takes all steps that are due and returns how long nothing is. An
// incident whose step fails does not hold up the others.
func (s *Store) escalateDue(ctx context.Context) (time.Duration, error) {
	now := int64(TimeOf(s.clock.Now()))
	if err := s.mendClocks(ctx, now); err != nil {
		return 0, err
	}
	due, err := s.strings(ctx, "SELECT incident FROM escalations WHERE next_at <= ? ORDER BY next_at", now)
	if err != nil {
		return 0, err
	}
	var failed error
	for _, id := range due {
		if err := s.write(ctx, func(t *tx) error { return s.step(t, id) }); err != nil {
			failed = fmt.Errorf("incident %s: %w", id, err)
		}
	}
	if failed != nil {
		return 0, failed
	}
	var next sql.NullInt64
	if err := s.ro.QueryRowContext(ctx, "SELECT min(next_at) FROM escalations").Scan(&next); err != nil {
		return 0, fmt.Errorf("incident database: %w", err)
	}
	if !next.Valid {
		return pollWait, nil
	}
	return s.clock.Wall(time.Duration(next.Int64-int64(TimeOf(s.clock.Now()))) * time.Millisecond), nil
}

// mendClocks brings rows back whose time lies further ahead than they were to
// wait: the clock was set back, and a hub that came up with a clock years ahead
// must not page in years.
func (s *Store) mendClocks(ctx context.Context, now int64) error {
	const ahead = "next_at - ? > wait + 1000"
	var n int
	if err := s.ro.QueryRowContext(ctx, "SELECT count(*) FROM escalations WHERE "+ahead, now).Scan(&n); err != nil || n == 0 {
		return err
	}
	s.log.Warn("the clock has gone back; escalation goes on from now", "incidents", n)
	return s.write(ctx, func(t *tx) error {
		return t.exec("UPDATE escalations SET next_at = ? + wait WHERE "+ahead, now, now)
	})
}

// step takes an incident's next step: pages who is next and sets the time of the
// one after.
func (s *Store) step(t *tx, id string) error {
	var c clockState
	var paged string
	err := t.QueryRowContext(t.ctx, "SELECT mode, step, round, paged, last FROM escalations WHERE incident = ? AND next_at <= ?", id, int64(t.now)).
		Scan(&c.mode, &c.step, &c.round, &paged, &c.last)
	if errors.Is(err, sql.ErrNoRows) { // acknowledged meanwhile
		return nil
	}
	if err != nil {
		return fmt.Errorf("incident database: %w", err)
	}
	if err := json.Unmarshal([]byte(paged), &c.paged); err != nil {
		return fmt.Errorf("escalation is damaged: %w", err)
	}
	r, err := t.get(id)
	if err != nil {
		return err
	}
	if !r.State.waiting() {
		return t.exec("DELETE FROM escalations WHERE incident = ?", id)
	}
	dir := s.directory()
	place := pagingPlace(&r.Incident)
	chain, gap := dir.Chain(place, t.now.Std())
	if gap && !r.DutyGap {
		r.DutyGap = true
		if err := t.event(id, Event{Kind: KindDutyGap, Place: place, Text: "nobody is on duty: the leader is paged at once"}); err != nil {
			return err
		}
	}
	escalate, repeat := dir.Times(place)
	if err := s.advance(t, r, dir, c, chain, orDefault(escalate), orDefault(repeat)); err != nil {
		return err
	}
	return t.save(r) // publishes what now stands on the timeline
}

// advance pages according to plan, passing over at once whoever has no channel.
func (s *Store) advance(t *tx, r *row, dir Directory, c clockState, chain []string, escalate, repeat time.Duration) error {
	for {
		p := planStep(c, chain, escalate, repeat)
		first := p.round == 1
		if p.done || len(p.page) == 0 {
			if len(chain) == 0 && c.step == 0 || p.done {
				if err := t.event(r.ID, Event{Kind: KindNobody, Text: "nobody is left who could be paged"}); err != nil {
					return err
				}
				s.metrics.nobody.Inc()
			}
			if p.done {
				return t.exec("DELETE FROM escalations WHERE incident = ?", r.ID)
			}
		}
		reached := false
		for _, person := range p.page {
			ok, err := s.queue(t, r, dir, c.step+1, p.round, person, first)
			if err != nil {
				return err
			}
			reached = reached || ok
		}
		c.take(p)
		if c.passOver(p, reached) {
			continue
		}
		return t.setClock(r.ID, c, p.wait, reached)
	}
}

// setClock stores the state after a step. Paging once waits for the page's
// outcome instead of a time.
func (t *tx) setClock(incident string, c clockState, wait time.Duration, reached bool) error {
	paged, err := json.Marshal(c.paged)
	if err != nil {
		return err
	}
	next := sql.NullInt64{Int64: int64(t.now) + wait.Milliseconds(), Valid: c.mode != ModeOnce || !reached}
	return t.exec("UPDATE escalations SET step=?, round=?, paged=?, last=?, wait=?, next_at=? WHERE incident=?",
		c.step, c.round, string(paged), c.last, wait.Milliseconds(), next, incident)
}

// queue puts a page into the queue for each channel of a person. It returns
// false if there is none, and says so on the timeline where tell is set.
func (s *Store) queue(t *tx, r *row, dir Directory, step, round int, person string, tell bool) (bool, error) {
	contact, known := dir.Contact(person)
	usable := 0
	for _, name := range contact.Channels {
		if s.channels[name] == nil {
			continue
		}
		usable++
		p := page{ID: messageID(r.ID, step, person, name), Incident: r.ID, Step: step, Round: round, Person: person, Channel: name}
		err := t.exec(`INSERT OR IGNORE INTO pages (id, incident, step, round, person, channel, urgency, state, queued, next_at)
			VALUES (?,?,?,?,?,?,?,'queued',?,?)`, p.ID, r.ID, step, round, person, name, severityRank(r.Severity), int64(t.now), int64(t.now))
		if err != nil {
			return false, err
		}
		if err := t.event(r.ID, p.event(KindPageQueued, "")); err != nil {
			return false, err
		}
		t.wake = true
	}
	if usable > 0 || !tell {
		return usable > 0, nil
	}
	why := "nobody could be paged by phone: no channel"
	switch {
	case !known:
		why = "nobody could be paged by phone: the site does not know this person"
	case len(contact.Channels) > 0:
		why = fmt.Sprintf("nobody could be paged by phone: none of the channels %q is configured", contact.Channels)
	}
	return false, t.event(r.ID, Event{Kind: KindNoChannel, Person: person, Text: why})
}

// pagingPlace is the place whose chain is paged: the first, or the gateway's.
func pagingPlace(i *Incident) string {
	if len(i.Places) > 0 {
		return i.Places[0]
	}
	return i.Node
}

func orDefault(d time.Duration) time.Duration {
	if d <= 0 {
		return site.DefaultEscalate
	}
	return d
}
