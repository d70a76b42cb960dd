package edgerules

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/telemetry"
)

// wires are outputs and inputs that a test sees; true acts.
type wires struct {
	mu  sync.Mutex
	out map[string]bool
}

func (w *wires) acts(id string) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.out[id] }

type wire struct {
	*wires
	id string
}

func (x wire) String() string { return x.id }

func (x wire) Set(_ context.Context, act bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.out[x.id] = act
	return nil
}

func (x wire) Get(context.Context) (bool, error) { return x.acts(x.id), nil }

// actuators are made of YAML; their wires are called after them.
func actuators(t testing.TB, dir, text string) ([]*actuator.Actuator, *wires) {
	t.Helper()
	var list []yaml.Node
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	w := &wires{out: map[string]bool{}}
	made, err := actuator.Build("gateway.yaml", list, actuator.Deps{Log: quiet, Dir: dir, Wires: map[string]actuator.Wires{"test": {
		Output: func(p *actuator.Part) (actuator.Output, error) { return wire{w, strings.Fields(p.Who)[0]}, nil },
		Input:  func(p *actuator.Part) (actuator.Input, error) { return wire{w, strings.Fields(p.Who)[0]}, nil },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return made, w
}

const house = `
- {id: valve-1, kind: gas_valve, devices: [kitchen-1], output: {test: {}}}
- {id: valve-2, kind: gas_valve, devices: [kitchen-2], output: {test: {}}}
- {id: boiler, kind: gas_valve, placements: [boiler_room], output: {test: {}}}
- {id: horn, kind: siren, output: {test: {}}}
`

// edge is a gateway's rules with actuators, in a bubble of synctest.
type edge struct {
	*Watch
	t *testing.T
	w *wires
}

var kitchens = []devices.Info{
	{ID: "kitchen-1", Interval: time.Second, Metrics: []string{"gas.ch4"}}, // by its metric kitchen_gas
	{ID: "kitchen-2", Placement: "kitchen_gas", Interval: time.Second, Metrics: []string{"gas.ch4"}},
	{ID: "cellar", Placement: "boiler_room", Interval: time.Second, Metrics: []string{"gas.ch4"}},
}

func newEdge(t *testing.T, dir string) *edge {
	t.Helper()
	list, w := actuators(t, dir, house)
	watch, err := New(Config{Log: quiet, Actuators: list})
	if err != nil {
		t.Fatal(err)
	}
	infos := kitchens
	for _, a := range list {
		infos = append(infos[:len(infos):len(infos)], a.Info())
	}
	watch.Announce("g/n", infos)
	go watch.Run(t.Context())
	return &edge{watch, t, w}
}

// run starts the actuators, which report as the gateway would have them.
func (e *edge) run(ctx context.Context) {
	for _, a := range e.Actuators() {
		go a.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) { e.Urgent("g/n/"+a.ID(), "", p) })
	}
	synctest.Wait()
}

// breathes gives each device one reading a second.
func (e *edge) breathes(seconds int, levels map[string]float64) {
	for range seconds {
		time.Sleep(time.Second)
		for d, v := range levels {
			e.Urgent("g/n/"+d, "", telemetry.Point{Metric: "gas.ch4", Time: time.Now().UnixMilli(), Value: v})
		}
	}
	synctest.Wait()
}

func (e *edge) want(when, acting string) {
	e.t.Helper()
	var got []string
	for _, a := range e.Actuators() {
		if e.w.acts(a.ID()) {
			got = append(got, a.ID())
		}
	}
	if s := strings.Join(got, " "); s != acting {
		e.t.Errorf("%s: acting are %q, want %q", when, s, acting)
	}
}

// A kitchen's alarm closes that kitchen's valve and sounds the siren of all; the
// neighbours cook on. It stays so until somebody resets it, and that only when the gas
// is known to be gone.
func TestActionsLatchAndAreReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, t.TempDir())
		e.run(t.Context())
		e.breathes(30, map[string]float64{"kitchen-1": 0.5, "kitchen-2": 0.5, "cellar": 0.5})
		e.want("clean air", "")
		e.breathes(5, map[string]float64{"kitchen-1": 30, "kitchen-2": 0.5, "cellar": 0.5})
		e.want("gas in kitchen 1", "valve-1 horn")
		if err := e.Reset("valve-1", false); !errors.Is(err, ErrHolds) || !strings.Contains(err.Error(), "gas-leak still holds at g/n/kitchen-1") {
			t.Errorf("a reset while there is gas: %v", err)
		}
		time.Sleep(time.Hour) // no reading at all
		synctest.Wait()
		e.want("nobody measures", "valve-1 horn")
		if err := e.Reset("valve-1", false); !errors.Is(err, ErrHolds) {
			t.Errorf("a reset while nobody measures: %v", err)
		}
		e.breathes(600, map[string]float64{"kitchen-1": 0.5, "kitchen-2": 0.5, "cellar": 0.5})
		e.want("the air is clean again", "valve-1 horn")
		if err := e.Reset("valve-1", false); err != nil {
			t.Errorf("a reset in clean air: %v", err)
		}
		synctest.Wait()
		e.want("after a reset", "horn")
		e.breathes(5, map[string]float64{"cellar": 30})
		e.want("gas in the cellar", "boiler horn")
		if err := e.Reset("boiler", true); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		e.want("after a reset by force", "horn")
		if err := e.Reset("bolier", true); err == nil || !strings.Contains(err.Error(), `did you mean "boiler"?`) {
			t.Errorf("got %v", err)
		}
	})
}

