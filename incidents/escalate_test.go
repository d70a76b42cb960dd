package incidents

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/rules"
)

// Each test runs in a bubble where time passes only when all wait.

func TestChainThenAllAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		s := newStore(t, Options{Channels: []notify.Channel{p}})
		defer running(t, s)()
		start := time.Now()
		apply(t, s, raise("1"))
		time.Sleep(7 * time.Minute)
		synctest.Wait()
		// a, b and l a minute apart, then all of them every two minutes.
		equal(t, "calls", p.log(start), []string{"a@0", "b@60", "l@120", "a@240", "b@240", "l@240", "a@360", "b@360", "l@360"})
		equal(t, "state", get(t, s, "1").State, StateNotified)
	})
}

func TestAckStopsEveryPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		s := newStore(t, Options{Channels: []notify.Channel{p}})
		defer running(t, s)()
		start := time.Now()
		apply(t, s, raise("1"))
		time.Sleep(61 * time.Second)
		if _, err := s.Ack(t.Context(), "1", "b", ""); err != nil {
			t.Fatal(err)
		}
		// Neither time nor the condition coming back or getting worse pages again.
		apply(t, s, raise("1", event(rules.Clear), cleared(2000)))
		apply(t, s, raise("2"))
		time.Sleep(time.Hour)
		equal(t, "calls", p.log(start), []string{"a@0", "b@60"})
		equal(t, "acknowledged by", get(t, s, "1").AckBy, "b")
	})
}

func TestAckInterruptsAPageOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		p.answer = func(ctx context.Context, _ notify.Message, _ int) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		s := newStore(t, Options{Channels: []notify.Channel{p}})
		defer running(t, s)()
		start := time.Now()
		apply(t, s, raise("1"))
		time.Sleep(time.Second)
		if _, err := s.Ack(t.Context(), "1", "b", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		equal(t, "waited", time.Since(start), time.Second)
		equal(t, "timeline", kinds(get(t, s, "1")), []Kind{KindRaised, KindPageQueued, KindAcknowledged, KindPageCancelled})
		time.Sleep(time.Hour)
		equal(t, "calls", len(p.calls()), 1)
	})
}

func TestNobodyOnDutyPagesTheLeaderAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPhone(), newTown()
		d.chain, d.gap = []string{"l"}, true
		s := newStore(t, Options{Directory: d.directory, Channels: []notify.Channel{p}})
		defer running(t, s)()
		start := time.Now()
		apply(t, s, raise("1"))
		time.Sleep(time.Second)
		equal(t, "calls", p.log(start), []string{"l@0"})
		i := get(t, s, "1")
		equal(t, "duty gap", i.DutyGap, true)
		equal(t, "timeline", kinds(i), []Kind{KindRaised, KindDutyGap, KindPageQueued, KindPageSent})
	})
}

func TestNobodyAtAllIsSaidAndLookedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPhone(), newTown()
		d.chain, d.gap = nil, true
		s := newStore(t, Options{Directory: d.directory, Channels: []notify.Channel{p}})
		defer running(t, s)()
		start := time.Now()
		apply(t, s, raise("1"))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		equal(t, "timeline", kinds(get(t, s, "1")), []Kind{KindRaised, KindDutyGap, KindNobody})
		d.set(false, "a")
		time.Sleep(3 * time.Minute)
		equal(t, "first call", p.log(start)[0], "a@360")
	})
}

func TestPersonWithoutChannelIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPhone(), newTown()
		d.people["a"] = Contact{}
		d.people["b"] = Contact{Channels: []string{"gone"}}
		s := newStore(t, Options{Directory: d.directory, Channels: []notify.Channel{p}})
		defer running(t, s)()
		start := time.Now()
		apply(t, s, raise("1"))
		time.Sleep(time.Second)
		equal(t, "calls", p.log(start), []string{"l@0"})
		i := get(t, s, "1")
		equal(t, "timeline", kinds(i), []Kind{KindRaised, KindNoChannel, KindNoChannel, KindPageQueued, KindPageSent})
		equal(t, "text", i.Timeline[1].Text, "nobody could be paged by phone: no channel")
		equal(t, "person", i.Timeline[1].Person, "a")
	})
}

func TestNobodyReachableDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, Options{})
		defer running(t, s)()
		apply(t, s, raise("1"), raise("2", severity(rules.Minor), hazard(rules.Overload)))
		time.Sleep(time.Hour)
		equal(t, "critical", kinds(get(t, s, "1")), []Kind{KindRaised, KindNoChannel, KindNoChannel, KindNoChannel})
		equal(t, "minor", kinds(get(t, s, "2")), []Kind{KindRaised, KindNoChannel, KindNoChannel, KindNoChannel, KindNobody})
	})
}

func TestRefusedPageEscalatesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		p.answer = func(_ context.Context, m notify.Message, _ int) (string, error) {
			if m.Person.ID == "a" {
				return "", errors.Join(errors.New("unknown recipient"), notify.ErrPermanent)
			}
			return "ok", nil
		}
		s := newStore(t, Options{Channels: []notify.Channel{p}})
		defer running(t, s)()
		start := time.Now()
		apply(t, s, raise("1"), raise("2", severity(rules.Minor), hazard(rules.Overload)))
		time.Sleep(70 * time.Second)
		got := p.log(start)
		slices.Sort(got)
		equal(t, "calls", got, []string{"a@0", "a@0", "b@0", "b@0", "l@60"})
	})
}

func TestFailedPageIsTriedAgainThenGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPhone(), newTown()
		d.chain = []string{"a"}
		p.answer = func(context.Context, notify.Message, int) (string, error) { return "", errors.New("502 Bad Gateway") }
		s := newStore(t, Options{Directory: d.directory, Channels: []notify.Channel{p}, Attempts: 4})
		defer running(t, s)()
		apply(t, s, raise("1", severity(rules.Minor)))
		time.Sleep(time.Hour)
		calls := p.calls()
		equal(t, "attempts", len(calls), 4)
		for n := 1; n < len(calls); n++ {
			gap, most := calls[n].at.Sub(calls[n-1].at), time.Second<<(n-1)
			if gap < most/2 || gap > most+time.Second {
				t.Errorf("attempt %d came %v after the one before, want %v to %v", n+1, gap, most/2, most)
			}
			equal(t, "message ID", calls[n].message, calls[0].message)
		}
		i := get(t, s, "1")
		equal(t, "timeline", kinds(i), []Kind{KindRaised, KindPageQueued, KindPageFailed, KindPageFailed, KindPageFailed, KindPageGaveUp, KindNobody})
		equal(t, "answer", i.Timeline[2].Text, "502 Bad Gateway")
		equal(t, "state", i.State, StateOpen)
	})
}

func TestMinorTellsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		s := newStore(t, Options{Channels: []notify.Channel{p}})
		defer running(t, s)()
		start := time.Now()
		minor := raise("1", severity(rules.Minor))
		apply(t, s, minor)
		time.Sleep(5 * time.Minute)
		// Back within ten minutes: on the page only. Later: told again.
		apply(t, s, raise("1", event(rules.Clear), cleared(2000)))
		apply(t, s, raise("2", severity(rules.Minor)))
		time.Sleep(10 * time.Minute)
		equal(t, "calls", p.log(start), []string{"a@0"})
		apply(t, s, raise("2", event(rules.Clear), cleared(3000)))
		apply(t, s, raise("3", severity(rules.Minor)))
		time.Sleep(10 * time.Minute)
		equal(t, "calls", p.log(start), []string{"a@0", "a@900"})
		// Worse than it was: now the chain.
		apply(t, s, raise("4"))
		time.Sleep(61 * time.Second)
		equal(t, "calls", p.log(start), []string{"a@0", "a@900", "a@1500", "b@1560"})
	})
}

func TestHangingProviderStallsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, p, d := newPhone(), newPhone(), newTown()
		stuck.name = "stuck"
		stuck.answer = func(ctx context.Context, _ notify.Message, _ int) (string, error) { <-ctx.Done(); return "", ctx.Err() }
		d.people["a"] = Contact{Channels: []string{"stuck", "chat"}}
		s := newStore(t, Options{Directory: d.directory, Channels: []notify.Channel{stuck, p}})
		defer running(t, s)()
		start := time.Now()
		apply(t, s, raise("1"))
		time.Sleep(61 * time.Second)
		equal(t, "calls", p.log(start), []string{"a@0", "b@60"})
		if at := stuck.calls()[1].at.Sub(start); at < notify.DefaultTimeout || at > notify.DefaultTimeout+2*time.Second {
			t.Errorf("second attempt after %v, want soon after the %v that one may take", at, notify.DefaultTimeout)
		}
	})
}

func TestRateLimitLetsTheUrgentGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPhone(), newTown()
		d.chain = []string{"a"}
		p.limits = notify.Limits{PerMinute: 3, Parallel: 1}
		s := newStore(t, Options{Directory: d.directory, Channels: []notify.Channel{p}})
		for n := range 4 {
			apply(t, s, raise(string(rune('0'+n)), severity(rules.Minor), func(v *rules.Verdict) { v.Zone += string(rune('0' + n)) }))
		}
		defer running(t, s)()
		start := time.Now()
		time.Sleep(30 * time.Second)
		apply(t, s, raise("x", func(v *rules.Verdict) { v.Zone = "x" }))
		time.Sleep(59 * time.Second)
		calls := p.calls()
		equal(t, "calls", p.log(start), []string{"a@0", "a@0", "a@0", "a@60", "a@60"})
		if !strings.Contains(calls[3].text, "紧急") {
			t.Errorf("the critical page came after the minor one:\n%s", calls[3].text)
		}
	})
}

func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		s := newStore(t, Options{Channels: []notify.Channel{p}})
		apply(t, s, raise("1"))
		year := (365 * 24 * time.Hour).Milliseconds()
		if _, err := s.db.Exec("UPDATE escalations SET next_at = next_at + ?, wait = 60000", year); err != nil {
			t.Fatal(err)
		}
		defer running(t, s)()
		time.Sleep(2 * time.Minute)
		equal(t, "first", p.calls()[0].person, "a")
	})
}

func TestPlanStep(t *testing.T) {
	chain := []string{"a", "b", "l"}
	for _, c := range []struct {
		name  string
		state clockState
		chain []string
		want  []string
		round int
		last  bool
		done  bool
	}{
		{"first", clockState{round: 1}, chain, []string{"a"}, 1, false, false},
		{"next", clockState{round: 1, paged: []string{"a"}}, chain, []string{"b"}, 1, false, false},
		{"leader", clockState{round: 1, paged: []string{"a", "b"}}, chain, []string{"l"}, 1, true, false},
		{"all again", clockState{round: 1, paged: chain, last: true}, chain, chain, 2, true, false},
		{"and again", clockState{round: 2, paged: chain}, chain, chain, 3, true, false},
		{"shift changed", clockState{round: 1, paged: []string{"a"}}, []string{"c", "l"}, []string{"c"}, 1, false, false},
		{"came on duty late", clockState{round: 1, paged: []string{"l"}, last: true}, chain, []string{"a"}, 1, false, false},
		{"nobody", clockState{round: 1}, nil, nil, 1, false, false},
		{"once", clockState{round: 1, mode: ModeOnce}, chain, []string{"a"}, 1, false, false},
		{"once, all failed", clockState{round: 1, mode: ModeOnce, paged: chain}, chain, nil, 1, false, true},
		{"once, nobody", clockState{round: 1, mode: ModeOnce}, nil, nil, 1, false, true},
	} {
		p := planStep(c.state, c.chain, time.Minute, time.Hour)
		if !slices.Equal(p.page, c.want) || p.round != c.round || p.last != c.last || p.done != c.done {
			t.Errorf("%s: got %+v, want %v in round %d, last %v, done %v", c.name, p, c.want, c.round, c.last, c.done)
		}
	}
}
