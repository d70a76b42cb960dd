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
		r.Reset()
		r.after(10 * time.Minute)
		r.wantSeries(MetricState, "0s 0, 1.1s 1, 1m1.2s stuck")
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
