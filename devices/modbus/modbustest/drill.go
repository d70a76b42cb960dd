package modbustest

import (
	"strings"
	"testing"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/devicetest"
	"weishao.dev/weishao/telemetry"
)

// Drill does to a driver all that can go wrong on a line, each on a line of its own
// with slave number 1. A fault has to be reported as such from the first sample on, as
// one event with its reason, and the driver has to recover by itself.
//
// device makes the device under test at a port. Its timeout should be at least 100 ms
// and its interval 400 ms: the machine that tests may be busy.
func Drill(t *testing.T, slave Slave, device func(t *testing.T, port string) devices.Device) {
	for _, f := range Faults() {
		t.Run(strings.ReplaceAll(f.Name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			line := New(t)
			line.Put(1, slave)
			drill(t, line, device(t, line.Path), f.Quality, f.Text,
				func() { line.Distort(f.Distort) }, func() { line.Distort(nil) })
		})
	}
	t.Run("unplugged", func(t *testing.T) {
		t.Parallel()
		line := New(t)
		line.Put(1, slave)
		drill(t, line, device(t, line.Path), telemetry.NoResponse, "the port is gone", line.Unplug, func() { line.Plug(); line.Serve() })
	})
}

func drill(t *testing.T, line *Line, dev devices.Device, q telemetry.Quality, text string, breakIt, mend func()) {
	t.Helper()
	r := devicetest.Run(t, dev)
	r.Survives(q, breakIt, mend)
	if e := r.Events(); len(e) != 1 || !strings.Contains(e[0], text) || !strings.Contains(e[0], line.Path) {
		t.Errorf("told %q, want one event with %q", e, text)
	}
	r.Stop()
}
