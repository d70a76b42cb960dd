package actuator

import (
	"testing"
	"time"
)

// A siren that sounds on after its reset is a fault; so is one that sounds before anybody
// asked. A valve stays shut until a hand opens it: that is none.
func TestDoesNotRest(t *testing.T) {
	in(t, func(t *testing.T) {
		r := start(t, "{id: s, kind: siren, output: {test: {}}, feedback: {test: {}}, within: 200ms}", &thing{}, &disk{})
		r.after(time.Second)
		r.Trip(leak)
		r.after(time.Minute)
		if s := r.Status(); s.Fault != "" || s.State != 1 {
			t.Errorf("while it sounds: %+v", s)
		}
		r.Reset()
		r.after(100 * time.Millisecond)
		if s := r.Status(); s.Fault != "" {
			t.Errorf("before its time is over: %+v", s)
		}
		r.after(200 * time.Millisecond)
		if s := r.Status(); s.Fault != "stuck" {
			t.Errorf("it sounds on: %+v", s)
		}
		r.after(10 * time.Minute)
		if n := r.log.count("in trouble"); n != 1 {
			t.Errorf("told %d times", n)
		}
		r.thing.set(func() { r.thing.shut = false })
		r.after(2 * time.Minute)
		if s := r.Status(); s.Fault != "" || s.State != 0 || r.log.count("works again") != 1 {
			t.Errorf("%+v\n%s", s, &r.log.text)
		}
		r.Trip(leak) // and it is quiet in its time when it is silenced
		r.after(time.Minute)
		if err := r.Silence(); err != nil {
			t.Fatal(err)
		}
		r.thing.set(func() { r.thing.shut = false })
		r.after(time.Minute)
		if s := r.Status(); s.Fault != "" || s.State != 0 {
			t.Errorf("silenced: %+v", s)
		}
		r.stop()
	})
	in(t, func(t *testing.T) {
		r := start(t, "{id: b, kind: beacon, output: {test: {}}, feedback: {test: {}}}", &thing{shut: true}, &disk{})
		r.after(time.Minute)
		r.wantSeries(MetricState, "0s 1, 5s stuck")
		r.stop()
	})
	in(t, func(t *testing.T) {
		r := start(t, "{id: v, kind: gas_valve, output: {test: {}}, feedback: {test: {}}}", &thing{shut: true}, &disk{})
		r.after(time.Hour)
		r.wantSeries(MetricState, "0s 1")
		r.stop()
	})
}
