package actuator

import (
	"errors"
	"io/fs"
	"testing"
	"time"
)

// The latch, and a siren's silence, outlive the process; an output is told at once.
func TestRestart(t *testing.T) {
	in(t, func(t *testing.T) {
		d := &disk{}
		r := start(t, proved, &thing{}, d)
		r.Trip(leak)
		r.stop()
		x := &thing{}
		r = start(t, proved, x, d)
		r.after(time.Minute)
		x.want(t, "0s true, 500ms false")
		if l := r.Latch(); !l.Latched || len(l.Causes) != 1 || l.Causes[0] != leak {
			t.Errorf("%+v", l)
		}
		r.Reset()
		r.stop()
		r = start(t, proved, &thing{}, d)
		r.after(time.Minute)
		r.thing.want(t, "0s false")
		r.stop()
	})
	in(t, func(t *testing.T) {
		d := &disk{}
		r := start(t, siren, &thing{}, d)
		r.Trip(leak)
		r.after(time.Second)
		_ = r.Silence()
		r.stop()
		r = start(t, siren, &thing{}, d)
		r.after(time.Minute)
		r.thing.want(t, "0s false")
		r.Trip(leak) // the engine begins anew, and finds the gas still there
		r.after(time.Minute)
		r.thing.want(t, "0s false, 1m0s true")
		r.stop()
	})
}

// A disk that fails or hangs prevents nothing, is told once, and has the latch once
// it can be written.
func TestBadDisk(t *testing.T) {
	in(t, func(t *testing.T) {
		d := &disk{}
		r := start(t, plain, &thing{}, d)
		d.set(func() { d.fails = errors.New("no space left on device") })
		r.Trip(leak)
		r.after(time.Hour)
		r.thing.want(t, "0s false, 0s true")
		if n := r.log.count("cannot be kept"); n != 1 {
			t.Errorf("told %d times", n)
		}
		d.set(func() { d.fails = nil })
		r.after(time.Minute)
		if l, err := load(d, "state/v.json"); err != nil || !l.Latched {
			t.Errorf("%+v, %v", l, err)
		}
		r.stop()
	})
	in(t, func(t *testing.T) {
		d := &disk{hangs: make(chan struct{})}
		r := start(t, plain, &thing{}, d)
		r.Trip(leak)
		r.after(time.Second)
		r.Reset()
		r.after(time.Second)
		r.Trip(leak)
		r.after(time.Second)
		r.thing.want(t, "0s false, 0s true, 1s false, 2s true")
		close(d.hangs)
		r.stop()
	})
}

// fail_safe: what a lost latch means, and what is left behind.
func TestFailSafe(t *testing.T) {
	for _, c := range []struct{ fail, lost, stopped string }{
		{"keep", "0s false", "0s false"}, {"rest", "0s false", "0s false"}, {"act", "0s true", "0s false, 1s true"},
	} {
		text := "{id: v, kind: gas_valve, output: {test: {}}, fail_safe: " + c.fail + "}"
		in(t, func(t *testing.T) {
			for _, d := range []*disk{{files: map[string][]byte{"state/v.json": []byte(`{"latched":tr`)}}, {fails: errors.New("input/output error")}} {
				r := start(t, text, &thing{}, d)
				r.after(time.Minute)
				r.thing.want(t, c.lost)
				r.stop()
			}
			r := start(t, text, &thing{}, &disk{})
			r.after(time.Second)
			r.stop()
			r.thing.want(t, c.stopped)
		})
	}
	in(t, func(t *testing.T) {
		r := start(t, "{id: s, kind: siren, output: {test: {}}, fail_safe: rest}", &thing{}, &disk{})
		r.Trip(leak)
		r.after(time.Second)
		r.stop()
		r.thing.want(t, "0s false, 0s true, 1s false")
	})
}

// On the machine's own disk.
func TestHostDisk(t *testing.T) {
	path := t.TempDir() + "/state/v.json"
	if l, err := load(hostDisk{}, path); err != nil || l.Latched {
		t.Errorf("of a file that is not there: %+v, %v", l, err)
	}
	if err := (hostDisk{}).WriteFile(path, []byte(`{"latched":true}`)); err != nil {
		t.Fatal(err)
	}
	if l, err := load(hostDisk{}, path); err != nil || !l.Latched {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := load(hostDisk{}, path+"/x"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
