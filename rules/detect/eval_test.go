package detect

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// figure is one line of the table that `make eval` prints.
type figure struct {
	Detector string   `json:"detector"`
	On       string   `json:"on"`
	What     string   `json:"what"`
	Value    float64  `json:"value"`
	Unit     string   `json:"unit,omitempty"`
	Least    *float64 `json:"at_least,omitempty"` // the floor, where there is one
	Most     *float64 `json:"at_most,omitempty"`
	Met      *bool    `json:"met,omitempty"`
}

// report collects the figures.
type report struct {
	detector, on string
	figures      []figure
}

func (r *report) about(detector, on string) { r.detector, r.on = detector, on }

func (r *report) add(what string, value float64, unit string) *figure {
	r.figures = append(r.figures, figure{Detector: r.detector, On: r.on, What: what, Value: value, Unit: unit})
	return &r.figures[len(r.figures)-1]
}

func (f *figure) least(floor float64) { met := f.Value >= floor; f.Least, f.Met = &floor, &met }
func (f *figure) most(floor float64)  { met := f.Value <= floor; f.Most, f.Met = &floor, &met }

// between is a band: two lines of the table, one for each end.
func (r *report) between(what string, value float64, unit string, lo, hi float64) {
	r.add(what+", not before", value, unit).least(lo)
	r.add(what+", not after", value, unit).most(hi)
}

// table is the figures as people read them, in Markdown.
func (r *report) table() string {
	var b strings.Builder
	b.WriteString("| detector | on | figure | result | floor | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, f := range r.figures {
		floor, verdict := "–", ""
		switch {
		case f.Least != nil:
			floor = fmt.Sprintf("≥ %g", *f.Least)
		case f.Most != nil:
			floor = fmt.Sprintf("≤ %g", *f.Most)
		}
		if f.Met != nil && *f.Met {
			verdict = "met"
		} else if f.Met != nil {
			verdict = "**short**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", f.Detector, f.On, f.What, strings.TrimSpace(fmt.Sprintf("%.4g %s", f.Value, f.Unit)), floor, verdict)
	}
	return b.String()
}

// TestEval measures every figure that has a floor on measured data or on a
// standard's vectors, and writes the table to the file that EVAL names, as JSON
// when its name ends in .json. A floor that is not met does not fail it: the
// tests of each detector say which figures may not get worse.
func TestEval(t *testing.T) {
	path := os.Getenv("EVAL")
	if dataDir() == "" || path == "" {
		t.Skip("a table of figures for people: make eval DATA=folder")
	}
	r := &report{}
	evalCO(r)
	evalFires(t, r)
	evalSockets(t, r)
	evalFeeders(t, r)
	out := []byte(r.table())
	if strings.HasSuffix(path, ".json") {
		var err error
		if out, err = json.MarshalIndent(r.figures, "", "  "); err != nil {
			t.Fatal(err)
		}
		out = append(out, '\n')
	}
	if err := os.WriteFile(path, out, 0o644); err != nil {
		t.Fatal(err)
	}
}

// never stands for an alarm that did not come.
const never = 1e9

func evalCO(r *report) {
	alarm := func(ppm float64) float64 {
		if at, ok := coAlarm(ppm, 10*time.Second, 8*time.Hour); ok {
			return at.Minutes()
		}
		return never
	}
	r.about("co.dose", "EN 50291-1, every 10 s")
	r.add("30 ppm, not before", alarm(30), "min").least(120)
	r.between("50 ppm", alarm(50), "min", 60, 90)
	r.between("100 ppm", alarm(100), "min", 10, 40)
	r.add("300 ppm, not after", alarm(300), "min").most(3)

	r.about("co.cohb", "UL 2034, every 10 s")
	for _, v := range []struct{ ppm, lo, hi float64 }{{70, 60, 240}, {150, 10, 50}, {400, 4, 15}} {
		at := float64(never)
		if d, ok := cohbReaches(v.ppm, 10*time.Second, 0, 8*time.Hour); ok {
			at = d.Minutes()
		}
		r.between(fmt.Sprintf("%g ppm", v.ppm), at, "min", v.lo, v.hi)
	}
	alarms := 0.0
	if _, ok := cohbReaches(30, 10*time.Second, 0, 30*24*time.Hour); ok {
		alarms = 1
	}
	r.add("30 ppm for 30 days, alarms", alarms, "").most(0)
}

func evalFires(t *testing.T, r *report) {
	y := measureFires(t)
	r.about("fire", "4 NIST TN 1455 fires")
	r.add("houses flagged no later than the first commercial alarm", float64(y.early), "").least(3)
	r.add(fmt.Sprintf("of %d rooms, flagged no later than their median alarm", y.rooms), 100*float64(y.roomsEarly)/float64(y.rooms), "%").least(60)
}

func evalFeeders(t *testing.T, r *report) {
	for _, sp := range spoils {
		y := measureHouses(t, sp, false)
		r.about("charging", "feeder, power factor, 10 s"+sp.String())
		r.add(fmt.Sprintf("recall, %d sessions", y.sessions), y.recall(), "").least(0.85)
		r.add("precision", y.precision(), "").least(0.85)
		r.add("median time to a suspicion", float64(y.medianDelay())/60, "min").most(30)
	}
	y := measureHouses(t, spoil{}, true)
	r.about("charging", "feeder, power alone, 10 s")
	r.add(fmt.Sprintf("recall, %d sessions", y.sessions), y.recall(), "")
	r.add("precision", y.precision(), "")
	for _, sp := range spoils {
		r.about("charging", "feeder, power alone, 1 min"+sp.String())
		best := 0.0
		for _, c := range measureHouseholds(t, sp) {
			if sp == (spoil{}) {
				r.add(fmt.Sprintf("recall, threshold %g", c.threshold), c.recall(), "")
				r.add(fmt.Sprintf("false flags per 100 house-days, threshold %g", c.threshold), c.wrongPer100, "")
			}
			if c.wrongPer100 <= 3 {
				best = max(best, c.recall())
			}
		}
		r.add("best recall at 3 false flags per 100 house-days", best, "").least(0.5)
	}
}

// String says what is added to measured curves.
func (sp spoil) String() string {
	if sp == (spoil{}) {
		return ""
	}
	return fmt.Sprintf(", +%g %%, %g W steps", 100*sp.relative, sp.step)
}
