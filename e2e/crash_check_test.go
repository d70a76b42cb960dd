package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// place is what tells one reading from all others.
type place struct {
	epoch record.Epoch
	run   uint64
	seq   uint64
}

func (p place) String() string { return fmt.Sprintf("run %016x %d", p.run, p.seq) }

// history is what outboxes and a hub's log say, side by side. What a gateway wrote
// is taken from its card, not from what it claims to have sent: a build for tests
// keeps the segments that are trimmed (WEISHAO_OUTBOX_KEEP).
type history struct {
	written  map[place]outbox.Stored
	logged   map[place]int // how often
	alarms   int           // of written, those that an edge rule found urgent
	volatile int           // in the log, from a gateway's memory: on no card
	forks    int           // births in the log that contradict their card's past
	wrong    []string      // readings that are in the log and were not written so
}

func newHistory() *history {
	return &history{written: map[place]outbox.Stored{}, logged: map[place]int{}}
}

// readHistory reads the outboxes of gateways that may be running, and the log of a
// hub that is stopped.
func readHistory(ctx context.Context, logDir string, outboxes ...string) (*history, error) {
	h := newHistory()
	for _, dir := range outboxes {
		for s, err := range outbox.Scan(dir) {
			if err != nil {
				return nil, fmt.Errorf("outbox %s: %w", dir, err)
			}
			h.wrote(s)
		}
	}
	log, err := eventlog.OpenDir(ctx, logDir, 0, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	for rec, err := range log.ReadTo(ctx, 1, log.Last()) {
		if err != nil {
			return nil, err
		}
		for _, e := range rec.Entries {
			h.entry(e)
		}
	}
	return h, nil
}

// wrote takes a reading from a card. Copies of one card may hold the same one.
func (h *history) wrote(s outbox.Stored) {
	at := place{s.Epoch, s.Run, s.Seq}
	if before, ok := h.written[at]; ok && before != s {
		h.wrong = append(h.wrong, fmt.Sprintf("two cards wrote %v: %v and %v", at, before, s))
	}
	if _, ok := h.written[at]; !ok && s.Kind == record.Alarm {
		h.alarms++
	}
	h.written[at] = s
}

func (h *history) entry(e record.Entry) {
	switch e := e.(type) {
	case *record.NodeBirth:
		if e.Forked {
			h.forks++
		}
	case *record.Readings:
		for i, p := range e.Points {
			h.reading(e, place{e.Epoch, e.Run, e.First + uint64(i)}, p)
		}
	}
}

func (h *history) reading(e *record.Readings, at place, p telemetry.Point) {
	h.logged[at]++
	_, _, device, _ := telemetry.SplitDevice(e.Device)
	s, ok := h.written[at]
	switch {
	case !ok && p.Quality == telemetry.Volatile:
		h.volatile++
	case !ok:
		h.wrong = append(h.wrong, fmt.Sprintf("%v of %s is in the log and on no card", at, e.Device))
	case s.Device != device || s.Point != p:
		h.wrong = append(h.wrong, fmt.Sprintf("%v was written as %s %v and is in the log as %s %v", at, s.Device, s.Point, device, p))
	}
}

// missing are the readings that were written and are not in the log.
func (h *history) missing() (list []place) {
	for at := range h.written {
		if h.logged[at] == 0 {
			list = append(list, at)
		}
	}
	slices.SortFunc(list, func(a, b place) int { return cmp.Or(cmp.Compare(a.run, b.run), cmp.Compare(a.seq, b.seq)) })
	return list
}

// twice are the readings that are in the log more than once.
func (h *history) twice() (list []place) {
	for at, n := range h.logged {
		if n > 1 {
			list = append(list, at)
		}
	}
	return list
}

// err says what is not as it must be: every reading that was written is in the log,
// once, as it was written.
func (h *history) err() error {
	var wrong []string
	if missing := h.missing(); len(missing) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d of %d readings are lost: %s", len(missing), len(h.written), ranges(missing)))
	}
	if twice := h.twice(); len(twice) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d readings are in the log more than once, such as %v", len(twice), twice[0]))
	}
	if len(h.wrong) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d readings are not what was written: %s", len(h.wrong), h.wrong[0]))
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "\n"))
}

// ranges writes sorted places as runs and ranges of sequences, the first few.
func ranges(list []place) string {
	var out []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1].run == list[i].run && list[j+1].seq == list[j].seq+1 {
			j++
		}
		out = append(out, fmt.Sprintf("run %016x %d-%d", list[i].run, list[i].seq, list[j].seq))
		i = j + 1
	}
	if len(out) > 10 {
		out = append(out[:10], fmt.Sprintf("and %d ranges more", len(out)-10))
	}
	return strings.Join(out, ", ")
}

// The checker sees what it is there to see.
func TestCheckerCanFail(t *testing.T) {
	point := func(v float64) telemetry.Point { return telemetry.Point{Metric: "gas.ch4", Time: 1000, Value: v} }
	logged := func(first uint64, values ...float64) *record.Readings {
		r := &record.Readings{Device: "g/n/kitchen", Run: 7, First: first}
		for _, v := range values {
			r.Points = append(r.Points, point(v))
		}
		return r
	}
	for want, entries := range map[string][]*record.Readings{
		"": {logged(1, 10, 20), logged(3, 30)},
		"2 of 3 readings are lost: run 0000000000000007 1-1, run 0000000000000007 3-3":       {logged(2, 20)},
		"1 readings are in the log more than once, such as run 0000000000000007 2":           {logged(1, 10, 20), logged(2, 20, 30)},
		"1 readings are not what was written: run 0000000000000007 3 was written as kitchen": {logged(1, 10, 20, 31)},
		"1 readings are not what was written: run 0000000000000007 4 of g/n/kitchen is in":   {logged(1, 10, 20, 30, 40)},
	} {
		h := newHistory()
		for i, v := range []float64{10, 20, 30} {
			h.wrote(outbox.Stored{Run: 7, Seq: uint64(i + 1), Device: "kitchen", Point: point(v)})
		}
		for _, e := range entries {
			h.entry(e)
		}
		got := ""
		if err := h.err(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
