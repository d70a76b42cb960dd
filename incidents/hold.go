package incidents

import (
	"database/sql"
	"errors"
	"fmt"

	"weishao.dev/weishao/rules"
)

// This file keeps what holds: an incident has as many raises as verdicts raised
// it, each with its interval, and is cleared when none of them holds.

// raisedIn is the incident of a raise, or nil for a raise never seen.
func (a applier) raisedIn(verdict string) (*row, error) {
	r, err := a.one("SELECT i.key, i.body FROM raises r JOIN incidents i ON i.id = r.incident WHERE r.verdict = ?", verdict)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return r, err
}

// hold records a raise and settles its incident.
func (a applier) hold(r *row, v rules.Verdict) error {
	if err := a.exec("INSERT INTO raises (verdict, incident, onset, cleared) VALUES (?,?,?,?)",
		v.ID, r.ID, v.Onset, nullTime(v.Cleared)); err != nil {
		return err
	}
	return a.settle(r, v)
}

// change applies a clear, or a revision of an interval that had been raised.
func (a applier) change(v rules.Verdict) (*row, error) {
	r, err := a.raisedIn(v.ID)
	if err != nil {
		return nil, err
	}
	if r == nil {
		a.log.Warn("verdict about a raise that this store has not seen; stored", "event", v.Event, "verdict", v.ID, "rule", v.Rule, "place", v.Place)
		return nil, nil
	}
	cleared := v.Cleared
	if v.Event == rules.Clear && cleared == 0 {
		cleared = v.Time
	}
	if cleared == 0 && r.Cleared != 0 && !r.State.Live() {
		return a.again(v)
	}
	if err := a.exec("UPDATE raises SET onset = ?, cleared = ? WHERE verdict = ?", v.Onset, nullTime(cleared), v.ID); err != nil {
		return nil, err
	}
	was := r.Cleared
	a.gather(r, v)
	if v.Event == rules.Revised {
		if err := a.revise(r, v); err != nil {
			return nil, err
		}
	}
	if err := a.settle(r, v); err != nil {
		return nil, err
	}
	if was != 0 && r.Cleared == 0 && r.State.Live() {
		if err := a.event(r.ID, fromVerdict(KindReraised, v)); err != nil {
			return nil, err
		}
		return r, a.startPaging(r, true)
	}
	return r, nil
}

// again takes a raise that holds after all, by readings that came late, out of an
// incident that was closed as over: whoever closed it did not know. It joins what
// is live of its key, or opens an incident and pages.
func (a applier) again(v rules.Verdict) (*row, error) {
	raised := v.ID
	if err := a.exec("DELETE FROM raises WHERE verdict = ?", raised); err != nil {
		return nil, err
	}
	v.Event, v.ID = rules.Raise, fmt.Sprintf("%s-%d", raised, v.Pos)
	r, err := a.raise(v)
	if err != nil {
		return nil, err
	}
	return r, a.exec("UPDATE raises SET verdict = ? WHERE verdict = ?", raised, v.ID)
}

// revise notes that late readings moved an interval. It is never a reason to
// take a page back.
func (a applier) revise(r *row, v rules.Verdict) error {
	var onset sql.NullInt64
	if err := a.QueryRowContext(a.ctx, "SELECT min(onset) FROM raises WHERE incident = ?", r.ID).Scan(&onset); err != nil {
		return fmt.Errorf("incident database: %w", err)
	}
	if onset.Valid {
		r.Onset = Time(onset.Int64)
	}
	e := fromVerdict(KindRevised, v)
	e.Text = "holds since " + Time(v.Onset).String()
	if v.Cleared != 0 {
		e.Text = fmt.Sprintf("held from %s to %s", Time(v.Onset), Time(v.Cleared))
	}
	return a.event(r.ID, e)
}

// settle sets when the incident was cleared and lets those resolve that can tell
// by themselves.
func (a applier) settle(r *row, v rules.Verdict) error {
	var holding int
	var last sql.NullInt64
	err := a.QueryRowContext(a.ctx, "SELECT count(*) FILTER (WHERE cleared IS NULL), max(cleared) FROM raises WHERE incident = ?", r.ID).Scan(&holding, &last)
	if err != nil {
		return fmt.Errorf("incident database: %w", err)
	}
	before := r.Cleared
	r.Cleared = 0
	if holding == 0 {
		r.Cleared = Time(last.Int64)
	}
	if r.Cleared != 0 && before == 0 && !r.Over {
		e := fromVerdict(KindCleared, v)
		e.At = r.Cleared
		if err := a.event(r.ID, e); err != nil {
			return err
		}
	}
	if r.Cleared != 0 && r.State.Live() && selfResolving(r.Hazard) {
		r.State, r.Note, r.ResolvedAt = StateResolved, "recovered", a.now
		if err := a.event(r.ID, Event{Kind: KindRecovered, At: r.Cleared}); err != nil {
			return err
		}
		if err := a.stopPaging(r.ID, "it recovered"); err != nil {
			return err
		}
	}
	return a.save(r)
}

func nullTime(ms int64) sql.NullInt64 { return sql.NullInt64{Int64: ms, Valid: ms != 0} }