// After a restart nothing is known until something is measured: the latch stays, and
// a reset waits for that.
func TestResetAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		e := newEdge(t, dir)
		e.run(ctx)
		e.breathes(30, map[string]float64{"kitchen-1": 0.5})
		e.breathes(5, map[string]float64{"kitchen-1": 30})
		stop()
		time.Sleep(time.Minute)
		e = newEdge(t, dir)
		e.run(t.Context())
		e.want("after a restart", "valve-1 horn")
		if err := e.Reset("horn", false); !errors.Is(err, ErrHolds) || !strings.Contains(err.Error(), "it is not known whether gas-leak still holds") {
			t.Errorf("got %v", err)
		}
		e.breathes(5, map[string]float64{"kitchen-1": 0.5})
		if err := e.Reset("horn", false); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		e.want("after the reset", "valve-1")
		// There is gas again: for this engine as for the one before.
		e.breathes(5, map[string]float64{"kitchen-1": 30})
		e.want("gas again", "valve-1 horn")
	})
}

// Faults neither act nor release, but for one: a sensor at the end of its range.
func TestFaultsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, t.TempDir())
		e.run(t.Context())
		faults := func() {
			for q := telemetry.Good; q.Valid(); q++ {
				for range 100 {
					time.Sleep(time.Second)
					if q.Fault() && q != telemetry.Saturated {
						e.Urgent("g/n/kitchen-1", "", telemetry.Point{Metric: "gas.ch4", Time: time.Now().UnixMilli(), Quality: q})
					}
				}
			}
			synctest.Wait()
		}
		e.breathes(10, map[string]float64{"kitchen-1": 0.5})
		faults()
		e.want("faults in clean air", "")
		e.breathes(10, map[string]float64{"kitchen-1": 40})
		faults()
		e.want("faults after gas", "valve-1 horn")
		if err := e.Reset("valve-1", false); !errors.Is(err, ErrHolds) {
			t.Errorf("got %v", err)
		}
	})
}

// What an actuator does is urgent when it is news.
func TestActsAreUrgent(t *testing.T) {
	w := newWatch(&scribe{}, Config{Log: quiet})
	for i, c := range []struct {
		v    float64
		q    telemetry.Quality
		want bool
	}{{0, 0, false}, {0, 0, false}, {1, 0, true}, {1, 0, false}, {0, telemetry.Stuck, true}, {0, telemetry.Stuck, false}, {1, 0, true}} {
		if got := w.Urgent("g/n/valve", "", telemetry.Point{Metric: actuator.MetricState, Value: c.v, Quality: c.q}); got != c.want {
			t.Errorf("point %d: urgent is %v", i, got)
		}
	}
}

