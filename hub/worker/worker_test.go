package worker

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const rulesText = `
rules:
  - name: gas
    hazard: gas_leak
    severity: critical
    when: gas.ch4 > 10 %LEL
    clear: gas.ch4 < 5 %LEL
    message: {zh: 燃气, en: Gas}
    do: {zh: 开窗, en: Open windows}
`

// memLog is a log in memory. Its readers end at its end.
type memLog struct {
	first   uint64
	records []record.Record
}

func (l *memLog) add(arrival int64, entries ...record.Entry) {
	l.records = append(l.records, record.Record{Seq: l.Last() + 1, Arrival: arrival, Entries: entries})
}

func (l *memLog) First(context.Context) (uint64, error) { return max(l.first, 1), nil }
func (l *memLog) Last() uint64                          { return uint64(len(l.records)) }

func (l *memLog) ReadTo(ctx context.Context, from, to uint64) iter.Seq2[*record.Record, error] {
	return func(yield func(*record.Record, error) bool) {
		for i := max(from, l.first, 1); i <= to; i++ {
			if ctx.Err() != nil || !yield(&l.records[i-1], nil) {
				return
			}
		}
	}
}

func (l *memLog) Read(ctx context.Context, from uint64) iter.Seq2[*record.Record, error] {
	return l.ReadTo(ctx, from, l.Last())
}

// kept is an incident store that takes each position once.
type kept struct {
	mu       sync.Mutex
	pos      uint64
	verdicts []rules.Verdict
	again    []uint64 // positions that came twice
	refuse   int      // times to refuse
}

func (k *kept) Apply(_ context.Context, pos uint64, verdicts []rules.Verdict) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse > 0 {
		k.refuse--
		return errors.New("the disk is full")
	}
	if pos <= k.pos {
		k.again = append(k.again, pos)
		return nil
	}
	k.pos = pos
	k.verdicts = append(k.verdicts, verdicts...)
	return nil
}

type world struct {
	t    *testing.T
	log  memLog
	kept kept
	file string
	now  int64

	every, keep time.Duration
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, file: filepath.Join(t.TempDir(), "rules.snapshot"), now: 1_780_000_000_000, every: time.Hour, keep: time.Hour}
	w.log.add(w.now, &record.Rules{Version: "r1", Files: []record.File{{Name: "rules.yaml", Data: []byte(rulesText)}}})
	w.log.add(w.now, &record.DeviceBirth{Device: "g/n/d", Metrics: []string{"gas.ch4"}})
	return w
}

// gas adds readings, one a second.
func (w *world) gas(values ...float64) {
	for _, v := range values {
		w.now += 1000
		w.log.add(w.now, &record.Readings{Device: "g/n/d", Points: []telemetry.Point{{Metric: "gas.ch4", Time: w.now, Value: v}}}, &record.Tick{})
	}
}

