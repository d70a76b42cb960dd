package detect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/internal/sim"
	"weishao.dev/weishao/telemetry"
)

// event is one call to a detector.
type event struct {
	kind, input int
	t           int64
	v           float64
}

// drawEvents is a stream of readings, gaps and wake-ups in event-time order,
// with values over the whole valid range of each input. It is made from a seed:
// drawing each number would make shrinking finer and the test slow.
func drawEvents(t *rapid.T, k Kind) []event {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	seed := rapid.Uint64().Draw(t, "seed")
	pace := rapid.SampledFrom([]float64{2_000, 20_000, 400_000}).Draw(t, "pace")
	list := make([]event, rapid.IntRange(1, 200).Draw(t, "events"))
	at := int64(1_772_323_200_000)
	for i := range list {
		n := int64(5 * i)
		at += int64(sim.Between(seed, n, 0, pace))
		input := int(sim.Between(seed, n+1, 0, float64(len(k.Inputs))))
		m, _ := cat.Lookup(k.Inputs[input])
		lo, hi := m.Min, m.Max
		if sim.Uniform(seed, n+2) < 0.8 { // mostly where things happen
			lo, hi = max(lo, 0), min(hi, 300)
		}
		list[i] = event{kind: int(sim.Between(seed, n+3, 0, 12)), input: input, t: at, v: sim.Between(seed, n+4, lo, hi)}
		if i > 0 && sim.Uniform(seed+1, n) < 0.5 {
			list[i].v, list[i].input = list[i-1].v, list[i-1].input
		}
	}
	return list
}

func apply(d Detector, e event) {
	switch e.kind {
	case 0:
		d.Gap(e.input, e.t)
	case 1:
		if at := d.Wake(); at != 0 && at <= e.t {
			d.Advance(at)
		}
		d.Advance(e.t)
	default:
		d.Observe(e.input, e.t, e.v)
	}
}

func forKinds(t *testing.T, f func(t *rapid.T, k Kind, placement string)) {
	for _, k := range Kinds() {
		for _, placement := range []string{"", "dwelling_feeder", "bike_shed", "meter_box"} {
			t.Run(k.Name+"/"+placement, func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) { f(t, k, placement) })
			})
		}
	}
}

// Outputs stay in their catalogue range whatever comes in.
func TestOutputsStayInRange(t *testing.T) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	forKinds(t, func(t *rapid.T, k Kind, placement string) {
		d := k.New(placement, 0)
		for _, e := range drawEvents(t, k) {
			apply(d, e)
			for i, name := range k.Outputs {
				m, _ := cat.Lookup(name)
				if v, ok := d.Output(i); ok && m.Check(v) != telemetry.BadNone {
					t.Fatalf("%s is %g, which is %s", name, v, m.Check(v))
				}
			}
		}
	})
}

// A state saved and loaded in the middle, a clone and a copy go on exactly as
// the original does.
func TestStateSurvives(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind, placement string) {
		d := k.New(placement, 0)
		events := drawEvents(t, k)
		cut := rapid.IntRange(0, len(events)).Draw(t, "cut")
		for _, e := range events[:cut] {
			apply(d, e)
		}
		saved := d.AppendState([]byte("front"))[5:]
		loaded, copied, cloned := k.New(placement, 0), k.New(placement, 0), d.Clone()
		rest, err := loaded.LoadState(append(bytes.Clone(saved), "rest"...))
		if err != nil || string(rest) != "rest" {
			t.Fatalf("load: rest %q, %v", rest, err)
		}
		copied.CopyFrom(d)
		for _, e := range events[cut:] {
			for _, x := range []Detector{d, loaded, copied, cloned} {
				apply(x, e)
			}
		}
		want := d.AppendState(nil)
		for i, x := range []Detector{loaded, copied, cloned} {
			if got := x.AppendState(nil); !bytes.Equal(got, want) || x.Wake() != d.Wake() {
				t.Fatalf("%s differs after %d more events", []string{"loaded", "copied", "cloned"}[i], len(events)-cut)
			}
		}
	})
}

func TestLoadStateRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, k := range Kinds() {
		d := k.New("corridor_socket", 0)
		state := d.AppendState(nil)
		for _, b := range [][]byte{nil, state[:len(state)-1], append([]byte{99}, state[1:]...)} {
			if _, err := k.New("corridor_socket", 0).LoadState(b); !errors.Is(err, ErrState) {
				t.Errorf("%s: got %v, want ErrState", k.Name, err)
			}
		}
	}
	k := kind("charging")
	if _, err := k.New("dwelling_feeder", 0).LoadState(k.New("corridor_socket", 0).AppendState(nil)); !errors.Is(err, ErrState) {
		t.Errorf("a socket's state into a feeder: got %v, want ErrState", err)
	}
}

