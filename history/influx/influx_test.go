package influx

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/telemetry"
)

const t0 = int64(1_795_392_000_000) // 2026-11-23 00:00 UTC

func good(device, metric string, t int64, v float64) history.Sample {
	return history.Sample{Device: device, Point: telemetry.Point{Metric: metric, Time: t, Value: v}}
}

func fault(device, metric string, t int64, q telemetry.Quality) history.Sample {
	return history.Sample{Device: device, Point: telemetry.Point{Metric: metric, Time: t, Quality: q}}
}

func open(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	if o.Bucket == "" {
		o.Bucket = "weishao/autogen"
	}
	o.MinBackoff, o.MaxBackoff = 5*time.Millisecond, 50*time.Millisecond
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// 100,000 readings, the server killed and started again while they are written:
// all there by count and by sum.
func testKilledMidway(t *testing.T, srv *influxd) {
	dir := t.TempDir()
	s := open(t, dir, Options{URL: srv.url()})
	const total, batch = 100_000, 1_000
	written := make(chan error, 1)
	var at atomic.Int64
	var want float64
	go func() {
		for i := 0; i < total; i += batch {
			samples := make([]history.Sample, batch)
			for j := range samples {
				v := float64((i+j)%991) / 10
				samples[j] = good("g/n/d"+string(rune('0'+j%10)), "temperature", t0+int64(i+j)*100, v)
			}
			if err := s.Append(t.Context(), uint64(i/batch+1), samples); err != nil {
				written <- err
				return
			}
			at.Store(int64(i + batch))
		}
		written <- s.Sync(t.Context())
	}()
	for i := range total {
		want += float64(i%991) / 10
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for at.Load() < total/3 {
		<-tick.C
	}
	srv.kill()
	for s.Stats().Retries == 0 { // it is felt
		<-tick.C
	}
	srv.start()
	do(t, <-written)
	if s.Position() != total/batch {
		t.Errorf("position %d, want %d", s.Position(), total/batch)
	}
	var count int64
	var sum float64
	for d := range 10 {
		got, err := s.Query(t.Context(), history.Query{Device: "g/n/d" + string(rune('0'+d)), Metric: "temperature", From: t0, To: t0 + total*100, Step: 3_600_000})
		do(t, err)
		for _, b := range got.Points {
			count += b.Count
			sum += b.Mean * float64(b.Count)
		}
	}
	if count != total || math.Abs(sum-want) > 1e-3 {
		t.Errorf("InfluxDB has %d readings with the sum %f, want %d with %f", count, sum, total, want)
	}
	if again := open(t, dir, Options{URL: srv.url()}); again.Position() != total/batch {
		t.Errorf("position after reopening %d, want %d", again.Position(), total/batch)
	}
	if other := open(t, dir, Options{URL: srv.url(), Bucket: "other/autogen"}); other.Position() != 0 {
		t.Errorf("position for another bucket %d, want 0", other.Position())
	}
}

func testQueries(t *testing.T, srv *influxd) {
	s := open(t, t.TempDir(), Options{URL: srv.url()})
	d := "beixin/gw 17/odd,=name"
	samples := []history.Sample{
		good(d, "gas.ch4", t0+1_000, 1), good(d, "gas.ch4", t0+2_000, 4), good(d, "gas.ch4", t0+59_999, 1),
		good(d, "gas.ch4", t0+60_000, 7.5),
		fault(d, "gas.ch4", t0+90_000, telemetry.Open), fault(d, "gas.ch4", t0+100_000, telemetry.Open),
		good(d, "gas.ch4", t0+110_000, 2),
		fault(d, "gas.ch4", t0+180_000, telemetry.NoResponse),
		// an hour earlier, come late
		good(d, "gas.ch4", t0-3_600_000, 3), fault(d, "gas.ch4", t0-3_590_000, telemetry.Stuck), good(d, "gas.ch4", t0-3_580_000, 3),
	}
	do(t, s.Append(t.Context(), 7, samples))
	do(t, s.Append(t.Context(), 8, samples)) // again: changes nothing
	do(t, s.Sync(t.Context()))

	faults := []history.FaultSpan{
		{From: t0 - 3_590_000, To: t0 - 3_580_000, Quality: telemetry.Stuck, Reason: "stuck"},
		{From: t0 + 90_000, To: t0 + 110_000, Quality: telemetry.Open, Reason: "open"},
		{From: t0 + 180_000, Quality: telemetry.NoResponse, Reason: "no_response"},
	}
	tests := []struct {
		name string
		q    history.Query
		want history.Series
	}{
		{"by minute", history.Query{From: t0 - 7_200_000, To: t0 + 3_600_000, Step: 60_000}, history.Series{Faults: faults, Points: []history.Bucket{
			{Time: t0 - 3_600_000, Min: 3, Mean: 3, Max: 3, Count: 2},
			{Time: t0, Min: 1, Mean: 2, Max: 4, Count: 3}, {Time: t0 + 60_000, Min: 2, Mean: 4.75, Max: 7.5, Count: 2}}}},
		{"cut window", history.Query{From: t0 + 1_500, To: t0 + 60_000, Step: 60_000}, history.Series{Points: []history.Bucket{
			{Time: t0, Min: 1, Mean: 2.5, Max: 4, Count: 2}}}},
		{"raw", history.Query{From: t0, To: t0 + 59_999}, history.Series{Points: []history.Bucket{
			{Time: t0 + 1_000, Min: 1, Mean: 1, Max: 1, Count: 1}, {Time: t0 + 2_000, Min: 4, Mean: 4, Max: 4, Count: 1}}}},
		{"fault cut at the end", history.Query{From: t0 + 95_000, To: t0 + 105_000}, history.Series{Faults: []history.FaultSpan{
			{From: t0 + 100_000, To: t0 + 105_000, Quality: telemetry.Open, Reason: "open"}}}},
		{"nothing there", history.Query{From: t0 + 9_000_000, To: t0 + 9_100_000, Step: 1_000}, history.Series{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.q.Device, tt.q.Metric = d, "gas.ch4"
			got, err := s.Query(t.Context(), tt.q)
			do(t, err)
			if diff := cmp.Diff(tt.want, history.Series{Points: slices.Clip(append([]history.Bucket(nil), got.Points...)), Faults: append([]history.FaultSpan(nil), got.Faults...)}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if _, err := s.Query(t.Context(), history.Query{Device: d, Metric: "co", To: t0}); !errors.Is(err, history.ErrUnknownSeries) {
		t.Errorf("a series that is not there: %v", err)
	}
}

// A line that the real server refuses goes to quarantine alone; its neighbours are stored.
func testBadLines(t *testing.T, srv *influxd) {
	resp, err := http.Post(srv.url()+"/write?db=weishao", "text/plain", strings.NewReader(`co,device=g/n/bad value="a string of someone else's"`))
	do(t, err)
	resp.Body.Close()
	dir := t.TempDir()
	s := open(t, dir, Options{URL: srv.url()})
	var samples []history.Sample
	for i := range int64(1000) {
		samples = append(samples, good("g/n/a", "smoke", t0+i*10, float64(i)))
	}
	// The field is a string within the shard of now: this reading conflicts with it.
	samples[500] = good("g/n/bad", "co", time.Now().UnixMilli(), 5)
	samples[700] = good("g/n/line\nfeed", "co", t0, 5)
	do(t, s.Append(t.Context(), 1, samples))
	do(t, s.Sync(t.Context()))
	if got := s.Stats(); got.Quarantined != 2 || s.Position() != 1 {
		t.Errorf("%+v at position %d, want 2 in quarantine at 1", got, s.Position())
	}
	got, err := s.Query(t.Context(), history.Query{Device: "g/n/a", Metric: "smoke", From: t0, To: t0 + 100_000, Step: 100_000})
	do(t, err)
	if len(got.Points) != 1 || got.Points[0].Count != 998 {
		t.Errorf("stored %+v, want 998", got.Points)
	}
	data, err := os.ReadFile(filepath.Join(dir, "quarantine.jsonl"))
	do(t, err)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for _, l := range lines {
		var q quarantined
		if err := json.Unmarshal([]byte(l), &q); err != nil || q.Reason == "" || q.Line == "" {
			t.Errorf("quarantine line %q: %v", l, err)
		}
	}
	if len(lines) != 2 || !strings.Contains(string(data), "conflict") {
		t.Errorf("quarantine holds\n%s", data)
	}
}

// scripted is a server that answers writes with a list of status codes, and then
// with 204; it keeps the lines it accepted.
type scripted struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []int
	requests int
	accepted map[string]bool
	refuse   func(line string) bool
}

func newScripted(t *testing.T, answers ...int) *scripted {
	s := &scripted{answers: answers, accepted: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(gunzip(r))
	s.requests++
	code := http.StatusNoContent
	if len(s.answers) > 0 {
		code, s.answers = s.answers[0], s.answers[1:]
	}
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	if s.refuse != nil && code == http.StatusNoContent && slices.ContainsFunc(lines, s.refuse) {
		code = http.StatusUnprocessableEntity
	}
	if code == http.StatusNoContent {
		for _, l := range lines {
			s.accepted[l] = true
		}
	}
	w.WriteHeader(code)
}

func TestAlarmOnceAndRetryUntilTaken(t *testing.T) {
	srv := newScripted(t, 401, 404, 401, 503, 429, 204, 204)
	var alarms []bool
	s := open(t, t.TempDir(), Options{URL: srv.URL, Alarm: func(err error) { alarms = append(alarms, err != nil) }})
	do(t, s.Append(t.Context(), 3, []history.Sample{good("g/n/a", "co", t0, 1)}))
	do(t, s.Sync(t.Context()))
	if want := []bool{true, false}; !slices.Equal(alarms, want) {
		t.Errorf("alarms %v, want %v", alarms, want)
	}
	if got := s.Stats(); got.Written != 1 || got.Retries != 5 || s.Position() != 3 {
		t.Errorf("%+v at %d, want 1 written after 5 retries at 3", got, s.Position())
	}
}

func TestNothingIsLostWhenTheContextEnds(t *testing.T) {
	srv := newScripted(t, slices.Repeat([]int{503}, 1000)...)
	s := open(t, t.TempDir(), Options{URL: srv.URL})
	samples := []history.Sample{good("g/n/a", "co", t0, 1), good("g/n/b", "co", t0, 2)}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	do(t, s.Append(ctx, 1, samples))
	if err := s.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) || s.Position() != 0 {
		t.Fatalf("Sync: %v at position %d, want the deadline at 0", err, s.Position())
	}
	srv.mu.Lock()
	srv.answers = nil
	srv.mu.Unlock()
	do(t, s.Sync(t.Context()))
	if len(srv.accepted) != 2 || s.Position() != 1 {
		t.Errorf("%d lines at position %d, want 2 at 1", len(srv.accepted), s.Position())
	}
}

// A full batch blocks Append: the consumer lags, and memory does not grow.
func TestAppendBlocksWhenTheServerIsDown(t *testing.T) {
	srv := newScripted(t, slices.Repeat([]int{500}, 100_000)...)
	s := open(t, t.TempDir(), Options{URL: srv.URL})
	samples := make([]history.Sample, 3*maxLines)
	for i := range samples {
		samples[i] = good("g/n/a", "co", t0+int64(i), 1)
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if err := s.Append(ctx, 1, samples); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the deadline", err)
		}
		cancel()
	}
	if s.lines > maxLines {
		t.Errorf("%d lines collected, want at most %d", s.lines, maxLines)
	}
}

// When everything is refused the search for the bad lines ends.
func TestABatchOfBadLinesEndsInQuarantine(t *testing.T) {
	srv := newScripted(t)
	srv.refuse = func(string) bool { return true }
	s := open(t, t.TempDir(), Options{URL: srv.URL})
	samples := make([]history.Sample, maxLines)
	for i := range samples {
		samples[i] = good("g/n/a", "co", t0+int64(i), 1)
	}
	do(t, s.Append(t.Context(), 1, samples))
	do(t, s.Sync(t.Context()))
	if got := s.Stats(); got.Quarantined != maxLines || srv.requests > 2*splits+1 {
		t.Errorf("%d in quarantine after %d requests, want %d after at most %d", got.Quarantined, srv.requests, maxLines, 2*splits+1)
	}
}

func TestDamagedPositionIsRefused(t *testing.T) {
	dir := t.TempDir()
	do(t, os.WriteFile(filepath.Join(dir, "position.json"), []byte("{"), 0o600))
	if s, err := Open(dir, Options{URL: "http://127.0.0.1:1", Bucket: "b"}); err == nil {
		s.Close()
		t.Error("opened with a damaged position")
	}
}
