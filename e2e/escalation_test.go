package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/incidents"
)

// escalateAfter is the shortest that a site may say.
const escalateAfter = 5 * time.Second

// prompt is how late a page may be: the loops look at their clocks when these are
// due, so what remains is a busy machine.
const prompt = 2500 * time.Millisecond

// A hub is killed between page and acknowledgement, once with time to spare and once
// while the next person's turn passes. Everybody is paged on time and once, until
// somebody acknowledges; from then on nobody is.
func TestEscalationSurvives(t *testing.T) {
	t.Parallel()
	mail := harness.NewMailpit(t)
	people := []string{"wang", "li", "zhao"}
	hub := harness.NewHub(t, siteOf(t, people, grid{"north", "zhao", onDuty("wang", "li")}, grid{"south", "zhao", onDuty("wang", "li")})+mailChannels(mail, people))
	newLeaks(t, hub, "north", "south")
	north, south := alarm(t, hub, "north"), alarm(t, hub, "south")
	both := []string{north, south}

	paged(t, hub, both, "wang", 1)
	hub.Crash()
	hub.Restart(t)
	onTime(t, hub, both, "wang", "li", time.Now())

	hub.Crash()
	due := newest(t, mail, "li").Add(escalateAfter)
	<-time.After(time.Until(due)) // the leader's turn comes while nothing runs
	hub.Restart(t)
	onTime(t, hub, both, "li", "zhao", time.Now())

	for _, person := range people { // the chain, and then again
		paged(t, hub, both, person, 2)
	}
	warden := tokenOf(t, hub, "li", "warden")
	first := acknowledge(t, warden, north, "a tap")
	if again := acknowledge(t, warden, north, "a tap"); again != first {
		t.Errorf("the same tap has two answers:\n%s\n%s", first, again)
	}
	for _, person := range people { // that long, north pages nobody
		paged(t, hub, []string{south}, person, 3)
	}
	acknowledge(t, warden, south, "another tap")
	silentSince(t, hub, north, "li")
	silentSince(t, hub, south, "li")
	oncePerMessage(t, hub, mail, both)
}

// A grid on whose roster nobody stands now, and a receiver of pages that does
// everything wrong before it does it right.
func TestPagesThroughTrouble(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	tomorrow := time.Now().In(shanghai(t)).AddDate(0, 0, 2).Weekday().String()[:3]
	nobody := fmt.Sprintf("          - {person: wang, days: [%s], from: \"00:00\", to: \"24:00\"}\n", strings.ToLower(tomorrow))
	people := []string{"wang", "zhao"}
	hub := harness.NewHub(t, siteOf(t, people, grid{"gap", "zhao", nobody}, grid{"full", "zhao", onDuty("wang")})+hookChannels(t, hook, people))
	newLeaks(t, hub, "gap", "full")
	gap, full := alarm(t, hub, "gap"), alarm(t, hub, "full")

	// The page that is on its way when somebody acknowledges ends at once, not when its
	// time is over.
	hanging := hook.attempt(t, "wang", full, 1)
	before := time.Now()
	acknowledge(t, tokenOf(t, hub, "zhao", "warden"), full, "tap")
	<-hanging.ended
	if d := time.Since(before); d > 3*time.Second {
		t.Errorf("the page under way was given up %v after the acknowledgement", d)
	}

	// The leader is paged at once, and the gap stands on the incident and the roster.
	inc := incidentOf(t, hub, gap)
	if d := pages(inc, incidents.KindPageQueued, "zhao")[0].Time - inc.DecidedAt; !inc.DutyGap || d > incidents.Time(prompt.Milliseconds()) {
		t.Errorf("duty gap %v, leader paged after %d ms", inc.DutyGap, d)
	}
	for grid, want := range map[string]bool{"gap": true, "full": false} {
		if got := dutyGap(t, hub, grid); got != want {
			t.Errorf("grid %s: gap %v, want %v", grid, got, want)
		}
	}

	// The leader's first page: refused, unanswered, taken in words and not in deed, and
	// interrupted by a kill -9 of the hub; then it gets through, all under one ID.
	fourth := hook.attempt(t, "zhao", gap, 4)
	hub.Crash()
	<-fourth.ended
	hub.Restart(t)
	message := hook.attempt(t, "zhao", gap, 5).message
	harness.Eventually(t, "the page got through", func() error {
		if sent := attempts(incidentOf(t, hub, gap), message, incidents.KindPageSent); len(sent) != 1 {
			return fmt.Errorf("sent %d times", len(sent))
		}
		return nil
	})
	inc = incidentOf(t, hub, gap)
	for i, want := range []string{"500", "deadline exceeded", "93000"} {
		failed := attempts(inc, message, incidents.KindPageFailed)
		if len(failed) != 3 || failed[i].Attempt != i+1 || !strings.Contains(failed[i].Text, want) {
			t.Fatalf("failed attempts on the timeline: %+v, want %q as the %dth of 3", failed, want, i+1)
		}
	}
	if n := len(attempts(inc, message, incidents.KindPageInterrupted)); n != 1 {
		t.Errorf("%d attempts are on the timeline as interrupted, want 1", n)
	}
	acknowledge(t, tokenOf(t, hub, "zhao", "warden"), gap, "another tap")
	silentSince(t, hub, full, "zhao")
	hook.check(t, full)
}

