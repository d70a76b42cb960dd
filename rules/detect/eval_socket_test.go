package detect

import (
	"fmt"
	"path/filepath"
	"testing"

	"weishao.dev/weishao/internal/figures"
	"weishao.dev/weishao/internal/sim"
)

// spoil adds relative noise and quantisation to a value.
type spoil struct{ relative, step float64 }

// firstDraw is the seed of the noise that every figure is given with.
const firstDraw = 9

// flags runs the charging detector and gives the times at which it was raised.
func flags(rows []row, placement string, sp spoil, threshold float64) (at []int64) {
	return flagsWith(rows, placement, sim.Sensor{Seed: firstDraw, Relative: sp.relative, Step: sp.step, Max: 1e6}, threshold)
}

func flagsWith(rows []row, placement string, sensor sim.Sensor, threshold float64) (at []int64) {
	k := kind("charging")
	d := k.New(placement, 0)
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

// spoils are the ways in which a figure on measured curves is given: as they are,
// and with a meter's noise and steps.
var spoils = []spoil{{}, {0.01, 1}, {0.02, 5}, {0.03, 10}}

// measureSessions is, for each measured session, how many s after its start the
// corridor's socket was flagged; -1 for never.
func measureSessions(t testing.TB, sp spoil) (delays []int64) {
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
		t.Logf("%s with %+v: flagged %v s after the start", filepath.Base(path), sp, since(at, start))
		if len(at) == 0 {
			delays = append(delays, -1)
		} else {
			delays = append(delays, (at[0]-start)/1000)
		}
	}
	return delays
}

// measureAppliances is how many days of other appliances are taken for a charger.
func measureAppliances(t testing.TB, placement string, sp spoil, threshold float64) (flagged, total int) {
	for _, path := range files(t, "appliances/*.csv.gz") {
		rows := readings(t, path)
		total++
		if at := flags(rows, placement, sp, threshold); len(at) > 0 {
			flagged++
			t.Logf("   %s flagged %d times, first after %v s", filepath.Base(path), len(at), since(at[:1], rows[0].t))
		}
	}
	return flagged, total
}

// meanAppliances is how many of the days are taken for a charger, on average over
// draws of the noise.
func meanAppliances(t testing.TB, placement string, sp spoil, threshold float64, draws int) float64 {
	flagged := 0
	for _, path := range files(t, "appliances/*.csv.gz") {
		rows := readings(t, path)
		for draw := range uint64(draws) {
			sensor := sim.Sensor{Seed: firstDraw + draw, Relative: sp.relative, Step: sp.step, Max: 1e6}
			if len(flagsWith(rows, placement, sensor, threshold)) > 0 {
				flagged++
			}
		}
	}
	return float64(flagged) / float64(draws)
}

// TestRealSockets: every charging session within three minutes, and at most 4 of
// the appliance-days flagged. With noise and quantisation added the figures
// are held to what was measured, so that they do not get worse unseen.
func TestRealSockets(t *testing.T) {
	if dataDir() == "" {
		t.Log("no DATA: simulated sockets only, see TestSimulatedChargersOnSockets")
		return
	}
	const within = 180 // s
	if testing.Verbose() {
		list := measuredLoads(t)
		t.Logf("%d measured loads, at peaks:\n%sat the moments:\n%s", len(list), atPeaks(list).table(), atMoments(list).table())
	}
	for i, most := range []int{2, 3, 3, 4} {
		sp := spoils[i]
		for _, delay := range measureSessions(t, sp) {
			if delay < 0 || delay > within {
				t.Errorf("a session with %+v: flagged %d s after the start, want within %d", sp, delay, within)
			}
		}
		flagged, total := measureAppliances(t, "corridor_socket", sp, 0.8)
		t.Logf("appliance-days flagged with %+v: %d of %d", sp, flagged, total)
		if flagged > most {
			t.Errorf("%d of %d appliance-days were flagged with %+v, want at most %d", flagged, total, sp, most)
		}
	}
}

