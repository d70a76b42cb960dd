package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

const rooms = `time,device,metric,value,quality
1772323200.0,fire/x/room-a,temperature,20,
1772323200.5,room-b,smoke,0.1,
1772323202.0,fire/x/room-a,temperature,,open
1772323202.0,fire/x/room-a,co,9000,
1772323204.0,fire/x/room-a,temperature,24,suspect
1772323203.0,room-b,smoke,0.3,warmup
this is not a reading
1772323260.0,fire/x/room-a,co,12,
`

func mustRead(t *testing.T, text string, o Options) *File {
	t.Helper()
	f, err := Read("rooms.csv", strings.NewReader(text), telemetry.NewCatalogue(telemetry.LEL{}), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// play runs all devices until they end or ctx does, and returns what each gave
// with times since start, and the wall time of each point.
func play(ctx context.Context, f *File, clock telemetry.Clock) (points map[string][]string, wall map[string][]time.Duration) {
	points, wall = map[string][]string{}, map[string][]time.Duration{}
	began, start := time.Now(), clock.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, d := range f.Devices() {
		wg.Go(func() {
			id := d.Info().ID
			_ = d.Run(ctx, clock, func(p telemetry.Point) {
				mu.Lock()
				defer mu.Unlock()
				points[id] = append(points[id], fmt.Sprintf("%d %s %g %v", p.Time-start.UnixMilli(), p.Metric, p.Value, p.Quality))
				wall[id] = append(wall[id], time.Since(began))
			})
		})
	}
	wg.Wait()
	return points, wall
}

func TestRowsComeAtTheirTimeWithTheirQuality(t *testing.T) {
	for _, speed := range []float64{1, 60} {
		synctest.Test(t, func(t *testing.T) {
			f := mustRead(t, rooms, Options{})
			points, wall := play(t.Context(), f, telemetry.NewClock(speed))
			want := map[string][]string{
				"room-a": {"0 temperature 20 good", "2000 temperature 0 open", "2000 co 0 saturated", "4000 temperature 24 suspect", "60000 co 12 good"},
				"room-b": {"500 smoke 0.1 good", "3000 smoke 0.3 warmup"},
			}
			if diff := cmp.Diff(want, points); diff != "" {
				t.Errorf("speed %g (-want +got)\n%s", speed, diff)
			}
			last := time.Duration(60 * float64(time.Second) / speed)
			if got := wall["room-a"][4]; got < last || got > last+time.Millisecond {
				t.Errorf("speed %g: last row after %v, want %v", speed, got, last)
			}
			if f.Bad() != 2 {
				t.Errorf("%d bad lines, want 2", f.Bad())
			}
		})
	}
}

func TestWhatIsAnnounced(t *testing.T) {
	f := mustRead(t, rooms, Options{Placement: "room_smoke"})
	var got []devices.Info
	for _, d := range f.Devices() {
		got = append(got, d.Info())
	}
	want := []devices.Info{
		{ID: "room-a", Model: "replay", Placement: "room_smoke", Interval: 2 * time.Second, Metrics: []string{"temperature", "co"}},
		{ID: "room-b", Model: "replay", Placement: "room_smoke", Interval: 3 * time.Second, Metrics: []string{"smoke"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if f.Length() != 63*time.Second {
		t.Errorf("length %v, want 1m3s", f.Length())
	}
}

func TestLoopBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Second)
		defer cancel()
		points, _ := play(ctx, mustRead(t, rooms, Options{Loop: true}), telemetry.Clock{})
		want := []string{"500 smoke 0.1 good", "3000 smoke 0.3 warmup", "63500 smoke 0.1 good", "66000 smoke 0.3 warmup"}
		if got := points["room-b"]; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A device that is run again, because its gateway was away, is where the
// recording is by then: it neither begins again nor hurries through what it missed.
func TestRunAgainGoesOn(t *testing.T) {
	for _, loop := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := mustRead(t, rooms, Options{Loop: loop})
			first, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			play(first, f, telemetry.Clock{})
			time.Sleep(2 * time.Second) // 3 s since the start
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			points, _ := play(ctx, f, telemetry.Clock{})
			if want := []string{"1000 temperature 24 suspect"}; !slices.Equal(points["room-a"], want) {
				t.Errorf("loop %v: got %q, want %q", loop, points["room-a"], want)
			}
			if want := []string{"0 smoke 0.3 warmup"}; !slices.Equal(points["room-b"], want) {
				t.Errorf("loop %v: got %q, want %q", loop, points["room-b"], want)
			}
		})
	}
}

// Every row of any file is played once, in order, at its time.
func TestEveryRowIsPlayedOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(rt, "rows")
		var b strings.Builder
		b.WriteString("time,device,metric,value\n")
		want, first := map[string][]int64{}, int64(-1)
		for range n {
			at := rapid.Int64Range(0, 100_000).Draw(rt, "ms")
			d := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "device")
			fmt.Fprintf(&b, "%d.%03d,%s,co,1\n", 1_772_323_200+at/1000, at%1000, d)
			want[d] = append(want[d], at)
			if first < 0 || at < first {
				first = at
			}
		}
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			f := mustRead(t, b.String(), Options{})
			points, _ := play(t.Context(), f, telemetry.Clock{})
			for d, times := range want {
				slices.Sort(times)
				var expect []string
				for _, at := range times {
					expect = append(expect, fmt.Sprintf("%d co 1 good", at-first))
				}
				if !slices.Equal(points[d], expect) {
					wrong = fmt.Sprintf("%s: got %q, want %q", d, points[d], expect)
				}
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

func TestFilesThatCannotBePlayed(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "time,device,metric,value\n", "no readings"},
		{"two devices of one name", "time,device,metric,value\n1,a/b/x,co,1\n1,c/d/x,co,1\n", "name of its own"},
		{"a name that no device may have", "time,device,metric,value\n1,room a,co,1\n", "name of its own"},
		{"no header", "1,a,co,1\n", "first line"},
	}
	for _, tt := range tests {
		_, err := Read("f.csv", strings.NewReader(tt.text), telemetry.NewCatalogue(telemetry.LEL{}), Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "f.csv") {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.csv"), telemetry.NewCatalogue(telemetry.LEL{}), Options{}); err == nil {
		t.Error("a file that is not there: no error")
	}
}

func TestOpenGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(rooms)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rooms.csv.gz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, telemetry.NewCatalogue(telemetry.LEL{}), Options{})
	if err != nil || len(f.Devices()) != 2 || f.Recorded().Unix() != 1_772_323_200 {
		t.Errorf("got %v, %v", f, err)
	}
}