// pages are what a timeline says about a person's pages, in order.
func pages(i incidents.Incident, kind incidents.Kind, person string) (list []incidents.Event) {
	for _, e := range i.Timeline {
		if e.Kind == kind && e.Person == person {
			list = append(list, e)
		}
	}
	return list
}

// attempts are what a timeline says about one message.
func attempts(i incidents.Incident, message string, kind incidents.Kind) (list []incidents.Event) {
	for _, e := range i.Timeline {
		if e.Kind == kind && e.Message == message {
			list = append(list, e)
		}
	}
	return list
}

// paged waits until a person has been paged n times about each incident.
func paged(t *testing.T, hub *harness.Hub, ids []string, person string, n int) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("%s is paged %d times", person, n), func() error {
		for _, id := range ids {
			if got := pages(incidentOf(t, hub, id), incidents.KindPageSent, person); len(got) < n {
				return fmt.Errorf("%d times about %s", len(got), id)
			}
		}
		return nil
	})
}

// onTime waits for the page of the next person, which is due escalateAfter the one
// of the person before, or when the hub is ready if it was not then.
func onTime(t *testing.T, hub *harness.Hub, ids []string, before, next string, ready time.Time) {
	t.Helper()
	paged(t, hub, ids, next, 1)
	for _, id := range ids {
		inc := incidentOf(t, hub, id)
		due := pages(inc, incidents.KindPageQueued, before)[0].Time.Std().Add(escalateAfter)
		latest := due
		if ready.After(due) {
			latest = ready
		}
		sent := pages(inc, incidents.KindPageSent, next)[0].Time.Std()
		if sent.Before(due) || sent.After(latest.Add(prompt)) {
			t.Errorf("%s was paged at %v, due at %v, the hub was ready at %v", next, sent, due, ready)
		}
	}
}

// newest is when the mail server got a person's newest mail.
func newest(t *testing.T, m *harness.Mailpit, person string) time.Time {
	t.Helper()
	list, err := m.Mails()
	if err != nil {
		t.Fatal(err)
	}
	for _, mail := range list {
		if mail.To[0].Address == person+"@example.org" {
			return mail.Created
		}
	}
	t.Fatalf("%s got no mail", person)
	return time.Time{}
}

// silentSince checks that nobody was paged about an incident since a person
// acknowledged it, and that nothing is left that could be sent.
func silentSince(t *testing.T, hub *harness.Hub, id, by string) {
	t.Helper()
	inc := incidentOf(t, hub, id)
	if inc.State != incidents.StateAcknowledged || inc.AckBy != by {
		t.Errorf("the incident is %s by %q, want acknowledged by %q", inc.State, inc.AckBy, by)
	}
	open := map[string]bool{}
	for _, e := range inc.Timeline {
		switch e.Kind {
		case incidents.KindPageQueued:
			open[e.Message] = true
		case incidents.KindPageSent, incidents.KindPageGaveUp, incidents.KindPageCancelled:
			delete(open, e.Message)
		}
		if acked := e.Time > inc.AckAt; acked && (e.Kind == incidents.KindPageQueued || e.Kind == incidents.KindPageSent) {
			t.Errorf("%s to %s at %v, acknowledged at %v", e.Kind, e.Person, e.Time, inc.AckAt)
		}
	}
	if len(open) > 0 {
		t.Errorf("pages that are neither sent nor cancelled: %v", open)
	}
}

// oncePerMessage compares the mail server with the incidents' timelines: every page
// has come once, and nothing else has.
func oncePerMessage(t *testing.T, hub *harness.Hub, m *harness.Mailpit, ids []string) {
	t.Helper()
	mails, err := m.Mails()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, mail := range mails {
		got[strings.TrimSuffix(mail.MessageID, "@weishao.invalid")]++
	}
	for _, id := range ids {
		for _, e := range incidentOf(t, hub, id).Timeline {
			switch e.Kind {
			case incidents.KindPageSent:
				if got[e.Message] != 1 {
					t.Errorf("%s got a page %d times", e.Person, got[e.Message])
				}
				delete(got, e.Message)
			case incidents.KindPageInterrupted, incidents.KindPageFailed:
				t.Errorf("a page failed that should not have: %+v", e)
			}
		}
	}
	if len(got) > 0 {
		t.Errorf("%d mails are on no timeline as sent", len(got))
	}
}
