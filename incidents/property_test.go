package incidents

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/rules"
)

// TestAnyHistory applies random verdicts and actions while time passes and the
// hub is restarted, and checks after each step what must always hold.
func TestAnyHistory(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		var failure any // rapid fails by a panic, which must not end in the bubble's goroutine
		synctest.Test(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			w := newWorld(t, rt, filepath.Join(dir, fmt.Sprintf("%d.db", n)))
			defer w.close()
			for range rapid.IntRange(5, 20).Draw(rt, "steps") {
				w.step()
				w.check()
			}
			w.replay(filepath.Join(dir, fmt.Sprintf("%d-again.db", n)))
		})
		if failure != nil {
			panic(failure)
		}
	})
}

// world is a store under test and what is known about it from outside.
type world struct {
	t     *testing.T
	rt    *rapid.T
	path  string
	phone *phone
	s     *Store
	stop  func()

	pos     uint64
	history [][]rules.Verdict
	holding []rules.Verdict      // raises that have not been cleared
	acked   map[string]time.Time // when an incident was taken
	worst   map[string]int       // severity rank seen of a live incident
}

func newWorld(t *testing.T, rt *rapid.T, path string) *world {
	w := &world{t: t, rt: rt, path: path, phone: newPhone(), acked: map[string]time.Time{}, worst: map[string]int{}}
	w.phone.answer = func(_ context.Context, _ notify.Message, n int) (string, error) {
		if n%4 == 0 {
			return "", errors.New("not now")
		}
		return "ok", nil
	}
	w.open()
	return w
}

func (w *world) open() {
	w.s = openAt(w.t, w.path, Options{Directory: newTown().directory, Channels: []notify.Channel{w.phone}})
	w.stop = running(w.t, w.s)
}

func (w *world) close() { w.stop(); w.s.Close() }

func (w *world) step() {
	switch rapid.IntRange(0, 9).Draw(w.rt, "what") {
	case 0, 1, 2, 3:
		w.raise()
	case 4, 5:
		w.clear()
	case 6, 7:
		w.act()
	case 8:
		time.Sleep(time.Duration(rapid.IntRange(1, 150).Draw(w.rt, "seconds")) * time.Second)
	case 9:
		w.close()
		w.open()
	}
	synctest.Wait()
}

func (w *world) apply(v rules.Verdict) {
	w.pos++
	v.Pos = w.pos
	w.history = append(w.history, []rules.Verdict{v})
	if err := w.s.Apply(context.Background(), w.pos, []rules.Verdict{v}); err != nil {
		w.rt.Fatal(err)
	}
}

func (w *world) raise() {
	now := time.Now().UnixMilli()
	v := rules.Verdict{
		ID: fmt.Sprintf("v%d", w.pos+1), Event: rules.Raise, Time: now, Onset: now - int64(rapid.IntRange(0, 100_000).Draw(w.rt, "since")),
		Hazard: rapid.SampledFrom([]rules.Hazard{rules.GasLeak, rules.CO, rules.Smoke, rules.Fire, rules.Overheat, rules.Overload,
			rules.Unsupervised, rules.FaultHazard}).Draw(w.rt, "hazard"),
		Severity: rapid.SampledFrom([]rules.Severity{rules.Critical, rules.Major, rules.Minor, rules.Advisory}).Draw(w.rt, "severity"),
		Zone:     rapid.SampledFrom([]string{"z1", "z2"}).Draw(w.rt, "zone"),
		Value:    rapid.Float64().Draw(w.rt, "value"), Rule: "r", Metric: "m",
	}
	v.Place = v.Zone + rapid.SampledFrom([]string{"/a", "/b"}).Draw(w.rt, "place")
	if rapid.IntRange(0, 5).Draw(w.rt, "over") == 0 {
		v.Over, v.Cleared = true, v.Onset+1000
	} else {
		w.holding = append(w.holding, v)
	}
	w.apply(v)
}

func (w *world) clear() {
	if len(w.holding) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.holding)-1).Draw(w.rt, "which")
	v := w.holding[i]
	v.Event, v.Cleared, v.Time = rules.Clear, time.Now().UnixMilli(), time.Now().UnixMilli()
	if rapid.Bool().Draw(w.rt, "revise") {
		v.Event = rules.Revised
	}
	w.holding = append(w.holding[:i:i], w.holding[i+1:]...)
	w.apply(v)
}

