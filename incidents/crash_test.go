package incidents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/incidents/notify"
)

// snapshot copies the database as a killed process leaves it: the file and its
// write-ahead log, without the goodbye of Close.
// It returns the messages whose answers it has recorded.
func snapshot(t testing.TB, s *Store, from, to string) (sent map[string]bool) {
	t.Helper()
	s.writing.Lock() // no transaction is half way
	defer s.writing.Unlock()
	ids, err := s.strings(context.Background(), "SELECT id FROM pages WHERE state = 'sent'")
	if err != nil {
		t.Fatal(err)
	}
	sent = map[string]bool{}
	for _, id := range ids {
		sent[id] = true
	}
	for _, suffix := range []string{"", "-wal"} {
		in, err := os.Open(from + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.Create(to + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(out, in); err != nil {
			t.Fatal(err)
		}
		in.Close()
		out.Close()
	}
	return sent
}

// TestKilledAtEachStep kills the hub after each commit of a run that pages the
// whole chain, and at the moment a provider has a page in its hands; each time
// the next hub must page the next one at the same moment as if nothing had
// happened, and send nothing again whose answer was recorded.
func TestKilledAtEachStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "incidents.db")
		type death struct {
			path string
			at   time.Time
			sent map[string]bool // whose answer was recorded
		}
		var deaths []death
		p := newPhone()
		s := openAt(t, path, Options{Directory: newTown().directory, Channels: []notify.Channel{p}})
		var mu sync.Mutex
		kill := func() {
			mu.Lock()
			defer mu.Unlock()
			d := death{path: filepath.Join(dir, fmt.Sprintf("%d.db", len(deaths))), at: time.Now()}
			d.sent = snapshot(t, s, path, d.path)
			deaths = append(deaths, d)
		}
		p.answer = func(context.Context, notify.Message, int) (string, error) {
			kill()
			time.Sleep(300 * time.Millisecond)
			return "200 OK", nil
		}
		changes := s.Subscribe(t.Context())
		stop := running(t, s)
		start := time.Now()
		apply(t, s, raise("1"))
		for time.Since(start) < 150*time.Second {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if len(changes) > 0 {
				for len(changes) > 0 {
					<-changes
				}
				kill()
			}
		}
		stop()
		s.Close()
		if len(deaths) < 9 {
			t.Fatalf("only %d moments to be killed at; the test does not test", len(deaths))
		}
		began := start
		for n, d := range deaths {
			// The copy's clocks are absolute: let the same moment come again by moving them.
			p := newPhone()
			s := openAt(t, d.path, Options{Directory: newTown().directory, Channels: []notify.Channel{p}})
			shift := time.Since(d.at).Milliseconds()
			for _, q := range []string{"UPDATE escalations SET next_at = next_at + ?", "UPDATE pages SET next_at = next_at + ?"} {
				if _, err := s.db.Exec(q, shift); err != nil {
					t.Fatal(err)
				}
			}
			zero := time.Now().Add(-d.at.Sub(began))
			stop := running(t, s)
			time.Sleep(6*time.Minute - d.at.Sub(began))
			synctest.Wait()
			stop()
			s.Close()
			checkAfterDeath(t, n, d.sent, p.calls(), zero)
		}
	})
}

func checkAfterDeath(t *testing.T, n int, sent map[string]bool, after []call, zero time.Time) {
	t.Helper()
	want := []struct {
		person string
		second int
		step   int
	}{{"a", 0, 1}, {"b", 60, 2}, {"l", 120, 3}, {"a", 240, 4}, {"b", 240, 4}, {"l", 240, 4}}
	seen := map[string]bool{}
	for _, c := range after {
		if sent[c.message] {
			t.Errorf("death %d: %s was paged again with a message that had been taken", n, c.person)
		}
		if seen[c.message] {
			t.Errorf("death %d: %s was paged twice with the same message", n, c.person)
		}
		seen[c.message] = true
	}
	for _, w := range want {
		id := messageID("1", w.step, w.person, "chat")
		if sent[id] {
			continue
		}
		i := slices.IndexFunc(after, func(c call) bool { return c.message == id })
		if i < 0 {
			t.Errorf("death %d: %s was not paged in step %d; calls %v", n, w.person, w.step, after)
			continue
		}
		if late := after[i].at.Sub(zero) - time.Duration(w.second)*time.Second; late < -time.Second || late > time.Second {
			t.Errorf("death %d: %s was paged %v off the time", n, w.person, late)
		}
	}
}

// TestKilledHubPagesWhoIsDueWhenItIsBack: the next one's time passed while the
// hub was down.
func TestKilledHubPagesWhoIsDueWhenItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path, copied := filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db")
		p := newPhone()
		s := openAt(t, path, Options{Directory: newTown().directory, Channels: []notify.Channel{p}})
		stop := running(t, s)
		start := time.Now()
		apply(t, s, raise("1"))
		time.Sleep(10 * time.Second)
		snapshot(t, s, path, copied)
		stop()
		s.Close()
		time.Sleep(10 * time.Minute)
		p = newPhone()
		s = openAt(t, copied, Options{Directory: newTown().directory, Channels: []notify.Channel{p}})
		stop = running(t, s)
		time.Sleep(61 * time.Second)
		stop()
		s.Close()
		equal(t, "calls", p.log(start), []string{"b@610", "l@670"})
	})
}

// TestChannelTakenOutOfTheConfiguration: its pages must not wait for ever.
func TestChannelTakenOutOfTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.db")
		gone, p, d := newPhone(), newPhone(), newTown()
		gone.name = "gone"
		d.people["a"] = Contact{Channels: []string{"gone"}}
		gone.answer = func(context.Context, notify.Message, int) (string, error) { return "", errors.New("down") }
		s := openAt(t, path, Options{Directory: d.directory, Channels: []notify.Channel{gone, p}})
		stop := running(t, s)
		apply(t, s, raise("1"))
		time.Sleep(2 * time.Second)
		stop()
		s.Close()
		s = openAt(t, path, Options{Directory: d.directory, Channels: []notify.Channel{p}})
		defer s.Close()
		defer running(t, s)()
		start := time.Now()
		time.Sleep(time.Second)
		equal(t, "calls", p.log(start), []string{"b@0"})
	})
}

// TestStopWhileSending: an orderly stop does not wait for a provider that hangs,
// and the page goes out after the start.
func TestStopWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPhone()
		p.answer = func(ctx context.Context, _ notify.Message, n int) (string, error) {
			if n > 1 {
				return "ok", nil
			}
			<-ctx.Done()
			return "", ctx.Err()
		}
		s := newStore(t, Options{Channels: []notify.Channel{p}})
		stop := running(t, s)
		apply(t, s, raise("1"))
		time.Sleep(time.Second)
		at := time.Now()
		stop()
		equal(t, "stopping took", time.Since(at), stopGrace)
		stop = running(t, s)
		time.Sleep(time.Second)
		stop()
		equal(t, "timeline", kinds(get(t, s, "1")), []Kind{KindRaised, KindPageQueued, KindPageInterrupted, KindPageSent})
	})
}
