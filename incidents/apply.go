package incidents

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"weishao.dev/weishao/rules"
)

// Apply takes the verdicts that the record at log position pos gave, in order,
// in one transaction. A position up to Position() has been applied and is passed
// over; so the log may be replayed into the same store. After an error nothing
// has changed and the same call may be made again.
func (s *Store) Apply(ctx context.Context, pos uint64, verdicts []rules.Verdict) error {
	if len(verdicts) == 0 {
		return nil
	}
	if pos <= s.pos.Load() {
		return s.checkReplay(ctx, pos, verdicts)
	}
	err := s.write(ctx, func(t *tx) error {
		var at int64
		if err := t.QueryRowContext(ctx, "SELECT pos FROM position").Scan(&at); err != nil {
			return fmt.Errorf("incident database: %w", err)
		}
		if pos <= uint64(at) { // an earlier call was committed though it reported an error
			return nil
		}
		a := applier{Store: s, tx: t}
		for _, v := range verdicts {
			if err := a.apply(pos, v); err != nil {
				return fmt.Errorf("verdict %s at log position %d: %w", v.ID, pos, err)
			}
		}
		return t.exec("UPDATE position SET pos = ?", int64(pos))
	})
	if err == nil {
		s.pos.Store(pos)
	}
	return err
}

// checkReplay counts verdicts of an old position that are not those stored then.
// They are not applied: rules of another version would page for what is long
// past. A count above zero means that the rules are not deterministic, that they
// were changed, or that the log was replaced by another.
func (s *Store) checkReplay(ctx context.Context, pos uint64, verdicts []rules.Verdict) error {
	for _, v := range verdicts {
		var stored []byte
		err := s.ro.QueryRowContext(ctx, "SELECT body FROM verdicts WHERE pos = ? AND idx = ?", int64(pos), v.Index).Scan(&stored)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("incident database: %w", err)
		}
		body, _, err := encodeVerdict(v)
		if err != nil {
			return err
		}
		if !bytes.Equal(stored, body) {
			s.metrics.mismatch.Inc()
			s.log.Warn("replayed verdict differs from the stored one", "position", pos, "verdict", v.ID, "rule", v.Rule, "place", v.Place)
		}
	}
	return nil
}

// encodeVerdict is a verdict's JSON. JSON knows no NaN and no infinity, and a
// verdict must be kept all the same: such numbers become 0, also in what it
// returns.
func encodeVerdict(v rules.Verdict) ([]byte, rules.Verdict, error) {
	finite := func(f float64) float64 {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return 0
		}
		return f
	}
	v.Value, v.Threshold, v.Likelihood = finite(v.Value), finite(v.Threshold), finite(v.Likelihood)
	v.Evidence = slices.Clone(v.Evidence)
	for i := range v.Evidence {
		v.Evidence[i].Value = finite(v.Evidence[i].Value)
	}
	v.Features = slices.Clone(v.Features)
	for i := range v.Features {
		v.Features[i].Value = finite(v.Features[i].Value)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, v, fmt.Errorf("encoding verdict: %w", err)
	}
	return body, v, nil
}

// applier applies the verdicts of one record.
type applier struct {
	*Store
	*tx
}

func (a applier) apply(pos uint64, v rules.Verdict) error {
	body, v, err := encodeVerdict(v)
	if err != nil {
		return err
	}
	var r *row
	switch v.Event {
	case rules.Raise:
		r, err = a.raise(v)
	case rules.Clear, rules.Revised:
		r, err = a.change(v)
	default:
		a.log.Error("unknown verdict event; stored and otherwise ignored", "event", v.Event, "verdict", v.ID)
	}
	if err != nil {
		return err
	}
	var incident sql.NullString
	if r != nil {
		incident = sql.NullString{String: r.ID, Valid: true}
	}
	return a.exec("INSERT INTO verdicts (pos, idx, incident, body) VALUES (?,?,?,?)", int64(pos), v.Index, incident, body)
}

// raise opens an incident or adds to one.
func (a applier) raise(v rules.Verdict) (*row, error) {
	known, err := a.raisedIn(v.ID)
	if err != nil || known != nil {
		if err == nil { // the same raise again: nothing but a change of its interval
			return a.change(v)
		}
		return nil, err
	}
	key, joins := keyOf(v)
	r, err := a.home(v, joins)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return a.open(v, key)
	}
	return r, a.join(r, v, key)
}

// home finds the incident that a raise belongs to: the live one of its key; or,
// for a condition that is already over, one whose interval it touches, so that
// what a drained backlog adds to a handled hazard does not open it again. A raise
// that still holds never joins a resolved incident, even if it began earlier:
// the person who resolved it did not know.
func (a applier) home(v rules.Verdict, joins []string) (*row, error) {
	if !v.Over {
		for _, key := range joins {
			r, err := a.one("SELECT key, body FROM incidents WHERE key = ? AND live = 1", key)
			if !errors.Is(err, ErrNotFound) {
				return r, err
			}
		}
	}
	if !v.Over && v.Cleared == 0 {
		return nil, nil
	}
	end := v.Cleared
	if end == 0 {
		end = math.MaxInt64
	}
	for _, key := range joins {
		r, err := a.one(`SELECT key, body FROM incidents WHERE key = ? AND onset <= ? AND coalesce(until, ?) >= ?
			ORDER BY live DESC, seq DESC LIMIT 1`, key, end, int64(math.MaxInt64), v.Onset)
		if !errors.Is(err, ErrNotFound) {
			return r, err
		}
	}
	return nil, nil
}

