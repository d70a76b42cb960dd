package actuator

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/telemetry"
)

const (
	plain  = "{id: v, kind: gas_valve, output: {test: {}}}"
	pulsed = "{id: v, kind: gas_valve, output: {test: {}}, pulse: 500ms}"
	proved = "{id: v, kind: gas_valve, output: {test: {}}, pulse: 500ms, feedback: {test: {}}, within: 3s}"
	siren  = "{id: s, kind: siren, output: {test: {}}, reset: {button: {}}, silence: {button: {}}}"
)

func TestLevel(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, plain, &thing{}, &disk{})
		r.after(2 * time.Second)
		r.Trip(leak)
		r.after(time.Hour)
		r.thing.want(t, "0s false, 2s true")
		r.Reset()
		r.after(time.Second)
		r.stop()
		r.thing.want(t, "0s false, 2s true, 1h0m2s false")
		r.wantSeries(MetricState, "0s 0, 2s 1, 1h0m2s 0")
		r.wantSeries(MetricLatched, "0s 0, 2s 1, 1h0m2s 0")
		if n := len(r.points); n < 240 || n > 250 {
			t.Errorf("%d points in an hour at 30 s", n)
		}
	})
}

// A raise while it is latched acts anew; otherwise a pulse is one pulse.
func TestPulse(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, pulsed, &thing{}, &disk{})
		r.Trip(leak)
		r.after(time.Minute)
		r.thing.want(t, "0s false, 0s true, 500ms false")
		r.Trip(Cause{Rule: "gas-rising", Device: "g/n/kitchen"})
		r.after(time.Minute)
		r.Reset()
		r.after(time.Minute)
		r.stop()
		r.thing.want(t, "0s false, 0s true, 500ms false, 1m0s true, 1m0.5s false")
		r.wantSeries(MetricState, "0s 0, 0s 1, 2m0s 0")
	})
}

// A coil does not stay energised because the gateway stops, or because the wire fails.
func TestPulseAlwaysEnds(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, pulsed, &thing{}, &disk{})
		r.Trip(leak)
		r.after(100 * time.Millisecond)
		r.stop()
		r.thing.want(t, "0s false, 0s true, 100ms false")
	})
	in(t, func(t *testing.T) {
		r := start(t, pulsed, &thing{}, &disk{})
		r.Trip(leak)
		r.after(100 * time.Millisecond)
		r.thing.set(func() { r.thing.fails = errors.New("no such line") })
		r.after(time.Minute)
		r.thing.set(func() { r.thing.fails = nil })
		r.after(5 * time.Second)
		if r.thing.level {
			t.Error("the coil is still energised")
		}
		if s := r.Status(); s.Fault != "" || s.State != 1 { // at once, not with the next report
			t.Errorf("the wire works again: %+v", s)
		}
		r.stop()
	})
}

func TestConfirmed(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, proved, &thing{}, &disk{})
		r.after(time.Second)
		r.Trip(leak)
		r.after(time.Minute)
		r.thing.want(t, "0s false, 1s true, 1.5s false")
		// Somebody opens it by hand, though it is latched: it is closed again.
		r.thing.set(func() { r.thing.shut = false })
		r.after(10 * time.Second)
		if !r.thing.shut || !r.Latch().Latched {
			t.Error("it stays open")
		}
		// After the reset a hand may open it.
		r.Reset()
		r.thing.set(func() { r.thing.shut = false })
		r.after(time.Hour)
		if r.thing.shut {
			t.Error("it was closed though it was reset")
		}
		r.stop()
		if n := r.log.count("in trouble"); n > 1 {
			t.Errorf("told %d times", n)
		}
	})
}

// A valve that does not move is a fault, told once, and is tried for ever with
// back-off.
func TestStuck(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, proved, &thing{jams: true}, &disk{})
		r.after(time.Second)
		r.Trip(leak)
		r.after(10 * time.Minute)
		r.wantSeries(MetricState, "0s 0, 4.5s stuck")
		if n := r.log.count("in trouble"); n != 1 {
			t.Errorf("told %d times", n)
		}
		pulses := len(r.thing.told) / 2
		if pulses < 10 || pulses > 16 { // 3, 6, 12, 24, 48 s, then every minute
			t.Errorf("%d pulses in ten minutes", pulses)
		}
		r.thing.set(func() { r.thing.jams = false })
		r.after(2 * time.Minute)
		if !r.thing.shut || r.log.count("works again") != 1 {
			t.Errorf("shut %v:\n%s", r.thing.shut, &r.log.text)
		}
		if p := r.Status(); p.Fault != "" || p.State != 1 {
			t.Errorf("%+v", p)
		}
		r.stop()
	})
}

// An output that does not take what it is told is a fault, told once, and does it as
// soon as it can; a feedback that cannot be read is one too.
func TestFailingWires(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, plain, &thing{}, &disk{})
		r.after(time.Second)
		r.thing.set(func() { r.thing.fails = errors.New("input/output error") })
		r.Trip(leak)
		r.after(20 * time.Second)
		r.thing.set(func() { r.thing.fails = nil })
		r.after(time.Minute)
		r.thing.want(t, "0s false, 22.2s true") // back-off from 200 ms, doubling to 5 s while it has to act
		r.wantSeries(MetricState, "0s 0, 1s no_response, 22.2s 1")
		r.wantSeries(MetricLatched, "0s 0, 1s 1")
		if a, b := r.log.count("in trouble"), r.log.count("works again"); a != 1 || b != 1 {
			t.Errorf("told %d and %d times", a, b)
		}
		r.stop()
	})
	in(t, func(t *testing.T) {
		r := start(t, proved, &thing{blind: errors.New("no answer")}, &disk{})
		r.after(time.Minute)
		r.wantSeries(MetricState, "0s no_response")
		r.Trip(leak) // it acts though nobody can see it
		r.after(time.Minute)
		if !r.thing.shut {
			t.Error("it does not act")
		}
		r.stop()
	})
}