func TestActionsOfThePack(t *testing.T) {
	w, err := New(Config{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range w.Actions() {
		got = append(got, a.Verb+" "+a.Target)
	}
	if s := strings.Join(got, ", "); s != "sound siren, open relay, close gas_valve" && len(got) != 3 {
		t.Errorf("got %s", s)
	}
}

// A room that fills at once puts its sensor at the end of its range before any rule
// has seen a number. That closes the valve too, if it lasts, and a number that is none
// for a moment does not.
func TestSaturatedSensorIsTakenForGas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, t.TempDir())
		e.run(t.Context())
		e.breathes(10, map[string]float64{"kitchen-1": 0.5, "kitchen-2": 0.5})
		full := func(device string) {
			e.Urgent("g/n/"+device, "", telemetry.Point{Metric: "gas.ch4", Time: time.Now().UnixMilli(), Quality: telemetry.Saturated})
		}
		full("kitchen-2")
		e.breathes(60, map[string]float64{"kitchen-1": 0.5, "kitchen-2": 0.5})
		e.want("one reading at the end", "")
		full("kitchen-1")
		time.Sleep(saturatedHold + 2*time.Second) // and the sensor's next is a minute away
		synctest.Wait()
		e.want("at the end for a while", "valve-1 horn")
		if err := e.Reset("valve-1", false); !errors.Is(err, ErrHolds) {
			t.Errorf("got %v", err)
		}
		e.breathes(3, map[string]float64{"kitchen-1": 0.5})
		if err := e.Reset("valve-1", false); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		e.want("when it measures again", "horn")
	})
}

// The moment at which the rules may begin anew is one without gas: not even in a hold.
func TestDanger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, t.TempDir())
		e.run(t.Context())
		says := func(when, want string) {
			t.Helper()
			if err := e.Danger(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", when, err, want)
			}
		}
		says("before the first reading", "")
		e.breathes(30, map[string]float64{"kitchen-1": 0.5, "kitchen-2": 0.5, "cellar": 0.5})
		says("in clean air", "")
		e.breathes(1, map[string]float64{"kitchen-1": 30, "kitchen-2": 0.5, "cellar": 0.5})
		e.want("in the hold", "")
		says("in the hold", "gas-leak holds at g/n/kitchen-1, or may soon")
		e.breathes(5, map[string]float64{"kitchen-1": 30, "kitchen-2": 0.5, "cellar": 0.5})
		says("in gas", "has tripped: reset it first")
		for _, a := range e.Actuators() {
			a.Reset()
		}
		e.breathes(300, map[string]float64{"kitchen-1": 0.5, "kitchen-2": 0.5, "cellar": 0.5})
		says("when it is over", "")
		e.Urgent("g/n/cellar", "", telemetry.Point{Metric: "gas.ch4", Time: time.Now().UnixMilli(), Quality: telemetry.Saturated})
		says("at the end of the range", "gas.ch4 at g/n/cellar is at the end")
	})
}

// What says nothing of the air between two readings at the end of the range does not
// make it begin anew; a number does, and a wire that is broken.
func TestSaturatedSensorThatStutters(t *testing.T) {
	for _, c := range []struct {
		between telemetry.Quality
		want    string
	}{
		{telemetry.BadFrame, "valve-1 horn"}, {telemetry.NoResponse, "valve-1 horn"}, {telemetry.Short, "valve-1 horn"},
		{telemetry.Good, ""}, {telemetry.Warmup, ""}, {telemetry.Open, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := newEdge(t, t.TempDir())
			e.run(t.Context())
			e.breathes(10, map[string]float64{"kitchen-1": 0.5})
			for range 5 {
				for _, q := range []telemetry.Quality{telemetry.Saturated, c.between} {
					time.Sleep(time.Second)
					e.Urgent("g/n/kitchen-1", "", telemetry.Point{Metric: "gas.ch4", Time: time.Now().UnixMilli(), Quality: q})
				}
			}
			synctest.Wait()
			e.want("saturated and "+c.between.String(), c.want)
		})
	}
}
