// Package figures is the table that `make eval` prints: what tests measure on data and
// against standards' vectors, beside the floors that were set for it. Each package
// measures its own and adds it to one file.
package figures

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Figure is one line of the table.
type Figure struct {
	Detector string   `json:"detector"`
	On       string   `json:"on"`
	What     string   `json:"what"`
	Value    float64  `json:"value"`
	Unit     string   `json:"unit,omitempty"`
	Least    *float64 `json:"at_least,omitempty"` // the floor, where there is one
	Most     *float64 `json:"at_most,omitempty"`
	Met      *bool    `json:"met,omitempty"`
}

// Report collects figures.
type Report struct {
	detector, on string
	figures      []Figure
}

// About says what the figures that follow are of.
func (r *Report) About(detector, on string) { r.detector, r.on = detector, on }

// Add is one more figure; its floor may be set at once, and not after the next.
func (r *Report) Add(what string, value float64, unit string) *Figure {
	r.figures = append(r.figures, Figure{Detector: r.detector, On: r.on, What: what, Value: value, Unit: unit})
	return &r.figures[len(r.figures)-1]
}

// Between is a band: two lines of the table, one for each end.
func (r *Report) Between(what string, value float64, unit string, lo, hi float64) {
	r.Add(what+", not before", value, unit).AtLeast(lo)
	r.Add(what+", not after", value, unit).AtMost(hi)
}

// AtLeast sets a floor.
func (f *Figure) AtLeast(floor float64) { met := f.Value >= floor; f.Least, f.Met = &floor, &met }

// AtMost sets a ceiling.
func (f *Figure) AtMost(ceiling float64) {
	met := f.Value <= ceiling
	f.Most, f.Met = &ceiling, &met
}

const header = "| detector | on | figure | result | floor | |\n| --- | --- | --- | --- | --- | --- |\n"

// line is a figure as people read it, in Markdown.
func (f *Figure) line() string {
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
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", f.Detector, f.On, f.What, strings.TrimSpace(fmt.Sprintf("%.4g %s", f.Value, f.Unit)), floor, verdict)
}

// AddTo adds the figures to a file, which is made if it is not there: of JSON where its
// name ends in .json, else the table.
func (r *Report) AddTo(path string) error {
	was, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.HasSuffix(path, ".json") {
		all := []Figure{}
		if len(was) > 0 {
			if err := json.Unmarshal(was, &all); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		out, err := json.MarshalIndent(append(all, r.figures...), "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(path, append(out, '\n'), 0o644)
	}
	if len(was) == 0 {
		was = []byte(header)
	}
	for i := range r.figures {
		was = append(was, r.figures[i].line()...)
	}
	return os.WriteFile(path, was, 0o644)
}