// TestRealStages: the measured sessions run from bulk through a taper to their end;
// the second battery of the one with two is bulk again within a quarter of an hour.
func TestRealStages(t *testing.T) {
	if dataDir() == "" {
		t.Log("no DATA: simulated stages only, see TestStagesOfTwoBatteriesAndAFloat")
		return
	}
	const changeover = 116 * 60_000 // ms: the two-battery session goes to the second one
	for _, c := range []struct {
		name   string
		energy float64 // Wh, of the recording
	}{{"bosch_single90", 255}, {"bosch_dual90", 732}} {
		rows := readings(t, filepath.Join(dataDir(), "charging", c.name+".csv.gz"))
		d := newCharging("corridor_socket", 0)
		var stages []float64
		again, energy := int64(0), 0.0
		for _, r := range rows {
			d.Observe(chargePower, r.t, r.v)
			stage, _ := d.Output(3)
			if n := len(stages); n == 0 || stages[n-1] != stage {
				stages = append(stages, stage)
				if stage == stageBulk && r.t-rows[0].t > changeover && again == 0 {
					again = r.t - rows[0].t - changeover
				}
			}
			if likely, _ := d.Output(0); stage == stageTaper && likely < 0.8 {
				t.Errorf("%s: called %.2f in its taper", c.name, likely)
			}
			if e, _ := d.Output(1); stage != stageDone {
				energy = e
			}
		}
		t.Logf("%s: stages %v, %.0f Wh, bulk again %d s after the changeover", c.name, stages, energy, again/1000)
		n := len(stages)
		if n < 4 || stages[0] != stageNone || stages[1] != stageBulk || stages[n-2] != stageTaper || stages[n-1] != stageDone {
			t.Errorf("%s: stages %v", c.name, stages)
		}
		if c.name == "bosch_dual90" && (again == 0 || again > 15*60_000) {
			t.Errorf("the second battery is bulk %d s after the changeover", again/1000)
		}
		if energy < 0.98*c.energy || energy > 1.02*c.energy {
			t.Errorf("%s: %.0f Wh, want %.0f", c.name, energy, c.energy)
		}
	}
}

func since(at []int64, start int64) (s []int64) {
	for _, t := range at {
		s = append(s, (t-start)/1000)
	}
	return s
}

func evalSockets(t *testing.T, r *figures.Report) {
	for _, sp := range spoils {
		on := "socket, as recorded"
		if sp != (spoil{}) {
			on = fmt.Sprintf("socket, +%g %%, %g W steps", 100*sp.relative, sp.step)
		}
		r.About("charging", on)
		worst := int64(0)
		for _, d := range measureSessions(t, sp) {
			if d < 0 {
				d = never
			}
			worst = max(worst, d)
		}
		r.Add("2 sessions, the later flag", float64(worst), "s").AtMost(180)
		flagged, total := measureAppliances(t, "corridor_socket", sp, 0.8)
		r.Add(fmt.Sprintf("appliance-days flagged of %d, corridor", total), float64(flagged), "").AtMost(4)
		if sp != (spoil{}) {
			r.Add("the same, mean of 8 draws of the noise", meanAppliances(t, "corridor_socket", sp, 0.8, 8), "").AtMost(4)
		}
		flagged, total = measureAppliances(t, "dwelling_socket", sp, 0.7)
		r.Add(fmt.Sprintf("appliance-days flagged of %d, dwelling", total), float64(flagged), "").AtMost(1)
	}
	evalCalibration(t, r)
}

// evalCalibration compares what sockets' loads are called with what they are: in the
// simulated population, on seeds that nothing was chosen by, and as measured, where
// two days of 39 are a charger's instead of three of five.
func evalCalibration(t *testing.T, r *figures.Report) {
	list := socketPopulation("corridor_socket", seedsChecked, seedsDays, chargerDays)
	n, soon := sessions(list)
	r.About("charging", fmt.Sprintf("socket, %d simulated days", seedsDays))
	r.Add(fmt.Sprintf("of %d sessions, raised within 3 min", n), 100*float64(soon)/float64(n), "%").AtLeast(95)
	for _, called := range []float64{0.8, 0.9, 0.95} {
		n, share := reached(list, called)
		f := r.Add(fmt.Sprintf("of %d loads called %g or more, chargers", n, called), 100*share, "%")
		if called == 0.9 {
			f.AtLeast(90)
		}
	}
	r.Add("expected calibration error, 3 min to 2 h after the start", atMoments(list).error(), "").AtMost(0.1)

	measured := measuredLoads(t)
	r.About("charging", "socket, measured days")
	for _, called := range []float64{0.8, 0.9, 0.95} {
		n, share := reached(measured, called)
		r.Add(fmt.Sprintf("of %d loads called %g or more, chargers", n, called), 100*share, "%")
	}
	r.Add(fmt.Sprintf("expected calibration error, %d loads", len(measured)), atPeaks(measured).error(), "")
}
