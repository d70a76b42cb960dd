package actuator

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Whatever happens, in whatever order, a latch ends by a reset and by nothing else,
// and while it lasts the output acts unless somebody silenced it after the last raise.
func TestLatchNeverReleasesByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Latch
		latched, silenced := false, false
		causes := map[string]bool{}
		for range rapid.IntRange(0, 30).Draw(t, "acts") {
			switch rapid.IntRange(0, 3).Draw(t, "act") {
			case 0, 1:
				c := Cause{Rule: rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "rule"), Device: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "device"), At: 1}
				l, latched, silenced = l.Trip(c), true, false
				causes[c.Rule+c.Device] = true
			case 2:
				l, silenced = l.Silence(), latched
			case 3:
				l, latched, silenced, causes = l.Reset(), false, false, map[string]bool{}
			}
			if l.Latched != latched || l.Silenced != silenced || l.Acts() != (latched && !silenced) || len(l.Causes) != len(causes) {
				t.Fatalf("%+v, want latched %v, silenced %v, %d causes", l, latched, silenced, len(causes))
			}
		}
	})
}

// The same of a whole actuator: wires and disks that fail and hang, restarts, buttons
// that cannot be read and hours that pass reset nothing.
func TestActuatorStaysLatched(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(rapid.IntRange(0, 7), 1, 8).Draw(rt, "acts")
		text := rapid.SampledFrom([]string{plain, pulsed, proved, siren}).Draw(rt, "what")
		synctest.Test(t, func(t *testing.T) {
			d := &disk{}
			r := start(t, text, &thing{}, d)
			r.Trip(leak)
			r.after(time.Millisecond) // the disk has it
			bad := errors.New("input/output error")
			for _, act := range acts {
				switch act {
				case 0:
					r.thing.set(func() { r.thing.fails = bad })
				case 1:
					r.thing.set(func() { r.thing.jams, r.thing.shut = true, false })
				case 2:
					r.thing.set(func() { r.thing.blind = bad })
				case 3:
					r.button.set(func() { r.button.blind = bad })
				case 4:
					r.thing.set(func() { r.thing.hangs = !r.thing.hangs })
				case 5:
					d.set(func() { d.fails = bad })
				case 6:
					d.set(func() { d.fails = nil })
					r.stop()
					r = start(t, text, &thing{}, d)
				case 7:
					r.after(2 * time.Minute)
				}
				if l := r.Latch(); !l.Acts() {
					rt.Errorf("after %v: %+v", acts, l)
				}
			}
			r.thing.set(func() { r.thing.fails, r.thing.blind, r.thing.jams, r.thing.hangs = nil, nil, false, false })
			r.after(3 * time.Minute)
			if p := r.Status(); p.State != 1 || p.Fault != "" {
				rt.Errorf("when all works again: %+v", p)
			}
			r.stop()
		})
	})
}
