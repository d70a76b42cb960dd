package embedded

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/telemetry"
)

// Each check opens several databases: a few of them do for every run,
// and -rapid.checks asks for more.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "8"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const t0 = int64(1_795_392_000_000) // 2026-11-23 00:00 UTC

func sample(device, metric string, t int64, v float64) history.Sample {
	return history.Sample{Device: device, Point: telemetry.Point{Metric: metric, Time: t, Value: v}}
}

func faulty(device, metric string, t int64, q telemetry.Quality) history.Sample {
	return history.Sample{Device: device, Point: telemetry.Point{Metric: metric, Time: t, Quality: q}}
}

func open(t interface {
	Helper()
	Fatal(...any)
}, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{Settle: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// crash is what kill -9 leaves: the files as they are, without the lock.
func crash(dir, to string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		switch {
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o750)
		case d.Name() == "lock":
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o640)
	})
}

type seriesKey struct{ device, metric string }

// model is the store as it should be: points by series and time.
type model map[seriesKey]map[int64]telemetry.Point

func (m model) add(s history.Sample) {
	k := seriesKey{s.Device, s.Metric}
	if m[k] == nil {
		m[k] = map[int64]telemetry.Point{}
	}
	if _, taken := m[k][s.Time]; !taken {
		m[k][s.Time] = s.Point
	}
}

func (m model) query(q history.Query) history.Series {
	var ts []int64
	points := m[seriesKey{q.Device, q.Metric}]
	later := false
	for t := range points {
		if t >= q.From && t < q.To {
			ts = append(ts, t)
		}
		later = later || t >= q.To
	}
	slices.Sort(ts)
	var out history.Series
	state := telemetry.Good
	for _, t := range ts {
		p := points[t]
		if p.Quality != state {
			if state.Fault() {
				out.Faults[len(out.Faults)-1].To = t
			}
			if p.Quality.Fault() {
				out.Faults = append(out.Faults, history.FaultSpan{From: t, Quality: p.Quality, Reason: p.Quality.String()})
			}
			state = p.Quality
		}
		if p.Quality.Fault() {
			continue
		}
		slot := t
		if q.Step > 0 {
			slot -= t % q.Step
		}
		n := len(out.Points)
		if n == 0 || out.Points[n-1].Time != slot {
			out.Points = append(out.Points, history.Bucket{Time: slot, Min: p.Value, Mean: p.Value, Max: p.Value, Count: 1})
			continue
		}
		b := &out.Points[n-1]
		b.Min, b.Max = min(b.Min, p.Value), max(b.Max, p.Value)
		b.Mean = (b.Mean*float64(b.Count) + p.Value) / float64(b.Count+1)
		b.Count++
	}
	if state.Fault() && later {
		out.Faults[len(out.Faults)-1].To = q.To
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) }

func same(got, want history.Series) string {
	return cmp.Diff(want, got, cmp.Comparer(near), cmp.Transformer("nil", func(f []history.FaultSpan) []history.FaultSpan { return append([]history.FaultSpan{}, f...) }),
		cmp.Transformer("nilb", func(b []history.Bucket) []history.Bucket { return append([]history.Bucket{}, b...) }))
}

