package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/backtest"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/readings"
	"weishao.dev/weishao/telemetry/record"
)

const backtestHelp = `
Evaluates rules over recorded readings and prints what they would have raised
and when. The file is CSV, plain or gzipped, with the header
time,device,metric,value[,quality]; time is RFC 3339 or Unix seconds. The run
keeps the file's times and ends with the file. With --json each line is one
object: raise, clear or revised, and at the end a summary.

With --against it evaluates two versions of the rules, and prints instead which
incidents would be new, gone, earlier or later with --rules than with --against,
and how many pages each version would have sent, by hazard, by rule and, with a
site file, by person.

    weishao rules backtest --readings kitchen.csv.gz --placement kitchen_gas
    weishao rules backtest --readings kitchen.csv.gz --rules new/ --against old/`

func runBacktest(c *call) error {
	file := c.flags.String("readings", "", "recorded readings, `FILE.csv[.gz]`")
	rulesDir := c.flags.String("rules", "", "rule file or `DIR` (default: the shipped pack)")
	siteFile := c.flags.String("site", "", "site `FILE` (default: none, every device is unknown)")
	placement := c.flags.String("placement", "", "what devices that the site does not know watch, such as dwelling_feeder (default: by their metrics)")
	against := c.flags.String("against", "", "rule file or `DIR` to compare with, or shipped for the shipped pack")
	asJSON := c.flags.Bool("json", false, "one JSON object a line")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := need("readings", *file); err != nil {
		return err
	}
	opts := backtest.Options{Placement: *placement, Progress: func(n int64) { fmt.Fprintf(c.stderr, "%d million readings\n", n/1_000_000) }}
	cat, err := backtestInputs(*rulesDir, *siteFile, &opts)
	if err != nil {
		return c.report(err)
	}
	in, err := readings.Open(*file, cat)
	if err != nil {
		return err
	}
	defer in.Close()
	if *against != "" {
		return c.compareRules(in, opts, cat, *against, *asJSON)
	}
	print := c.printVerdict
	if *asJSON {
		print = c.printVerdictJSON
	}
	var bad badLines
	sum, err := backtest.Run(in.Tolerant(bad.note), opts, print)
	bad.report(c.stderr)
	if err != nil {
		return c.report(err)
	}
	return c.printSummary(sum, *asJSON)
}

// badLines counts what a recording has that no sensor can have said.
type badLines struct {
	saturated, left int
	first           *readings.LineError // of those left out
}

func (b *badLines) note(e *readings.LineError) {
	if e.Bad == telemetry.BadRange {
		b.saturated++
		return
	}
	if b.left++; b.first == nil {
		b.first = e
	}
}

func (b *badLines) report(w io.Writer) {
	if b.saturated > 0 {
		fmt.Fprintf(w, "%d values out of range taken as a saturated sensor\n", b.saturated)
	}
	if b.left > 0 {
		fmt.Fprintf(w, "%d lines left out, the first: %v\n", b.left, b.first)
	}
}

func backtestInputs(rulesDir, siteFile string, opts *backtest.Options) (*telemetry.Catalogue, error) {
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	if siteFile != "" {
		s, err := loadSite(siteFile)
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(siteFile)
		if err != nil {
			return nil, err
		}
		cat, opts.Site = s.Catalogue, &record.File{Name: siteFile, Data: data}
	}
	if rulesDir == "" {
		return cat, nil
	}
	var err error
	opts.Rules, err = checkedRules(cat, rulesDir)
	return cat, err
}

func checkedRules(cat *telemetry.Catalogue, path string) ([]record.File, error) {
	files, err := ruleFiles([]string{path})
	if err != nil {
		return nil, err
	}
	_, err = rules.Load(cat, files)
	return files, err
}

// backtestLine is one line of `rules backtest --json`.
type backtestLine struct {
	Event      rules.Event    `json:"event"`
	Time       string         `json:"time"`
	Onset      string         `json:"onset"`
	Rule       string         `json:"rule"`
	Hazard     rules.Hazard   `json:"hazard"`
	Severity   rules.Severity `json:"severity"`
	Place      string         `json:"place"`
	Device     string         `json:"device"`
	Value      *float64       `json:"value"` // null where nothing was measured: unsupervised and fault
	Likelihood float64        `json:"likelihood"`
	Cleared    string         `json:"cleared,omitempty"` // of revised alone, which nothing else explains
}

type summaryLine struct {
	Event    string               `json:"event"`
	Readings int64                `json:"readings"`
	Devices  int                  `json:"devices"`
	From     string               `json:"from"`
	To       string               `json:"to"`
	Raised   map[rules.Hazard]int `json:"raised"`
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func (c *call) printVerdictJSON(v rules.Verdict) {
	l := backtestLine{Event: v.Event, Time: stamp(v.Time), Onset: stamp(v.Onset), Rule: v.Rule, Hazard: v.Hazard, Severity: v.Severity,
		Place: v.Place, Device: v.Device, Likelihood: v.Likelihood}
	if measured(v) {
		l.Value = &v.Value
	}
	if v.Event == rules.Revised && v.Cleared != 0 {
		l.Cleared = stamp(v.Cleared)
	}
	_ = json.NewEncoder(c.stdout).Encode(l) // a closed pipe ends the process
}

// measured reports whether a verdict rests on a number: one about the watching
// itself does not.
func measured(v rules.Verdict) bool {
	return v.Hazard != rules.Unsupervised && v.Hazard != rules.FaultHazard
}

func (c *call) printVerdict(v rules.Verdict) {
	who := v.Device
	if who == "" {
		who = v.Node
	}
	fmt.Fprintf(c.stdout, "%s  %-7s %-15s %-8s  %s  %s", stamp(v.Time), v.Event, v.Hazard, v.Severity, who, v.Rule)
	switch {
	case v.Metric == "":
	case measured(v):
		fmt.Fprintf(c.stdout, "  %s = %.4g", v.Metric, v.Value)
	default:
		fmt.Fprintf(c.stdout, "  %s", v.Metric)
	}
	if v.Reason != "" {
		fmt.Fprintf(c.stdout, "  (%s)", v.Reason)
	}
	fmt.Fprintf(c.stdout, "  since %s\n", stamp(v.Onset))
}

func (c *call) printSummary(s backtest.Summary, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.stdout).Encode(summaryLine{"summary", s.Readings, s.Devices, stamp(s.From), stamp(s.To), s.Raised})
	}
	fmt.Fprintf(c.stdout, "%d readings of %d devices from %s to %s: ", s.Readings, s.Devices, stamp(s.From), stamp(s.To))
	if len(s.Raised) == 0 {
		_, err := fmt.Fprintln(c.stdout, "nothing raised")
		return err
	}
	var parts []string
	for h, n := range s.Raised {
		parts = append(parts, fmt.Sprintf("%s %d", h, n))
	}
	slices.Sort(parts)
	_, err := fmt.Fprintf(c.stdout, "raised %s\n", strings.Join(parts, ", "))
	return err
}
