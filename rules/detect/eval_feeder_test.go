package detect

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
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

// measureHouses is the feeder with power and power factor at 10 s.
func measureHouses(t testing.TB) (y tally) {
	for _, path := range files(t, "house_days/house_*.csv.gz") {
		rows := readings(t, path)
		sessions := truth(t, filepath.Join(dataDir(), "house_days/truth.csv"), rows[0].device)
		raises := flags(rows, "dwelling_feeder", spoil{}, 0.7)
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
	y := measureHouses(t)
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

// measureHouseholds is the curve of recall against false flags over the threshold.
func measureHouseholds(t testing.TB) (curve []onCurve) {
	type house struct {
		rows     []row
		sessions []session
	}
	var houses []house
	days := 0.0
	for _, path := range files(t, "household/*.csv.gz") {
		h := house{rows: readings(t, path)}
		if p := strings.TrimSuffix(path, ".csv.gz") + ".truth.csv"; strings.Contains(path, "with_charging") {
			h.sessions = truth(t, p, "")
		}
		days += float64(h.rows[len(h.rows)-1].t-h.rows[0].t) / 86400_000
		houses = append(houses, h)
	}
	for _, threshold := range []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9} {
		c := onCurve{threshold: threshold}
		for _, h := range houses {
			c.add(flags(h.rows, "dwelling_feeder", spoil{}, threshold), h.sessions)
		}
		c.wrongPer100 = 100 * float64(c.wrong) / days
		curve = append(curve, c)
	}
	return curve
}

// TestRealHouseholds: one-minute power alone. Measured as a curve over the
// threshold, not asserted: see docs/detection.md.
func TestRealHouseholds(t *testing.T) {
	if dataDir() == "" {
		t.Log("no DATA: nothing to measure")
		return
	}
	for _, c := range measureHouseholds(t) {
		t.Logf("one-minute power alone, threshold %.2f: %d of %d sessions, %.1f false flags per 100 house-days, median delay %d min",
			c.threshold, c.found, c.sessions, c.wrongPer100, c.medianDelay()/60)
	}
}
