package incidents

import (
	"errors"
	"strings"
	"testing"
)

func TestDecide(t *testing.T) {
	states := []State{StateOpen, StateNotified, StateAcknowledged, StateOnSite, StateResolved, StateVerified}
	for action, want := range map[Action]string{ // one word for each state
		ActionAck:     "done done already already closed closed",
		ActionArrive:  "done done done already closed closed",
		ActionResolve: "done done done done decided closed",
		ActionVerify:  "not_yet not_yet not_yet not_yet done already",
		"dance":       "unknown unknown unknown unknown unknown unknown",
	} {
		for i, word := range strings.Fields(want) {
			next, reason := decide(states[i], action, OutcomeReal, OutcomeTest)
			if string(reason) != word {
				t.Errorf("%s when %s: got %s, want %s", action, states[i], reason, word)
			}
			if reason != ReasonDone && next != states[i] {
				t.Errorf("%s when %s: %s, and yet the state is %s", action, states[i], reason, next)
			}
		}
	}
	for _, c := range []struct {
		had  Outcome
		want Reason
	}{{"", ReasonOutcome}, {OutcomeReal, ReasonAlready}, {OutcomeDrill, ReasonDecided}} {
		if _, got := decide(StateResolved, ActionResolve, c.had, OutcomeReal); got != c.want {
			t.Errorf("resolving as real what is %q: got %s, want %s", c.had, got, c.want)
		}
	}
}

func TestActionsInTurn(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1"))
	a, err := s.Ack(t.Context(), "1", "ann", "k1")
	if err != nil || a.Reason != ReasonDone || a.By != "ann" {
		t.Fatalf("ack: %+v, %v", a, err)
	}
	a, err = s.Ack(t.Context(), "1", "bob", "k1") // bob's own key
	if err != nil || a.Reason != ReasonAlready || a.By != "ann" {
		t.Errorf("second ack: %v by %v, %v; want already by ann", a.Reason, a.By, err)
	}
	if _, err := s.Verify(t.Context(), "1", "cat", "", ""); err == nil {
		t.Error("verified what nobody resolved")
	}
	if a, err = s.Arrive(t.Context(), "1", "bob", ""); err != nil || a.Incident.State != StateOnSite || a.Incident.AckBy != "ann" {
		t.Errorf("arrive: %+v, %v", a, err)
	}
	if a, err = s.Resolve(t.Context(), "1", "bob", "", OutcomeReal, "关阀"); err != nil || a.Incident.State != StateResolved {
		t.Errorf("resolve: %+v, %v", a, err)
	}
	_, err = s.Resolve(t.Context(), "1", "ann", "", OutcomeTest, "")
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || refused.Reason != ReasonDecided || refused.By != "bob" {
		t.Errorf("another outcome: %v, want decided by bob", err)
	}
	if a, err = s.Verify(t.Context(), "1", "cat", "", "checked"); err != nil || a.Incident.State != StateVerified {
		t.Errorf("verify: %+v, %v", a, err)
	}
	// The same key gives the same answer, though the incident has moved on.
	a, err = s.Ack(t.Context(), "1", "ann", "k1")
	if err != nil || a.Incident.State != StateAcknowledged || a.Reason != ReasonDone {
		t.Errorf("ack again under its key: %v %v, %v", a.Incident.State, a.Reason, err)
	}
	equal(t, "timeline", kinds(get(t, s, "1")), []Kind{KindRaised, KindAcknowledged, KindOnSite, KindResolved, KindVerified})
}

func TestArriveTakesIt(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1"))
	a, err := s.Arrive(t.Context(), "1", "bob", "")
	if err != nil || a.Incident.AckBy != "bob" || a.Incident.State != StateOnSite {
		t.Errorf("%+v, %v", a.Incident, err)
	}
}

func TestActionsRefused(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1"))
	if _, err := s.Ack(t.Context(), "none", "ann", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown incident: %v", err)
	}
	if _, err := s.Ack(t.Context(), "1", "", ""); !errors.Is(err, ErrInvalid) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := s.Resolve(t.Context(), "1", "ann", "", "boredom", ""); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown outcome: %v", err)
	}
	if _, err := s.Resolve(t.Context(), "1", "ann", "", OutcomeReal, strings.Repeat("长", MaxNote+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("endless note: %v", err)
	}
	if _, err := s.Ack(t.Context(), "1", "ann", "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Arrive(t.Context(), "1", "ann", "k"); !errors.Is(err, ErrKeyReused) {
		t.Errorf("a key used for something else: %v", err)
	}
}