// Whatever arrives in whatever order, with crashes, re-appended tails, roll-ups
// and late data in between, a query answers as if it had all been there at once.
func TestStoreAnswersLikeItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "history")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		dirs := 0
		s := open(rt, filepath.Join(dir, "0"))
		defer func() { s.Close() }()
		want := model{}
		type batch struct {
			pos     uint64
			samples []history.Sample
		}
		var unsynced []batch
		pos, now := uint64(0), t0+rapid.Int64Range(0, hourMS).Draw(rt, "start")
		devices := []string{"g/n/a", "g/n/b"}

		draw := func(at int64) history.Sample {
			d := rapid.SampledFrom(devices).Draw(rt, "device")
			if rapid.IntRange(0, 5).Draw(rt, "fault") == 0 {
				return faulty(d, "smoke", at, rapid.SampledFrom([]telemetry.Quality{telemetry.Open, telemetry.Stuck}).Draw(rt, "q"))
			}
			return sample(d, "smoke", at, float64(at%977)/100)
		}
		appendBatch := func(samples []history.Sample) {
			pos++
			for _, sm := range samples {
				if old, taken := want[seriesKey{sm.Device, sm.Metric}][sm.Time]; taken && old.Quality != sm.Quality {
					continue // one time has one reading
				}
				want.add(sm)
				unsynced = append(unsynced, batch{pos, []history.Sample{sm}})
				if err := s.Append(context.Background(), pos, []history.Sample{sm}); err != nil {
					rt.Fatal(err)
				}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"live": func(rt *rapid.T) {
				var b []history.Sample
				for range rapid.IntRange(1, 30).Draw(rt, "n") {
					now += rapid.Int64Range(1, 400_000).Draw(rt, "dt")
					b = append(b, draw(now))
				}
				appendBatch(b)
			},
			"late": func(rt *rapid.T) {
				var b []history.Sample
				at := now - rapid.Int64Range(0, 30*hourMS).Draw(rt, "late")
				for range rapid.IntRange(1, 10).Draw(rt, "n") {
					at += rapid.Int64Range(1, 100_000).Draw(rt, "dt")
					b = append(b, draw(at))
				}
				now = max(now, at)
				appendBatch(b)
			},
			"sync": func(rt *rapid.T) {
				if err := s.Sync(context.Background()); err != nil {
					rt.Fatal(err)
				}
				unsynced = nil
				if s.Position() != pos {
					rt.Fatalf("position %d after Sync, want %d", s.Position(), pos)
				}
			},
			"roll": func(rt *rapid.T) {
				if err := s.roll(context.Background()); err != nil {
					rt.Fatal(err)
				}
			},
			"crash": func(rt *rapid.T) {
				s.cancel() // nothing may write into the files while they are copied
				s.wg.Wait()
				s.raw.DisableCompactions()
				dirs++
				next := filepath.Join(dir, fmt.Sprint(dirs))
				if err := crash(filepath.Join(dir, fmt.Sprint(dirs-1)), next); err != nil {
					rt.Fatal(err)
				}
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				s = open(rt, next)
				for _, b := range unsynced {
					if b.pos <= s.Position() {
						rt.Fatalf("position %d, but %d was not synced", s.Position(), b.pos)
					}
					if err := s.Append(context.Background(), b.pos, b.samples); err != nil {
						rt.Fatal(err)
					}
				}
			},
			"": func(rt *rapid.T) {
				step := rapid.SampledFrom([]int64{0, 7_000, 60_000, 300_000, 3_600_000, 7_200_000}).Draw(rt, "step")
				from := t0 - 31*hourMS
				to := now + 1
				if rapid.Bool().Draw(rt, "part") {
					from = rapid.Int64Range(from, to).Draw(rt, "from")
					to = rapid.Int64Range(from, to).Draw(rt, "to")
				}
				for _, d := range devices {
					q := history.Query{Device: d, Metric: "smoke", From: from, To: to, Step: step}
					got, err := s.Query(context.Background(), q)
					if errors.Is(err, history.ErrUnknownSeries) && len(want[seriesKey{d, "smoke"}]) == 0 {
						continue
					}
					if err != nil {
						rt.Fatal(err)
					}
					wantSeries := want.query(q)
					if step != 0 && step%minuteMS == 0 {
						// A roll-up knows of a fault that began before From in the same hour.
						trimLeading(&got, &wantSeries, q)
					}
					if d := same(got, wantSeries); d != "" {
						rt.Fatalf("%+v (-want +got)\n%s", q, d)
					}
				}
			},
		})
	})
}

// trimLeading removes from got a fault span that begins at From because it began
// before, and lets the first span of want begin there too.
func trimLeading(got, want *history.Series, q history.Query) {
	if len(got.Faults) == 0 || got.Faults[0].From != q.From {
		return
	}
	if len(want.Faults) > 0 && want.Faults[0].To == got.Faults[0].To {
		want.Faults[0].From = q.From
		return
	}
	got.Faults = got.Faults[1:]
}
