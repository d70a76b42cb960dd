package incidents

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
)

// TestMain lowers the number of tries of rapid; each opens several databases.
// -rapid.checks on the command line still wins.
func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "25")
	os.Exit(m.Run())
}

// town is a Directory with one grid: a and b on duty, l the leader.
type town struct {
	mu     sync.Mutex // of chain and gap
	chain  []string
	gap    bool
	people map[string]Contact
}

func newTown() *town {
	return &town{chain: []string{"a", "b", "l"}, people: map[string]Contact{
		"a": {Channels: []string{"chat"}}, "b": {Channels: []string{"chat"}}, "l": {Channels: []string{"chat"}},
	}}
}

func (d *town) directory() Directory { return d }
func (d *town) Chain(string, time.Time) ([]string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.chain, d.gap
}

// set changes the chain while a store runs.
func (d *town) set(gap bool, chain ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chain, d.gap = chain, gap
}
func (d *town) Times(string) (time.Duration, time.Duration) {
	return time.Minute, 2 * time.Minute
}
func (d *town) Contact(p string) (Contact, bool) { c, ok := d.people[p]; return c, ok }
func (d *town) PlaceName(p string) site.Text     { return site.Text{Zh: p, En: p} }
func (d *town) Location() *time.Location         { return time.UTC }

// phone is a channel that remembers what it was asked to send.
type phone struct {
	name   string
	limits notify.Limits
	answer func(ctx context.Context, m notify.Message, n int) (string, error) // nil: takes all; n from 1

	mu   sync.Mutex
	sent []call
}

type call struct {
	at      time.Time
	person  string
	message string
	text    string
}

func newPhone() *phone { return &phone{name: "chat", limits: notify.Limits{Parallel: 1}} }

func (p *phone) Name() string          { return p.name }
func (p *phone) Limits() notify.Limits { return p.limits }
func (p *phone) Send(ctx context.Context, m notify.Message) (string, error) {
	p.mu.Lock()
	p.sent = append(p.sent, call{time.Now(), m.Person.ID, m.ID, m.Text})
	n := len(p.sent)
	p.mu.Unlock()
	if p.answer != nil {
		return p.answer(ctx, m, n)
	}
	return "200 OK", nil
}

func (p *phone) calls() []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

// log is who was called when, in seconds since start, and by name within one.
func (p *phone) log(start time.Time) []string {
	calls := p.calls()
	slices.SortStableFunc(calls, func(x, y call) int {
		if d := x.at.Truncate(time.Second).Compare(y.at.Truncate(time.Second)); d != 0 {
			return d
		}
		return strings.Compare(x.person, y.person)
	})
	var list []string
	for _, c := range calls {
		list = append(list, fmt.Sprintf("%s@%d", c.person, int(c.at.Sub(start).Seconds())))
	}
	return list
}

// openAt opens a store; tests need no fsync to see what survives a killed process.
func openAt(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec("PRAGMA synchronous = OFF"); err != nil {
		t.Fatal(err)
	}
	return s
}

func newStore(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Directory == nil {
		o.Directory = newTown().directory
	}
	s := openAt(t, filepath.Join(t.TempDir(), "incidents.db"), o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// running runs the store's loops until the returned function is called.
func running(t testing.TB, s *Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// raise is a gas leak in zone z, changed as the functions say.
func raise(id string, change ...func(*rules.Verdict)) rules.Verdict {
	v := rules.Verdict{ID: id, Event: rules.Raise, Time: 1000, Onset: 900, Rule: "gas-leak", Hazard: rules.GasLeak, Severity: rules.Critical,
		Place: "kitchen", Zone: "z", Device: "g/n/d", Metric: "gas.ch4", Value: 12.5, Threshold: 10,
		Evidence: []rules.Evidence{{Device: "g/n/d", Metric: "gas.ch4", Time: 900, Value: 12.5, Quality: "good"}}}
	for _, f := range change {
		f(&v)
	}
	return v
}

func hazard(h rules.Hazard) func(*rules.Verdict) { return func(v *rules.Verdict) { v.Hazard = h } }
func severity(s rules.Severity) func(*rules.Verdict) {
	return func(v *rules.Verdict) { v.Severity = s }
}
func place(p string) func(*rules.Verdict)      { return func(v *rules.Verdict) { v.Place = p } }
func node(n string) func(*rules.Verdict)       { return func(v *rules.Verdict) { v.Node = n } }
func onset(ms int64) func(*rules.Verdict)      { return func(v *rules.Verdict) { v.Onset = ms } }
func event(e rules.Event) func(*rules.Verdict) { return func(v *rules.Verdict) { v.Event = e } }
func cleared(ms int64) func(*rules.Verdict)    { return func(v *rules.Verdict) { v.Cleared = ms } }
func over(from, to int64) func(*rules.Verdict) {
	return func(v *rules.Verdict) { v.Over, v.Onset, v.Cleared = true, from, to }
}
func apply(t testing.TB, s *Store, vs ...rules.Verdict) {
	t.Helper()
	pos := s.Position() + 1
	for i := range vs {
		vs[i].Pos, vs[i].Index = pos, i
	}
	if err := s.Apply(context.Background(), pos, vs); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s *Store, id string) Incident {
	t.Helper()
	i, err := s.Get(context.Background(), id)
	if err != nil {
		t.Fatalf("incident %s: %v", id, err)
	}
	return i
}

func list(t testing.TB, s *Store, f Filter) []Incident {
	t.Helper()
	l, _, err := s.List(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func kinds(i Incident) []Kind {
	var k []Kind
	for _, e := range i.Timeline {
		k = append(k, e.Kind)
	}
	return k
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	g, err1 := json.Marshal(got)
	w, err2 := json.Marshal(want)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}
