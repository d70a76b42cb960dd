package incidents

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What an action can fail with, besides *RefusedError.
var (
	ErrNotFound  = errors.New("no such incident")
	ErrInvalid   = errors.New("invalid request")
	ErrKeyReused = errors.New("idempotency key was used for another request")
)

// MaxNote is the longest note, in characters.
const MaxNote = 4000

// RefusedError is an action that the incident's state does not allow.
type RefusedError struct {
	Action Action
	State  State
	Reason Reason
	By     string // who brought it into that state
}

func (e *RefusedError) Error() string {
	by := ""
	if e.By != "" {
		by = " by " + e.By
	}
	return fmt.Sprintf("cannot %s: the incident is %s%s (%s)", e.Action, e.State, by, e.Reason)
}

// Answer is what an action did.
type Answer struct {
	Incident Incident `json:"incident"` // as it stood afterwards
	Reason   Reason   `json:"reason"`   // ReasonDone, ReasonOutcome, or ReasonAlready
	By       string   `json:"by"`       // who did it, now or before
}

// Ack takes the incident: from here on nobody is paged for it. Acknowledging
// what somebody has acknowledged is fine and says who.
//
// All actions are idempotent by key within a person: the same key gives the same
// answer, even if the incident has moved on. An empty key asks for none of that.
// They fail with ErrNotFound, ErrInvalid, ErrKeyReused or *RefusedError.
func (s *Store) Ack(ctx context.Context, id, who, key string) (Answer, error) {
	return s.act(ctx, request{ID: id, Action: ActionAck, Who: who}, key)
}

// Arrive says that somebody is there; it acknowledges, too, if nobody has.
func (s *Store) Arrive(ctx context.Context, id, who, key string) (Answer, error) {
	return s.act(ctx, request{ID: id, Action: ActionArrive, Who: who}, key)
}

// Resolve ends the incident with an outcome. The condition may hold still; the
// timeline then says so.
func (s *Store) Resolve(ctx context.Context, id, who, key string, outcome Outcome, note string) (Answer, error) {
	return s.act(ctx, request{ID: id, Action: ActionResolve, Who: who, Outcome: outcome, Note: note}, key)
}

// Verify confirms a resolved incident.
func (s *Store) Verify(ctx context.Context, id, who, key, note string) (Answer, error) {
	return s.act(ctx, request{ID: id, Action: ActionVerify, Who: who, Note: note}, key)
}

type request struct {
	ID      string
	Action  Action
	Who     string
	Outcome Outcome
	Note    string
}

func (q request) check() error {
	switch {
	case q.Who == "":
		return fmt.Errorf("nobody is named as acting: %w", ErrInvalid)
	case utf8.RuneCountInString(q.Note) > MaxNote:
		return fmt.Errorf("the note is longer than %d characters: %w", MaxNote, ErrInvalid)
	case !utf8.ValidString(q.Note) || strings.ContainsRune(q.Note, 0):
		return fmt.Errorf("the note is not text: %w", ErrInvalid)
	}
	if q.Action == ActionResolve {
		switch q.Outcome {
		case OutcomeReal, OutcomeFalseAlarm, OutcomeTest, OutcomeDrill:
		default:
			return fmt.Errorf("outcome %q is not one of real, false_alarm, test, drill: %w", q.Outcome, ErrInvalid)
		}
	}
	return nil
}

func (s *Store) act(ctx context.Context, q request, key string) (Answer, error) {
	if err := q.check(); err != nil {
		return Answer{}, err
	}
	asked, err := json.Marshal(q)
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	err = s.write(ctx, func(t *tx) error {
		if found, err := t.answered(q.Who, key, string(asked), &a); found || err != nil {
			return err
		}
		r, err := t.get(q.ID)
		if err != nil {
			return err
		}
		next, reason := decide(r.State, q.Action, r.Outcome, q.Outcome)
		if reason.refused() {
			return &RefusedError{Action: q.Action, State: r.State, Reason: reason, By: r.by(r.State)}
		}
		if reason != ReasonAlready {
			if err := t.perform(r, q, next, reason); err != nil {
				return err
			}
		}
		a = Answer{Incident: r.Incident, Reason: reason, By: r.doneBy(q.Action)}
		return t.remember(q.Who, key, string(asked), a)
	})
	return a, err
}

// perform changes the incident, stops its pages and writes the timeline.
func (t *tx) perform(r *row, q request, next State, reason Reason) error {
	r.State = next
	e := Event{Who: q.Who}
	if (q.Action == ActionAck || q.Action == ActionArrive || q.Action == ActionResolve) && r.AckBy == "" {
		r.AckBy, r.AckAt = q.Who, t.now
	}
	switch q.Action {
	case ActionAck:
		e.Kind = KindAcknowledged
	case ActionArrive:
		e.Kind = KindOnSite
		r.ArrivedBy, r.ArrivedAt = q.Who, t.now
	case ActionResolve:
		e.Kind, e.Outcome, e.Text = KindResolved, q.Outcome, q.Note
		if reason == ReasonOutcome {
			e.Kind = KindOutcome
		} else {
			r.ResolvedAt = t.now
		}
		if r.Cleared == 0 {
			e.Reason = "the condition still holds"
		}
		r.Outcome, r.Note, r.ResolvedBy = q.Outcome, q.Note, q.Who
	case ActionVerify:
		e.Kind, e.Text = KindVerified, q.Note
		r.VerifiedBy, r.VerifiedAt, r.VerifyNote = q.Who, t.now, q.Note
	}
	if err := t.event(r.ID, e); err != nil {
		return err
	}
	if err := t.stopPaging(r.ID, string(q.Action)+" by "+q.Who); err != nil {
		return err
	}
	return t.save(r)
}

// by is who brought the incident into a state.
func (i *Incident) by(s State) string {
	switch s {
	case StateAcknowledged:
		return i.AckBy
	case StateOnSite:
		return i.ArrivedBy
	case StateResolved:
		return i.ResolvedBy
	case StateVerified:
		return i.VerifiedBy
	}
	return ""
}

// doneBy is who did the action.
func (i *Incident) doneBy(a Action) string {
	switch a {
	case ActionAck:
		return i.AckBy
	case ActionArrive:
		return i.ArrivedBy
	case ActionResolve:
		return i.ResolvedBy
	case ActionVerify:
		return i.VerifiedBy
	}
	return ""
}

// answered fills in the answer that was given under a key.
func (t *tx) answered(who, key, asked string, a *Answer) (bool, error) {
	if key == "" {
		return false, nil
	}
	var request string
	var body []byte
	err := t.QueryRowContext(t.ctx, "SELECT request, body FROM answers WHERE who = ? AND key = ?", who, key).Scan(&request, &body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("incident database: %w", err)
	case request != asked:
		return false, ErrKeyReused
	}
	return true, json.Unmarshal(body, a)
}

func (t *tx) remember(who, key, asked string, a Answer) error {
	if key == "" {
		return nil
	}
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding answer: %w", err)
	}
	return t.exec("INSERT INTO answers (who, key, request, at, body) VALUES (?,?,?,?,?)", who, key, asked, int64(t.now), body)
}