func (w *world) act() {
	all := list(w.t, w.s, Filter{})
	if len(all) == 0 {
		return
	}
	i := all[rapid.IntRange(0, len(all)-1).Draw(w.rt, "incident")]
	var err error
	ctx := context.Background()
	switch rapid.IntRange(0, 3).Draw(w.rt, "action") {
	case 0:
		_, err = w.s.Ack(ctx, i.ID, "ann", "")
	case 1:
		_, err = w.s.Arrive(ctx, i.ID, "bob", "")
	case 2:
		_, err = w.s.Resolve(ctx, i.ID, "ann", "", OutcomeReal, "")
	case 3:
		_, err = w.s.Verify(ctx, i.ID, "cat", "", "")
	}
	if _, refused := errors.AsType[*RefusedError](err); err != nil && !refused {
		w.rt.Fatal(err)
	}
}

// check is what must hold at any moment.
func (w *world) check() {
	live := map[string]string{}
	for _, i := range list(w.t, w.s, Filter{Limit: MaxLimit}) {
		if i.State.Live() {
			key, _ := keyOf(rules.Verdict{Hazard: i.Hazard, Zone: i.Zone, Place: i.Places[0], Node: i.Node})
			if other := live[key]; other != "" {
				w.rt.Fatalf("two live incidents of %s: %s and %s", key, other, i.ID)
			}
			live[key] = i.ID
			if rank := severityRank(i.Severity); rank < w.worst[i.ID] {
				w.rt.Fatalf("severity of live incident %s went down to %s", i.ID, i.Severity)
			} else {
				w.worst[i.ID] = rank
			}
		}
		if !i.State.waiting() {
			if _, known := w.acked[i.ID]; !known {
				w.acked[i.ID] = time.Now()
			}
		}
		if i.Over && i.State.Live() {
			w.rt.Fatalf("%s was over when it was found and is live", i.ID)
		}
	}
	rows, err := w.s.ro.Query("SELECT incident, state, attempts, queued FROM pages")
	if err != nil {
		w.rt.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, state string
		var attempts int
		var queued int64
		if err := rows.Scan(&id, &state, &attempts, &queued); err != nil {
			w.rt.Fatal(err)
		}
		at, taken := w.acked[id]
		if taken && (state == "queued" || state == "sending") {
			w.rt.Fatalf("incident %s is taken and has a page %s", id, state)
		}
		if taken && queued > at.UnixMilli() {
			w.rt.Fatalf("incident %s was taken and paged afterwards", id)
		}
	}
	var clocks int
	if err := w.s.ro.QueryRow(`SELECT count(*) FROM escalations e JOIN incidents i ON i.id = e.incident
		WHERE i.state NOT IN ('open', 'notified')`).Scan(&clocks); err != nil || clocks > 0 {
		w.rt.Fatalf("%d clocks run for incidents that are taken, %v", clocks, err)
	}
	w.checkCalls()
}

// checkCalls: no message that a provider took is sent again.
func (w *world) checkCalls() {
	taken := map[string]bool{}
	for n, c := range w.phone.calls() {
		if taken[c.message] {
			w.rt.Fatalf("%s got message %s again", c.person, c.message)
		}
		taken[c.message] = (n+1)%4 != 0
	}
}

// replay applies the same history to the same store, which changes nothing, and
// to an empty one, which keeps the same verdicts byte for byte and opens its
// first incident under the same ID.
func (w *world) replay(path string) {
	before := list(w.t, w.s, Filter{Limit: MaxLimit})
	fresh := openAt(w.t, path, Options{Directory: newTown().directory})
	defer fresh.Close()
	for i, vs := range w.history {
		for _, s := range []*Store{w.s, fresh} {
			if err := s.Apply(context.Background(), uint64(i+1), vs); err != nil {
				w.rt.Fatal(err)
			}
		}
	}
	if after := list(w.t, w.s, Filter{Limit: MaxLimit}); len(after) != len(before) {
		w.rt.Fatalf("a replay made %d incidents of %d", len(after), len(before))
	}
	first, verdicts := proofs(w, w.s)
	again, same := proofs(w, fresh)
	if first != again || !slices.Equal(verdicts, same) {
		w.rt.Fatalf("a replay differs: first incident %s, then %s;\n%v\n%v", first, again, verdicts, same)
	}
}

// proofs are a store's verdicts, and the incident of the first that has one.
func proofs(w *world, s *Store) (first string, verdicts []string) {
	for p, err := range s.Verdicts(context.Background(), 0) {
		if err != nil {
			w.rt.Fatal(err)
		}
		if first == "" {
			first = p.Incident
		}
		verdicts = append(verdicts, string(p.Verdict))
	}
	return first, verdicts
}