// open makes a new incident.
func (a applier) open(v rules.Verdict, key string) (*row, error) {
	r := &row{key: key, fresh: true, Incident: Incident{
		ID: v.ID, State: StateOpen, Zone: v.Zone, Node: v.Node, Places: []string{}, Devices: []string{}, Evidence: []Evidence{},
		Onset: Time(v.Onset), Opened: Time(v.Time), DecidedAt: a.now, Over: v.Over,
	}}
	a.lead(r, v)
	a.gather(r, v)
	if v.Over {
		r.State, r.Note = StateResolved, "was over when it was found in a backlog"
		r.ResolvedAt = a.now
	}
	if err := a.save(r); err != nil {
		return nil, err
	}
	if err := a.event(r.ID, fromVerdict(KindRaised, v)); err != nil {
		return nil, err
	}
	if err := a.hold(r, v); err != nil {
		return nil, err
	}
	a.metrics.opened.WithLabelValues(string(v.Hazard)).Inc()
	return r, a.startPaging(r, false)
}

// join adds a raise to an incident.
func (a applier) join(r *row, v rules.Verdict, key string) error {
	kind := KindJoined
	again := r.Cleared != 0 && v.Cleared == 0 && !v.Over
	if again {
		kind = KindReraised
	}
	if err := a.event(r.ID, fromVerdict(kind, v)); err != nil {
		return err
	}
	for _, p := range a.gather(r, v) {
		e := fromVerdict(KindPlaceAdded, v)
		e.Place = p
		if err := a.event(r.ID, e); err != nil {
			return err
		}
	}
	r.Onset = min(r.Onset, Time(v.Onset))
	if err := a.lift(r, v, key); err != nil {
		return err
	}
	if err := a.hold(r, v); err != nil {
		return err
	}
	if v.Over || v.Cleared != 0 {
		return nil
	}
	return a.startPaging(r, again)
}

// lift raises the incident's severity and hazard, never lowers them. A resolved
// one keeps what people judged.
func (a applier) lift(r *row, v rules.Verdict, key string) error {
	severity, hazard := higher(&r.Incident, v)
	if !r.State.Live() || !severity && !hazard {
		return nil
	}
	before, was := r.Severity, r.Hazard
	a.lead(r, v)
	if !severity {
		r.Severity = before
	}
	if !hazard {
		r.Hazard = was
	} else {
		r.key = key // a CO incident that fire has joined is one of fire
	}
	e := fromVerdict(KindUpgraded, v)
	e.Severity, e.Hazard = string(r.Severity), string(r.Hazard)
	e.Text = fmt.Sprintf("%s %s → %s %s", before, was, r.Severity, r.Hazard)
	return a.event(r.ID, e)
}

// lead takes over what the verdict says about the hazard and what to do.
func (a applier) lead(r *row, v rules.Verdict) {
	text := a.rules(v.Rule)
	r.Hazard, r.Severity, r.Rule, r.Reason = v.Hazard, v.Severity, v.Rule, v.Reason
	r.Message, r.Do, r.When, r.RuleText = text.Message, text.Do, text.When, text.Text
	r.Metric, r.Value, r.Threshold, r.Likelihood, r.Likely = v.Metric, v.Value, v.Threshold, v.Likelihood, v.Likely
	r.Features = []Feature{}
	for _, f := range v.Features {
		r.Features = append(r.Features, Feature(f))
	}
}

// gather adds the verdict's places, devices and readings, and returns the places
// that are new.
func (a applier) gather(r *row, v rules.Verdict) (added []string) {
	for _, p := range placesOf(v) {
		if !slices.Contains(r.Places, p) {
			r.Places = append(r.Places, p)
			added = append(added, p)
		}
	}
	if v.Device != "" && !slices.Contains(r.Devices, v.Device) {
		r.Devices = append(r.Devices, v.Device)
	}
	for _, e := range v.Evidence {
		ours := Evidence{Device: e.Device, Metric: e.Metric, Time: Time(e.Time), Value: e.Value, Quality: e.Quality}
		if len(r.Evidence) < MaxEvidence && !slices.Contains(r.Evidence, ours) {
			r.Evidence = append(r.Evidence, ours)
		}
		if e.Device != "" && !slices.Contains(r.Devices, e.Device) {
			r.Devices = append(r.Devices, e.Device)
		}
	}
	slices.SortStableFunc(r.Evidence, func(x, y Evidence) int { return int(min(max(x.Time-y.Time, -1), 1)) })
	return added
}

// fromVerdict is a timeline entry of what the rules said.
func fromVerdict(kind Kind, v rules.Verdict) Event {
	value := v.Value
	e := Event{Kind: kind, At: Time(v.Time), Rule: v.Rule, Place: v.Place, Device: v.Device, Metric: v.Metric, Pos: v.Pos, Text: v.Reason,
		Hazard: string(v.Hazard), Severity: string(v.Severity)}
	if v.Metric != "" {
		e.Value = &value
	}
	return e
}
