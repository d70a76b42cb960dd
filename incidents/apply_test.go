package incidents

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"weishao.dev/weishao/rules"
)

func TestFireFamilyIsOneIncident(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1", hazard(rules.Smoke), severity(rules.Major), place("hall")))
	apply(t, s, raise("2", hazard(rules.Overheat), severity(rules.Minor), place("bedroom")))
	apply(t, s, raise("3", hazard(rules.Fire), severity(rules.Critical), place("kitchen")))
	apply(t, s, raise("4", hazard(rules.CO), severity(rules.Major), place("hall"), onset(500)))
	apply(t, s, raise("5", hazard(rules.Smoke), severity(rules.Minor), place("hall")))
	all := list(t, s, Filter{})
	if len(all) != 1 {
		t.Fatalf("got %d incidents, want 1: %v", len(all), all)
	}
	i := all[0]
	equal(t, "id", i.ID, "1")
	equal(t, "hazard", i.Hazard, rules.Fire)
	equal(t, "severity", i.Severity, rules.Critical)
	equal(t, "places", i.Places, []string{"hall", "bedroom", "kitchen"})
	equal(t, "onset", i.Onset, Time(500))
	equal(t, "timeline", kinds(get(t, s, "1")), []Kind{KindRaised, KindJoined, KindPlaceAdded, KindJoined, KindPlaceAdded, KindUpgraded, KindJoined, KindJoined})
}

func TestCOBecomesFireWhenFireJoins(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1", hazard(rules.CO), severity(rules.Critical)))
	apply(t, s, raise("2", hazard(rules.Smoke), severity(rules.Major)))
	apply(t, s, raise("3", hazard(rules.CO), severity(rules.Critical)))
	all := list(t, s, Filter{})
	if len(all) != 1 || all[0].Hazard != rules.Smoke || all[0].Severity != rules.Critical {
		t.Fatalf("got %+v, want one critical smoke incident", all)
	}
}

func TestElectricalHazardsStandAlone(t *testing.T) {
	s := newStore(t, Options{})
	for n, h := range []rules.Hazard{rules.GasLeak, rules.FlyingWire, rules.Overload, rules.LeakageCurrent, rules.Fire} {
		apply(t, s, raise(string(rune('a'+n)), hazard(h)))
	}
	equal(t, "incidents", len(list(t, s, Filter{})), 5)
}

func TestClearWaitsForAPerson(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1"), raise("2", place("hall")))
	apply(t, s, raise("1", event(rules.Clear), cleared(2000)))
	if i := get(t, s, "1"); i.Cleared != 0 {
		t.Errorf("cleared while another place holds: %v", i.Cleared)
	}
	apply(t, s, raise("2", place("hall"), event(rules.Clear), cleared(3000)))
	i := get(t, s, "1")
	equal(t, "cleared", i.Cleared, Time(3000))
	equal(t, "state", i.State, StateOpen)
	apply(t, s, raise("3"))
	i = get(t, s, "1")
	equal(t, "cleared after it came back", i.Cleared, Time(0))
	equal(t, "timeline", kinds(i), []Kind{KindRaised, KindJoined, KindPlaceAdded, KindCleared, KindReraised})
}

func TestUnsupervisedRecoversByItself(t *testing.T) {
	s := newStore(t, Options{})
	dead := raise("1", hazard(rules.Unsupervised), severity(rules.Minor), place(""), node("g/n"), func(v *rules.Verdict) { v.Places = []string{"p1", "p2"} })
	apply(t, s, dead)
	apply(t, s, raise("2", hazard(rules.Unsupervised), severity(rules.Minor), place("p3")))
	equal(t, "incidents", len(list(t, s, Filter{})), 2)
	equal(t, "places", get(t, s, "1").Places, []string{"p1", "p2"})
	dead.Event, dead.Cleared = rules.Clear, 5000
	apply(t, s, dead)
	i := get(t, s, "1")
	equal(t, "state", i.State, StateResolved)
	equal(t, "outcome", i.Outcome, "")
	equal(t, "note", i.Note, "recovered")
	equal(t, "other", get(t, s, "2").State, StateOpen)
}