// open begins a worker over the world as it is.
func (w *world) open() (*Worker, *live.View) {
	w.t.Helper()
	view := live.NewView()
	k, err := Open(w.t.Context(), Config{
		Log: &w.log, Incidents: &w.kept, View: view, Derived: func([]rules.DerivedSample) {}, Snapshot: w.file,
		Anchors: w.file + "s", Every: w.every, Keep: w.keep, Retry: time.Second, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return k, view
}

// run evaluates what there is, and ends as at a stop: with a snapshot.
func (w *world) run() *live.View {
	w.t.Helper()
	k, view := w.open()
	if err := k.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if k.Position() != w.log.Last() {
		w.t.Fatalf("evaluated up to %d of %d", k.Position(), w.log.Last())
	}
	return view
}

// whole is what an uninterrupted worker makes of the log.
func (w *world) whole() []rules.Verdict {
	o := &world{t: w.t, log: w.log, file: filepath.Join(w.t.TempDir(), "other"), every: time.Hour, keep: time.Hour}
	o.run()
	return o.kept.verdicts
}

// Stopped and started at any record, a worker says what it would have said
// without.
func TestRestartFromSnapshot(t *testing.T) {
	w := newWorld(t)
	for _, v := range []float64{1, 12, 13, 14, 3, 2, 1, 15, 16, 17, 1} {
		w.gas(v)
		view := w.run()
		holding := v > 10
		if state := view.Place("g/n/d").State; (state == live.Hazard) != holding {
			t.Errorf("at %g %%LEL the place is %q", v, state)
		}
	}
	if diff := cmp.Diff(w.whole(), w.kept.verdicts); diff != "" || len(w.kept.verdicts) < 4 {
		t.Errorf("%d verdicts:\n%s", len(w.kept.verdicts), diff)
	}
	if w.kept.again != nil {
		t.Errorf("positions %d came again after a clean stop", w.kept.again)
	}
}

// After a kill the snapshot is behind the incidents: what they have is passed
// over, and nothing is missing.
func TestPositionIsIdempotent(t *testing.T) {
	w := newWorld(t)
	w.gas(1, 12, 13)
	w.run()
	old, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	w.gas(14, 3, 2, 15, 16)
	w.run()
	if err := os.WriteFile(w.file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	w.gas(1, 1)
	w.run()
	if len(w.kept.again) == 0 {
		t.Error("no position came again: the snapshot was not behind")
	}
	if diff := cmp.Diff(w.whole(), w.kept.verdicts); diff != "" {
		t.Error(diff)
	}
}

// A snapshot that cannot be used costs time, no verdict.
func TestDamagedSnapshot(t *testing.T) {
	w := newWorld(t)
	w.gas(1, 12, 13, 3)
	w.run()
	good, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	damage := func(at int) []byte {
		b := append([]byte(nil), good...)
		b[at] ^= 0x40
		return b
	}
	for name, b := range map[string][]byte{
		"empty": {}, "torn": good[:len(good)/2], "cut by a byte": good[:len(good)-1], "another format": damage(7),
		"not ours": damage(0), "position": damage(9), "engine": damage(len(good) / 2), "checksum": damage(len(good) - 1),
	} {
		if err := os.WriteFile(w.file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		k, view := w.open()
		if k.Position() != 0 || len(view.Devices()) != 0 {
			t.Errorf("%s: begins at %d with %d devices, want the log's beginning", name, k.Position(), len(view.Devices()))
		}
		w.run()
	}
	if diff := cmp.Diff(w.whole(), w.kept.verdicts); diff != "" {
		t.Error(diff)
	}
}

// A snapshot of another log, or one from before what the log holds, is not used.
func TestSnapshotOfAnotherLog(t *testing.T) {
	w := newWorld(t)
	w.gas(1, 2, 3, 4)
	w.run()
	w.log.records = w.log.records[:3]
	if k, _ := w.open(); k.Position() != 0 {
		t.Errorf("a snapshot from beyond the log's end was used, at %d", k.Position())
	}
	w.gas(1, 2, 3, 4, 5, 6)
	w.log.first = 9
	if k, _ := w.open(); k.Position() != 8 {
		t.Errorf("begins behind %d, want 8: the log does not go further back", k.Position())
	}
}

func TestInEffect(t *testing.T) {
	w := newWorld(t)
	site := func(version string) *record.Site {
		return &record.Site{Version: version, File: record.File{Name: "site.yaml", Data: []byte("name: {zh: 北新, en: " + version + "}\n")}}
	}
	check := func(wantSite, wantRules string) {
		t.Helper()
		k, _ := w.open()
		s, r, err := k.InEffect(t.Context())
		if err != nil || s != wantSite || r != wantRules {
			t.Errorf("in effect: site %q, rules %q, %v, want %q and %q", s, r, err, wantSite, wantRules)
		}
	}
	check("", "r1")
	w.log.add(w.now, site("s1"))
	check("s1", "r1")
	if view := w.run(); view.Site().Name.En != "s1" {
		t.Errorf("the site in effect is %q", view.Site().Name.En)
	}
	check("s1", "r1") // from the snapshot
	w.log.add(w.now, site("s2"))
	check("s2", "r1") // from the log behind it
	if k, view := w.open(); view.Site().Name.En != "s1" || k.Pack().Rule("gas") == nil {
		t.Errorf("restored: site %q, rule gas %v", view.Site().Name.En, k.Pack().Rule("gas"))
	}
}

// A store that refuses, as on a full disk, is asked again until it takes the
// verdicts; meanwhile the worker says so.
func TestStoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.gas(1, 12, 13)
		w.kept.refuse = 3
		k, _ := w.open()
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- k.Run(t.Context()) }()
		synctest.Wait()
		if err := k.Trouble(); err == nil || !strings.Contains(err.Error(), "disk is full") {
			t.Errorf("trouble: %v", err)
		}
		if err := <-done; err != nil || k.Trouble() != nil {
			t.Errorf("%v, trouble %v", err, k.Trouble())
		}
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %s, want three waits of 1 s", took)
		}
		if len(w.kept.verdicts) != 1 {
			t.Errorf("%d verdicts, want 1", len(w.kept.verdicts))
		}
	})
}

// Stopped while the store refuses, the worker leaves the snapshot as it was: the
// record is evaluated again, and its verdicts stored, at the next start.
func TestStoppedWhileTheStoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.gas(1)
		w.run()
		w.gas(12, 13)
		w.kept.refuse = 1000
		k, _ := w.open()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.kept.refuse = 0
		w.run()
		if len(w.kept.verdicts) != 1 {
			t.Errorf("%d verdicts, want 1", len(w.kept.verdicts))
		}
	})
}
