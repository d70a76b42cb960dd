package linetest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/devicetest"
	"weishao.dev/weishao/telemetry"
)

const everyFrame = 15 * time.Millisecond // of a stream

// Stream says frames, one after the other, until stop is called or the test ends. n
// counts them.
func (p *Port) Stream(frames func(n int) []byte) (stop func()) {
	quit, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		tick := time.NewTicker(everyFrame)
		defer tick.Stop()
		for n := 0; ; n++ {
			p.Say(frames(n)...)
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	}()
	stop = sync.OnceFunc(func() { close(quit); <-done })
	p.t.Cleanup(stop)
	return stop
}

// Failure is a way in which a part that speaks by itself fails.
type Failure struct {
	Name   string
	Told   string // in the log
	Fault  telemetry.Quality
	Frames func(n int) []byte // that it sends instead; nil: its adapter is pulled out
}

var silence = Failure{"silence", "nothing was received", telemetry.NoResponse, func(int) []byte { return nil }}

// Drill makes a part that sends good frames be silent, fail in each way of list, and its
// adapter be pulled out. Each is a fault with its reason and no number; then the device
// works again by itself, and right says whether it measures well. device makes it for a
// port, with a time limit of 100 ms or more and an interval that is short.
func Drill(t *testing.T, device func(t *testing.T, port string) devices.Device, good func(n int) []byte, right func(map[string]telemetry.Point) bool, list ...Failure) {
	for _, f := range append(list, silence, Failure{"unplugged", "the port is gone", telemetry.NoResponse, nil}) {
		t.Run(strings.ReplaceAll(f.Name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			port := New(t)
			stop := port.Stream(good)
			breakIt := func() { stop(); stop = port.Stream(f.Frames) }
			mend := func() { stop(); stop = port.Stream(good) }
			most := 2 // a stream that changes may cut a frame, which is told too
			if f.Frames == nil {
				most = 1
				breakIt, mend = port.Unplug, func() { stop(); port.Plug(); stop = port.Stream(good) }
			}
			r := devicetest.Run(t, device(t, port.Path))
			if m := r.Survives(f.Fault, breakIt, mend); !right(m) {
				t.Errorf("then it works, and gives %v", m)
			}
			if e := r.Events(); len(e) > most || !strings.Contains(e[len(e)-1], f.Told) {
				t.Errorf("told %q, want %q", e, f.Told)
			}
			r.Stop()
		})
	}
}