func TestResolvedStaysResolved(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1", onset(1000)))
	if _, err := s.Resolve(t.Context(), "1", "ann", "", OutcomeReal, "valve closed"); err != nil {
		t.Fatal(err)
	}
	apply(t, s, raise("1", event(rules.Clear), cleared(4000)))
	// Came to light late, but began before: it holds now, so somebody must go.
	apply(t, s, raise("2", onset(1500)))
	equal(t, "a condition that holds", get(t, s, "2").State, StateOpen)
	equal(t, "the resolved one", get(t, s, "1").State, StateResolved)
	if _, err := s.Resolve(t.Context(), "2", "ann", "", OutcomeReal, ""); err != nil {
		t.Fatal(err)
	}
	// What a backlog adds within the time of a known one belongs to it.
	apply(t, s, raise("3", over(3000, 3500), place("hall")))
	if _, err := s.Get(t.Context(), "3"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an overlapping interval from a backlog made an incident of its own: %v", err)
	}
	apply(t, s, raise("4", over(100, 200)))
	i := get(t, s, "4")
	equal(t, "over", i.Over, true)
	equal(t, "state", i.State, StateResolved)
	equal(t, "outcome", i.Outcome, "")
}

func TestOverIsListedAndPagesNobody(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1", over(100, 200)))
	var n int
	if err := s.db.QueryRow("SELECT count(*) FROM escalations").Scan(&n); err != nil || n != 0 {
		t.Errorf("escalations %d, %v; want none", n, err)
	}
	apply(t, s, raise("2")) // and does not stand in the way of a live one
	equal(t, "live", get(t, s, "2").State, StateOpen)
	a, err := s.Resolve(t.Context(), "1", "ann", "", OutcomeFalseAlarm, "cooking")
	if err != nil || a.Reason != ReasonOutcome {
		t.Errorf("giving it an outcome: %v, %v", a.Reason, err)
	}
}

func TestRevisedMovesTheIntervalOnly(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1"))
	apply(t, s, raise("1", event(rules.Revised), onset(400), cleared(700)))
	i := get(t, s, "1")
	equal(t, "onset", i.Onset, Time(400))
	equal(t, "cleared", i.Cleared, Time(700))
	equal(t, "state", i.State, StateOpen)
	equal(t, "timeline", kinds(i), []Kind{KindRaised, KindRevised, KindCleared})
	var n int
	if err := s.db.QueryRow("SELECT count(*) FROM escalations").Scan(&n); err != nil || n != 1 {
		t.Errorf("escalations %d, %v; a revision must not take back a page", n, err)
	}
}

func TestReplayChangesNothing(t *testing.T) {
	s := newStore(t, Options{})
	v := raise("1")
	v.Pos = 7
	for range 3 {
		if err := s.Apply(t.Context(), 7, []rules.Verdict{v}); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "position", s.Position(), uint64(7))
	equal(t, "timeline", kinds(get(t, s, "1")), []Kind{KindRaised})
	want, _ := json.Marshal(v)
	for p, err := range s.Verdicts(t.Context(), 0) {
		if err != nil || string(p.Verdict) != string(want) || p.Incident != "1" {
			t.Errorf("stored verdict %s of %q, %v; want %s", p.Verdict, p.Incident, err, want)
		}
	}
}

func TestVerdictsThatJSONCannotCarry(t *testing.T) {
	s := newStore(t, Options{})
	v := raise("1", func(v *rules.Verdict) { v.Value, v.Likelihood = math.NaN(), math.Inf(1) })
	v.Evidence[0].Value = math.Inf(-1)
	apply(t, s, v)
	equal(t, "value", get(t, s, "1").Value, 0.0)
}

func TestUnknownClearIsKept(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("nobody", event(rules.Clear)))
	n := 0
	for _, err := range s.Verdicts(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	equal(t, "stored", n, 1)
}

// A hazard that turns out to hold after people have closed it as over is a new
// incident, which pages; what becomes of it then is that one's.
func TestAHazardThatHoldsAfterAllIsANewIncident(t *testing.T) {
	s := newStore(t, Options{})
	apply(t, s, raise("1"))
	apply(t, s, raise("1", event(rules.Clear), cleared(2000)))
	if _, err := s.Resolve(t.Context(), "1", "ann", "", OutcomeReal, "aired"); err != nil {
		t.Fatal(err)
	}
	apply(t, s, raise("1", event(rules.Revised)))
	equal(t, "the closed one", get(t, s, "1").State, StateResolved)
	equal(t, "the closed one's end", get(t, s, "1").Cleared, Time(2000))
	again := list(t, s, Filter{State: []State{StateOpen}})
	if len(again) != 1 || again[0].Severity != rules.Critical || again[0].Cleared != 0 {
		t.Fatalf("open incidents: %+v", again)
	}
	var n int
	if err := s.db.QueryRow("SELECT count(*) FROM escalations WHERE incident = ?", again[0].ID).Scan(&n); err != nil || n != 1 {
		t.Errorf("escalations %d, %v; want somebody paged", n, err)
	}
	apply(t, s, raise("1", event(rules.Clear), cleared(3000)))
	equal(t, "the new one's end", get(t, s, again[0].ID).Cleared, Time(3000))
}
