package detect

import (
	"fmt"
	"os"
	"testing"
	"time"

	"weishao.dev/weishao/internal/figures"
)

// TestEval measures every figure of a detector that has a floor on measured data or
// on a standard's vectors, and adds it to the file that EVAL names. A floor that is not
// met does not fail it: the tests of each detector say which figures may not get worse.
// Fires are measured in rules/backtest, by the rules.
func TestEval(t *testing.T) {
	path := os.Getenv("EVAL")
	if dataDir() == "" || path == "" {
		t.Skip("a table of figures for people: make eval DATA=folder")
	}
	r := &figures.Report{}
	evalCO(r)
	evalSockets(t, r)
	evalFeeders(t, r)
	if err := r.AddTo(path); err != nil {
		t.Fatal(err)
	}
}

// never stands for an alarm that did not come.
const never = 1e9

func evalCO(r *figures.Report) {
	alarm := func(ppm float64) float64 {
		if at, ok := coAlarm(ppm, 10*time.Second, 8*time.Hour); ok {
			return at.Minutes()
		}
		return never
	}
	r.About("co.dose", "EN 50291-1, every 10 s")
	r.Add("30 ppm, not before", alarm(30), "min").AtLeast(120)
	r.Between("50 ppm", alarm(50), "min", 60, 90)
	r.Between("100 ppm", alarm(100), "min", 10, 40)
	r.Add("300 ppm, not after", alarm(300), "min").AtMost(3)

	r.About("co.cohb", "UL 2034, every 10 s")
	for _, v := range []struct{ ppm, lo, hi float64 }{{70, 60, 240}, {150, 10, 50}, {400, 4, 15}} {
		at := float64(never)
		if d, ok := cohbReaches(v.ppm, 10*time.Second, 0, 8*time.Hour); ok {
			at = d.Minutes()
		}
		r.Between(fmt.Sprintf("%g ppm", v.ppm), at, "min", v.lo, v.hi)
	}
	alarms := 0.0
	if _, ok := cohbReaches(30, 10*time.Second, 0, 30*24*time.Hour); ok {
		alarms = 1
	}
	r.Add("30 ppm for 30 days, alarms", alarms, "").AtMost(0)
}

func evalFeeders(t *testing.T, r *figures.Report) {
	for _, sp := range spoils {
		y := measureHouses(t, sp, false)
		r.About("charging", "feeder, power factor, 10 s"+sp.String())
		r.Add(fmt.Sprintf("recall, %d sessions", y.sessions), y.recall(), "").AtLeast(0.85)
		r.Add("precision", y.precision(), "").AtLeast(0.85)
		r.Add("median time to a suspicion", float64(y.medianDelay())/60, "min").AtMost(30)
	}
	y := measureHouses(t, spoil{}, true)
	r.About("charging", "feeder, power alone, 10 s")
	r.Add(fmt.Sprintf("recall, %d sessions", y.sessions), y.recall(), "")
	r.Add("precision", y.precision(), "")
	for _, sp := range spoils {
		r.About("charging", "feeder, power alone, 1 min"+sp.String())
		best := 0.0
		for _, c := range measureHouseholds(t, sp) {
			if sp == (spoil{}) {
				r.Add(fmt.Sprintf("recall, threshold %g", c.threshold), c.recall(), "")
				r.Add(fmt.Sprintf("false flags per 100 house-days, threshold %g", c.threshold), c.wrongPer100, "")
			}
			if c.wrongPer100 <= 3 {
				best = max(best, c.recall())
			}
		}
		r.Add("best recall at 3 false flags per 100 house-days", best, "").AtLeast(0.5)
	}
}

// String says what is added to measured curves.
func (sp spoil) String() string {
	if sp == (spoil{}) {
		return ""
	}
	return fmt.Sprintf(", +%g %%, %g W steps", 100*sp.relative, sp.step)
}
