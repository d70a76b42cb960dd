package detect

import (
	"path/filepath"
	"testing"

	"weishao.dev/weishao/internal/sim"
)

// spoil adds relative noise and quantisation to a value.
type spoil struct{ relative, step float64 }

// flags runs the charging detector and gives the times at which it was raised.
func flags(rows []row, placement string, sp spoil, threshold float64) (at []int64) {
	k := kind("charging")
	d := k.New(placement)
	sensor := sim.Sensor{Seed: 9, Relative: sp.relative, Step: sp.step, Max: 1e6}
	up := false
	for _, r := range rows {
		v := r.v
		if r.metric == "power" && v > 1 {
			v = sensor.Read(msec(r.t), v)
		}
		d.Observe(k.Input(r.metric), r.t, v)
		l, ok := d.Output(0)
		if now := ok && l >= threshold; now && !up {
			at, up = append(at, r.t), true
		} else if !now {
			up = false
		}
	}
	return at
}

// TestRealSockets: every charging session within three minutes, and at most 4 of
// the appliance-days flagged. With noise and quantisation added the figures
// are held to what was measured, so that they do not get worse unseen.
func TestRealSockets(t *testing.T) {
	if dataDir() == "" {
		t.Log("no DATA: simulated sockets only, see TestSimulatedChargersOnSockets")
		return
	}
	for _, c := range []struct {
		spoil
		within int64 // s
		most   int   // appliance-days
	}{{spoil{}, 180, 4}, {spoil{0.01, 1}, 180, 5}, {spoil{0.02, 5}, 180, 5}, {spoil{0.03, 10}, 180, 7}} {
		sp := c.spoil
		for _, path := range files(t, "charging/*.csv.gz") {
			rows := readings(t, path)
			start := int64(0)
			for _, r := range rows {
				if r.v > 20 {
					start = r.t
					break
				}
			}
			at := flags(rows, "corridor_socket", sp, 0.8)
			if len(at) == 0 || at[0]-start > 1000*c.within {
				t.Errorf("%s with %+v: flagged %v s after the start, want within %d", filepath.Base(path), sp, since(at, start), c.within)
				continue
			}
			t.Logf("%s with %+v: flagged %v s after the start", filepath.Base(path), sp, since(at, start))
		}
		flagged, total := 0, 0
		for _, path := range files(t, "appliances/*.csv.gz") {
			rows := readings(t, path)
			total++
			if at := flags(rows, "corridor_socket", sp, 0.8); len(at) > 0 {
				flagged++
				t.Logf("   %s flagged %d times, first after %v s", filepath.Base(path), len(at), since(at[:1], rows[0].t))
			}
		}
		t.Logf("appliance-days flagged with %+v: %d of %d", sp, flagged, total)
		if flagged > c.most {
			t.Errorf("%d of %d appliance-days were flagged with %+v, want at most %d", flagged, total, sp, c.most)
		}
	}
}

func since(at []int64, start int64) (s []int64) {
	for _, t := range at {
		s = append(s, (t-start)/1000)
	}
	return s
}