// Taken wires are found while all is quiet: before they are needed.
func TestIdleOutputIsWatched(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, plain, &thing{}, &disk{})
		r.thing.set(func() { r.thing.fails = errors.New("the module is gone") })
		r.after(time.Minute)
		r.thing.set(func() { r.thing.fails = nil })
		r.after(2 * time.Minute)
		r.stop()
		r.wantSeries(MetricState, "0s 0, 30s no_response, 1m21s 0")
	})
}

// A module that lost its power comes back at rest, and is set again.
func TestLevelIsSetAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, plain, &thing{}, &disk{})
		r.Trip(leak)
		r.after(time.Minute)
		r.thing.set(func() { r.thing.level = false })
		r.after(30 * time.Second)
		if !r.thing.level {
			t.Error("it rests")
		}
		r.stop()
	})
}

// An output that hangs delays no other actuator, not by a millisecond, and an
// alarm that comes while it hangs is carried out when it returns.
func TestHangingOutputDelaysNobody(t *testing.T) {
	in(t, func(t *testing.T) {
		valve := start(t, plain, &thing{hangs: true}, &disk{})
		horn := start(t, siren, &thing{}, &disk{})
		valve.after(10 * time.Second)
		began := time.Now()
		valve.Trip(leak)
		horn.Trip(leak)
		synctest.Wait()
		horn.thing.want(t, "0s false, 10s true")
		if d := time.Since(began); d != 0 {
			t.Errorf("it took %v", d)
		}
		valve.after(5 * time.Second)
		valve.thing.set(func() { valve.thing.hangs = false })
		valve.after(2 * time.Minute)
		if !valve.thing.shut || valve.log.count("in trouble") != 1 {
			t.Errorf("shut %v\n%s", valve.thing.shut, &valve.log.text)
		}
		valve.stop()
		horn.stop()
	})
}

func TestSirenIsSilencedAndSoundsAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, siren, &thing{}, &disk{})
		r.Trip(leak)
		r.after(time.Second)
		if err := r.Silence(); err != nil {
			t.Fatal(err)
		}
		r.after(time.Hour)
		r.thing.want(t, "0s false, 0s true, 1s false")
		if l := r.Latch(); !l.Latched || !l.Silenced {
			t.Errorf("%+v", l)
		}
		r.Trip(leak) // the same again is news
		r.after(time.Second)
		r.thing.want(t, "0s false, 0s true, 1s false, 1h0m1s true")
		r.stop()
		v := build(t, plain, &thing{}, nil, &disk{}, slog.New(slog.DiscardHandler))
		if err := v.Silence(); err == nil {
			t.Error("a valve was silenced")
		}
	})
}

func TestButton(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, "{id: s, kind: siren, output: {test: {}}, reset: {button: {}}}", &thing{}, &disk{})
		asked := 0
		var refuse error
		r.ResetBy(func() error { // before anything is pressed
			if asked++; refuse == nil {
				r.Reset()
			}
			return refuse
		})
		press := func(d time.Duration) {
			r.after(time.Second)
			r.button.set(func() { r.button.shut = true })
			r.after(d)
			r.button.set(func() { r.button.shut = false })
			r.after(time.Second)
		}
		press(time.Second)
		if asked != 0 {
			t.Error("asked though nothing is latched")
		}
		r.button.set(func() { r.button.shut = true })
		r.after(time.Second)
		r.Trip(leak) // while it is held
		r.after(time.Hour)
		r.button.set(func() { r.button.blind = errors.New("no such line") })
		r.after(time.Minute)
		r.button.set(func() { r.button.blind = nil })
		r.after(time.Hour)
		r.button.set(func() { r.button.shut = false })
		press(20 * time.Millisecond)
		if asked != 0 || !r.Latch().Latched {
			t.Errorf("asked %d times by a button that was not pressed", asked)
		}
		refuse = errors.New("there is still gas")
		press(time.Second)
		if asked != 1 || !r.Latch().Latched || r.log.count("refused") != 1 {
			t.Errorf("asked %d times, %+v", asked, r.Latch())
		}
		refuse = nil
		press(time.Minute)
		if asked != 2 || r.Latch().Latched {
			t.Errorf("asked %d times, %+v", asked, r.Latch())
		}
		r.stop()
	})
}

// A wire that panics is restarted by whoever runs the device, and takes nobody along.
func TestPanicEndsRun(t *testing.T) {
	in(t, func(t *testing.T) {
		a := build(t, plain, nil, nil, &disk{}, slog.New(slog.DiscardHandler))
		a.out = panics{}
		var once sync.Once
		if err := a.Run(t.Context(), telemetry.Clock{}, func(telemetry.Point) { once.Do(func() {}) }); !errors.Is(err, errPanic) {
			t.Errorf("got %v", err)
		}
	})
}

type panics struct{}

func (panics) String() string                  { return "" }
func (panics) Set(context.Context, bool) error { panic("nil map") }
