package edgerules

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

var quiet = slog.New(slog.DiscardHandler)

// scribe is an engine that notes what it is given, refuses what it is told to and
// finds one device stirred.
type scribe struct {
	seen    []string
	arrival []int64
	err     error
}

func (s *scribe) Apply(rec *record.Record, _ rules.Output) error {
	for _, e := range rec.Entries {
		text := fmt.Sprintf("%d %T", rec.Seq, e)
		switch e := e.(type) {
		case *record.DeviceBirth:
			text += " " + e.Device + " " + e.Placement
		case *record.Readings:
			text += fmt.Sprintf(" %s %v", e.Device, e.Points)
		}
		s.seen = append(s.seen, text)
	}
	s.arrival = append(s.arrival, rec.Arrival)
	return s.err
}

func (s *scribe) Stirred(device string) bool          { return device == "g/n/kitchen" }
func (s *scribe) Over(rule, device string) lang.Truth { return lang.Unknown }
func (s *scribe) Pack() *rules.Pack                   { return &rules.Pack{} }

// The engine is told what the hub's log would tell it.
func TestEngineReadsALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &scribe{}
		w := newWatch(e, Config{Log: quiet})
		w.Announce("g/n", []devices.Info{{ID: "kitchen", Placement: "kitchen_gas", Metrics: []string{"gas.ch4"}}})
		time.Sleep(time.Second)
		if !w.Urgent("g/n/kitchen", "kitchen_gas", telemetry.Point{Metric: "gas.ch4", Time: 5, Value: 30}) {
			t.Error("a stirred device's reading can wait")
		}
		if w.Urgent("g/n/hall", "kitchen_gas", telemetry.Point{Metric: "gas.ch4", Time: 6, Value: 30}) {
			t.Error("another device's reading cannot wait")
		}
		want := "1 *record.NodeBirth|1 *record.Drained|1 *record.DeviceBirth g/n/kitchen kitchen_gas|2 *record.Readings g/n/kitchen [{gas.ch4 5 30 good}]|3 *record.Readings g/n/hall [{gas.ch4 6 30 good}]"
		if got := strings.Join(e.seen, "|"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if e.arrival[1]-e.arrival[0] != 1000 {
			t.Errorf("a second later the record arrives %d ms later", e.arrival[1]-e.arrival[0])
		}
		go w.Run(t.Context())
		time.Sleep(3500 * time.Millisecond)
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(e.seen); n != 8 || e.seen[7] != "6 *record.Tick" {
			t.Errorf("in 3.5 s there came %v", e.seen[5:])
		}
	})
}

// counter counts the lines of a log.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += strings.Count(string(b), "\n")
	return len(b), nil
}

// An engine that refuses everything is told of once, and the stream goes on.
func TestRefusals(t *testing.T) {
	out := &counter{}
	w := newWatch(&scribe{err: errors.New("no sense")}, Config{Log: slog.New(slog.NewTextHandler(out, nil))})
	for range 100 {
		w.Urgent("g/n/hall", "", telemetry.Point{Metric: "gas.ch4"})
	}
	if out.n != 1 {
		t.Errorf("%d lines in the log, want 1", out.n)
	}
}

func TestRulesWithMistakes(t *testing.T) {
	_, err := New(Config{Log: quiet, Files: []record.File{{Name: "r.yaml", Data: []byte("rules:\n  - nam: x\n")}}})
	if _, ok := errors.AsType[conf.Errors](err); !ok || !strings.Contains(err.Error(), "r.yaml:2:5: ") {
		t.Errorf("got %v", err)
	}
}

// feed gives one reading a second, as a driver would, and returns at which of them
// readings became urgent and when they ceased to be; 0 if they did not.
func feed(t *testing.T, value func(second int) float64, seconds int) (from, to int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, err := New(Config{Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		w.Announce("g/n", []devices.Info{{ID: "kitchen", Placement: "kitchen_gas", Interval: time.Second, Metrics: []string{"gas.ch4"}}})
		go w.Run(t.Context())
		for s := 1; s <= seconds; s++ {
			time.Sleep(time.Second)
			p := telemetry.Point{Metric: "gas.ch4", Time: time.Now().UnixMilli(), Value: value(s)}
			switch urgent := w.Urgent("g/n/kitchen", "kitchen_gas", p); {
			case urgent && from == 0:
				from = s
			case !urgent && from > 0 && to == 0:
				to = s
			}
		}
	})
	return from, to
}

// With the shipped rules a leak is urgent from the first reading that may be one, and
// until every rule is clear of it; a little gas is not urgent at all.
func TestLeakIsUrgent(t *testing.T) {
	level := func(s int) float64 {
		if s >= 30 && s < 60 {
			return 25
		}
		return 0.5
	}
	if from, to := feed(t, level, 600); from != 30 || to <= 60 {
		t.Errorf("a leak from second 30 to 60 is urgent from %d to %d", from, to)
	}
	if from, _ := feed(t, func(int) float64 { return 3 }, 120); from != 0 {
		t.Errorf("3 %%LEL is urgent in second %d", from)
	}
}