// The table is whole: names are of the catalogue, outputs are derived and of one
// kind only, and no state is larger than promised.
func TestKinds(t *testing.T) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	seen := map[string]bool{}
	for _, k := range Kinds() {
		for _, in := range k.Inputs {
			if m, ok := cat.Lookup(in); !ok || m.Derived {
				t.Errorf("%s: input %s is not a measured metric", k.Name, in)
			}
		}
		for _, out := range k.Outputs {
			if m, ok := cat.Lookup(out); !ok || !m.Derived || seen[out] {
				t.Errorf("%s: output %s is not a derived metric of its own", k.Name, out)
			}
			seen[out] = true
		}
		if k.Primary < 1 || k.Primary > len(k.Inputs) {
			t.Errorf("%s: %d primary inputs of %d", k.Name, k.Primary, len(k.Inputs))
		}
	}
	for name, s := range map[string]any{"gas": [2]gasState{}, "co": coState{}, "fire": struct {
		fireState
		Ring fireRing
	}{}, "socket": socketState{}, "shed": struct {
		Socket socketState
		Shed   shedState
	}{}, "feeder": feederState{}, "climb": climbState{}, "circuit": circuitState{}, "rise": riseState{}} {
		if n := binary.Size(s) + binary.Size(meter{}); n > MaxState {
			t.Errorf("%s: %d bytes of state, at most %d promised", name, n, MaxState)
		}
	}
}

func TestWantsAndInput(t *testing.T) {
	k := kind("charging")
	if !k.Wants([]string{"voltage", "current"}) || k.Wants([]string{"power_factor", "voltage"}) {
		t.Error("a charging detector is for devices with power or current")
	}
	if k.Input("power_factor") != chargeFactor || k.Input("smoke") != -1 {
		t.Error("inputs are not found by name")
	}
}

// A fault makes what depends on it unknown, and raises nothing.
func TestGapMakesOutputsUnknown(t *testing.T) {
	for _, k := range Kinds() {
		d := k.New("corridor_socket", 0)
		for _, in := range []int{0, 1, 2} {
			if in >= len(k.Inputs) {
				continue
			}
			d.Observe(in, 1000, 1)
		}
		for in := range k.Inputs {
			d.Gap(in, 2000)
		}
		for i, name := range k.Outputs {
			if v, ok := d.Output(i); ok {
				t.Errorf("%s is %g after its inputs failed, want unknown", name, v)
			}
		}
	}
}

// workloads feed each detector with what it sees most days, and with what makes
// it work hardest.
func workloads() map[string]func(d Detector, i int64) {
	return map[string]func(d Detector, i int64){
		"gas/clean":       func(d Detector, i int64) { d.Observe(0, i*1000, 0.2+0.1*float64(i%3)) },
		"gas/leak":        func(d Detector, i int64) { d.Observe(0, i*1000, math.Mod(float64(i)*0.01, 9)) },
		"co/clean":        func(d Detector, i int64) { d.Observe(0, i*1000, float64(i%4)) },
		"fire/clean":      func(d Detector, i int64) { d.Observe(int(i%2), i*1000, 0.02*float64(1+i%2*1000)) },
		"circuit/load":    func(d Detector, i int64) { d.Observe(0, i*1000, 8+float64(i%5)) },
		"joint/warm":      func(d Detector, i int64) { d.Observe(0, i*1000, 40+float64(i%5)) },
		"leakage/small":   func(d Detector, i int64) { d.Observe(0, i*1000, 20+float64(i%5)) },
		"charging/idle":   func(d Detector, i int64) { d.Observe(0, i*1000, 2) },
		"charging/shed":   func(d Detector, i int64) { d.Observe(0, i*1000, 190+float64(i%5)) },
		"charging/charge": func(d Detector, i int64) { d.Observe(0, i*1000, 190+float64(i%5)) },
		"charging/floor": func(d Detector, i int64) {
			d.Observe(0, i*60_000, 200+float64(i/40%2*150)+float64(i%3)+0.1*float64(i%40))
		},
		"charging/house": func(d Detector, i int64) {
			d.Observe(0, i*1000, 200+150*float64(i/60%4)+float64(i%5))
			d.Observe(2, i*1000, 0.8)
		},
	}
}

func workload(name string) (Kind, string) {
	placement := "corridor_socket"
	switch name {
	case "charging/house", "charging/floor":
		placement = "dwelling_feeder"
	case "charging/shed":
		placement = "bike_shed"
	}
	return kind(name[:bytes.IndexByte([]byte(name), '/')]), placement
}

func TestObserveDoesNotAllocate(t *testing.T) {
	for name, feed := range workloads() {
		k, placement := workload(name)
		d, other := k.New(placement, 0), k.New(placement, 0)
		i := int64(0)
		if n := testing.AllocsPerRun(2000, func() {
			i++
			feed(d, i)
			d.Advance(i*1000 + 500)
			for o := range k.Outputs {
				d.Output(o)
			}
			other.CopyFrom(d)
		}); n != 0 {
			t.Errorf("%s: %g allocations per reading, want none", name, n)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for name, feed := range workloads() {
		b.Run(name, func(b *testing.B) {
			k, placement := workload(name)
			d := k.New(placement, 0)
			i := int64(0)
			for b.Loop() {
				i++
				feed(d, i)
				d.Output(0)
			}
		})
	}
}
