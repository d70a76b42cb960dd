package detect

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weishao.dev/weishao/internal/sim"
)

// session is a charging session of a truth file, Unix ms.
type session struct{ start, end int64 }

// truth reads the sessions of a truth file, of one device or of all.
func truth(t testing.TB, path, device string) (list []session) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records[1:] {
		if device != "" && r[2] != device {
			continue
		}
		a, _ := strconv.ParseInt(r[0], 10, 64)
		b, _ := strconv.ParseInt(r[1], 10, 64)
		list = append(list, session{1000 * a, 1000 * b})
	}
	return list
}

// tally is what came of matching raises with sessions.
type tally struct {
	found, sessions, wrong int
	delays                 []int64 // s
}

func (y *tally) add(raises []int64, sessions []session) {
	y.sessions += len(sessions)
	hit := make([]bool, len(sessions))
	for _, at := range raises {
		right := false
		for i, s := range sessions {
			if at >= s.start-60_000 && at <= s.end+60_000 {
				right = true
				if !hit[i] {
					hit[i] = true
					y.found++
					y.delays = append(y.delays, (at-s.start)/1000)
				}
			}
		}
		if !right {
			y.wrong++
		}
	}
}

func (y *tally) medianDelay() int64 {
	if len(y.delays) == 0 {
		return 0
	}
	slices.Sort(y.delays)
	return y.delays[len(y.delays)/2]
}

// measureHouses is the feeder at 10 s, with power factor or with power alone.
func measureHouses(t testing.TB, sp spoil, alone bool) (y tally) {
	for _, path := range files(t, "house_days/house_*.csv.gz") {
		rows := readings(t, path)
		sessions := truth(t, filepath.Join(dataDir(), "house_days/truth.csv"), rows[0].device)
		if alone {
			rows = slices.DeleteFunc(rows, func(r row) bool { return r.metric != "power" })
		}
		raises := flags(rows, "dwelling_feeder", sp, 0.7)
		before := y
		y.add(raises, sessions)
		t.Logf("%s: %d sessions, found %d, wrong %d", filepath.Base(path), len(sessions), y.found-before.found, y.wrong-before.wrong)
	}
	return y
}

func (y *tally) recall() float64    { return float64(y.found) / float64(y.sessions) }
func (y *tally) precision() float64 { return float64(y.found) / float64(y.found+y.wrong) }

// TestRealHouses: a dwelling's feeder with power and power factor at 10 s.
func TestRealHouses(t *testing.T) {
	if dataDir() == "" {
		t.Log("no DATA: simulated houses only, see TestSimulatedHouses")
		return
	}
	y := measureHouses(t, spoil{}, false)
	t.Logf("house days with power factor: recall %.2f, precision %.2f, median delay %d min", y.recall(), y.precision(), y.medianDelay()/60)
	if y.recall() < 0.85 || y.precision() < 0.85 || y.medianDelay() > 1800 {
		t.Errorf("recall %.2f, precision %.2f, median delay %d s; want 0.85, 0.85, at most 1800", y.recall(), y.precision(), y.medianDelay())
	}
}

// onCurve is what one threshold gives on one-minute power alone.
type onCurve struct {
	threshold float64
	tally
	wrongPer100 float64 // house-days
}

// householdThresholds are the points of the curve of one-minute power alone.
var householdThresholds = []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}

// measureHouseholds is the curve of recall against false flags over the threshold.
func measureHouseholds(t testing.TB, sp spoil) []onCurve {
	curve := make([]onCurve, len(householdThresholds))
	days := 0.0
	for _, path := range files(t, "household/*.csv.gz") {
		rows := readings(t, path)
		var sessions []session
		if strings.Contains(path, "with_charging") {
			sessions = truth(t, strings.TrimSuffix(path, ".csv.gz")+".truth.csv", "")
		}
		days += float64(rows[len(rows)-1].t-rows[0].t) / 86400_000
		for i, raises := range raisesAt(rows, sp, householdThresholds) {
			curve[i].add(raises, sessions)
		}
	}
	for i := range curve {
		curve[i].threshold = householdThresholds[i]
		curve[i].wrongPer100 = 100 * float64(curve[i].wrong) / days
	}
	return curve
}

// raisesAt is when the likelihood on a feeder rose above each threshold.
func raisesAt(rows []row, sp spoil, thresholds []float64) [][]int64 {
	at := make([][]int64, len(thresholds))
	d := newCharging("dwelling_feeder", 0)
	sensor := sim.Sensor{Seed: 9, Relative: sp.relative, Step: sp.step, Max: 1e6}
	before := 0.0
	for _, r := range rows {
		v := r.v
		if v > 1 {
			v = sensor.Read(msec(r.t), v)
		}
		d.Observe(chargePower, r.t, v)
		l, _ := d.Output(0)
		for i, threshold := range thresholds {
			if l >= threshold && before < threshold {
				at[i] = append(at[i], r.t)
			}
		}
		before = l
	}
	return at
}

// TestRealHouseholds: one-minute power alone, at the likelihood that the shipped
// rule raises on.
func TestRealHouseholds(t *testing.T) {
	if dataDir() == "" {
		t.Log("no DATA: simulated houses only, see TestFloorIsCalibrated")
		return
	}
	for _, sp := range spoils {
		for _, c := range measureHouseholds(t, sp) {
			t.Logf("one-minute power alone with %+v, threshold %.2f: %d of %d sessions, %.1f false flags per 100 house-days, median delay %d min",
				sp, c.threshold, c.found, c.sessions, c.wrongPer100, c.medianDelay()/60)
			if sp == (spoil{}) && c.threshold == 0.7 && (c.recall() < 0.55 || c.wrongPer100 > 2) {
				t.Errorf("recall %.2f at %.1f false flags per 100 house-days, want 0.55 at 2", c.recall(), c.wrongPer100)
			}
		}
	}
}
