package actuator

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/telemetry"
)

// thing is what hangs on a test's wires: an output that notes what it is told and
// when, and a feedback that says whether the thing has moved.
type thing struct {
	mu    sync.Mutex
	began time.Time
	told  []string // "200ms true"
	level bool
	fails error // of the output
	hangs bool  // the output
	jams  bool  // the thing does not move
	shut  bool
	blind error // of the feedback
}

func (x *thing) String() string { return "a test's wire" }

func (x *thing) Set(ctx context.Context, act bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.hangs {
		x.mu.Unlock()
		<-ctx.Done()
		x.mu.Lock()
		return ctx.Err()
	}
	if x.fails != nil {
		return x.fails
	}
	if x.level != act || x.told == nil {
		x.told = append(x.told, fmt.Sprintf("%v %v", time.Since(x.began), act))
	}
	x.level = act
	x.shut = x.shut || act && !x.jams
	return nil
}

func (x *thing) Get(context.Context) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shut, x.blind
}

func (x *thing) set(f func()) { x.mu.Lock(); defer x.mu.Unlock(); f() }

func (x *thing) want(t *testing.T, told string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if got := strings.Join(x.told, ", "); got != told {
		t.Errorf("the output was told %s\nwant %s", got, told)
	}
}

// disk is one in memory.
type disk struct {
	mu    sync.Mutex
	files map[string][]byte
	fails error
	hangs chan struct{}
}

func (d *disk) ReadFile(path string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, ok := d.files[path]
	if d.fails != nil {
		return nil, d.fails
	}
	if !ok {
		return nil, fs.ErrNotExist
	}
	return data, nil
}

func (d *disk) WriteFile(path string, data []byte) error {
	if d.hangs != nil {
		<-d.hangs
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil {
		return d.fails
	}
	if d.files == nil {
		d.files = map[string][]byte{}
	}
	d.files[path] = data
	return nil
}

func (d *disk) set(f func()) { d.mu.Lock(); defer d.mu.Unlock(); f() }

// rig runs one actuator in a bubble of synctest.
type rig struct {
	*Actuator
	t      *testing.T
	thing  *thing
	button *thing
	disk   *disk
	log    *lines
	stop   func()

	mu     sync.Mutex
	points []telemetry.Point
}

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// build makes an actuator of a line of YAML, its wires being called test and button.
func build(t *testing.T, text string, x, button *thing, d *disk, log *slog.Logger) *Actuator {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	wires := func(x *thing) Wires {
		return Wires{func(*Part) (Output, error) { return x, nil }, func(*Part) (Input, error) { return x, nil }}
	}
	list, err := Build("gateway.yaml", []yaml.Node{*n.Content[0]}, Deps{Log: log, Dir: "state", Disk: d,
		Wires: map[string]Wires{"test": wires(x), "button": wires(button)}})
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// start runs the actuator until the test or stop ends it.
func start(t *testing.T, text string, x *thing, d *disk) *rig {
	t.Helper()
	r := &rig{t: t, thing: x, button: &thing{}, disk: d, log: &lines{}}
	x.began = time.Now()
	r.Actuator = build(t, text, x, r.button, d, slog.New(slog.NewTextHandler(r.log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- r.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.points = append(r.points, p)
		})
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return r
}

// after lets time pass.
func (r *rig) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// series is the changes of a metric: "0s 0, 2s 1, 5s stuck".
func (r *rig) series(metric string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	last := ""
	for _, p := range r.points {
		v := fmt.Sprint(p.Value)
		if p.Quality.Fault() {
			v = p.Quality.String()
		}
		if p.Metric == metric && v != last {
			list = append(list, fmt.Sprintf("%v %s", time.UnixMilli(p.Time).Sub(r.thing.began), v))
			last = v
		}
	}
	return strings.Join(list, ", ")
}

func (r *rig) wantSeries(metric, want string) {
	r.t.Helper()
	if got := r.series(metric); got != want {
		r.t.Errorf("%s is %s\nwant %s", metric, got, want)
	}
}

// in runs f in a bubble.
func in(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

var leak = Cause{Rule: "gas-leak", Device: "g/n/kitchen", At: 1}
