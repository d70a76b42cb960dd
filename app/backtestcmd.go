package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/backtest"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/readings"
	"weishao.dev/weishao/telemetry/record"
)

const backtestHelp = `
Evaluates rules over recorded readings, or over a hub's own log, and prints what
they would have raised and when. A readings file is CSV, plain or gzipped, with the
header time,device,metric,value[,quality]; time is RFC 3339 or Unix seconds. The run
keeps the file's times and ends with the file. A hub is named by its configuration or
its data folder; it may be running. With --json each line is one object: raise, clear
or revised, and at the end a summary.

With --against it evaluates two versions of the rules, and prints instead which
incidents would be new, gone, earlier or later with --rules than with --against.
With a site it counts the pages that each person would have had. Over a hub's log it
also counts which of the incidents that were resolved as real the rules find, and
which of those resolved as false alarms they raise.

--from and --to are RFC 3339, or 2026-11-24 or 2026-11-24T08:00 by the site's clock.

    weishao rules backtest --readings kitchen.csv.gz --placement kitchen_gas
    weishao rules backtest --readings kitchen.csv.gz --rules new/ --against old/
    weishao rules backtest --config hub.yaml --from 2026-11-17 --rules new/ --against hub`

// Words that --rules and --against take for rules that are not in files.
const (
	shippedRules = "shipped" // the pack that comes with the program
	hubRules     = "hub"     // those in effect at the hub
)

// backtestFlags are what is asked for.
type backtestFlags struct {
	readings, config, data          string // one of them
	rules, site, placement, against string
	from, to                        string
	ackAfter                        time.Duration
	json                            bool
}

func (f *backtestFlags) declare(c *call) {
	s := c.flags
	s.StringVar(&f.readings, "readings", "", "recorded readings, `FILE.csv[.gz]`")
	s.StringVar(&f.config, "config", "", "a hub's configuration `FILE`: evaluate the hub's own log")
	s.StringVar(&f.data, "data", "", "the same, by the hub's data `DIR`, such as a demo's")
	s.StringVar(&f.rules, "rules", "", "rule file or `DIR`, or shipped (default: those in effect at the hub, or else the shipped pack)")
	s.StringVar(&f.site, "site", "", "site `FILE` (default: that of the hub, or else none: every device is unknown, and takes a room of one dwelling)")
	s.StringVar(&f.placement, "placement", "", "what devices that the site does not know watch, such as dwelling_feeder (default: by their metrics)")
	s.StringVar(&f.against, "against", "", "rule file or `DIR` to compare with, or shipped, or hub for those in effect at the hub")
	s.StringVar(&f.from, "from", "", "`TIME` from which on incidents and pages count (default: from the first reading on)")
	s.StringVar(&f.to, "to", "", "`TIME` at which to end (default: with the last reading)")
	s.DurationVar(&f.ackAfter, "ack-after", 0, "after what `TIME` somebody takes an incident: until then pages go along the chain (default: the first does at once)")
	s.BoolVar(&f.json, "json", false, "one JSON object a line")
}

func (f *backtestFlags) check() error {
	given := 0
	for _, v := range []string{f.readings, f.config, f.data} {
		if v != "" {
			given++
		}
	}
	switch {
	case given == 0:
		return usageError("--readings is needed, or --config or --data of a hub, see --help")
	case given > 1:
		return usageError("--readings, --config and --data exclude one another: one says what to evaluate over")
	case f.readings != "" && (f.rules == hubRules || f.against == hubRules):
		return usageError("hub means the rules of a hub, and --readings has none: name it by --config or --data")
	case f.readings == "" && f.placement != "":
		return usageError("--placement is for readings from a file: of a hub's devices the log says what they watch")
	case f.ackAfter < 0:
		return usageError("--ack-after is to be a time such as 5m")
	}
	return nil
}

// trial is what a backtest evaluates, and over what.
type trial struct {
	*call
	opts   backtest.Options
	site   *site.Site    // nil: none
	others []record.File // of --against
	labels []incidents.Label
	ack    time.Duration
	json   bool
	one    func(out func(rules.Verdict)) (backtest.Summary, error)
	both   func(out, outOthers func(rules.Verdict)) (backtest.Summary, error)
}

func runBacktest(c *call) error {
	var f backtestFlags
	f.declare(c)
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	t := &trial{call: c, ack: f.ackAfter, json: f.json}
	t.opts.Placement = f.placement
	t.opts.Progress = func(n int64) { fmt.Fprintf(c.stderr, "%d million readings\n", n/1_000_000) }
	if f.readings == "" {
		return t.overHub(f)
	}
	return t.overFile(f)
}

// overFile runs over recorded readings.
func (t *trial) overFile(f backtestFlags) error {
	cat, err := t.inputs(f, nil)
	if err != nil {
		return t.report(err)
	}
	if err := t.times(f); err != nil {
		return err
	}
	in, err := readings.Open(f.readings, cat)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := t.placed(cat); err != nil {
		return err
	}
	var bad badLines
	t.one = func(out func(rules.Verdict)) (backtest.Summary, error) {
		sum, err := backtest.Run(in.Tolerant(bad.note), t.opts, out)
		bad.report(t.stderr, sum.Late)
		return sum, err
	}
	t.both = func(out, outOthers func(rules.Verdict)) (backtest.Summary, error) {
		sum, _, err := backtest.Both(in.Tolerant(bad.note), t.opts, t.others, out, outOthers)
		bad.report(t.stderr, sum.Late)
		return sum, err
	}
	return t.run(f.against != "")
}

// placed tells of a --placement that no rule names.
func (t *trial) placed(cat *telemetry.Catalogue) error {
	known := slices.Clone(site.Placements)
	for _, files := range [][]record.File{t.opts.Rules, t.others} {
		pack, err := rules.Load(cat, files)
		if err != nil {
			return err
		}
		for _, p := range pack.Placements {
			known = append(known, p.V)
		}
	}
	if p := t.opts.Placement; p != "" && !slices.Contains(known, p) {
		fmt.Fprintf(t.stderr, "no rule names the placement %q%s\n", p, telemetry.Suggest(p, known))
	}
	return nil
}

func (t *trial) run(compare bool) error {
	if compare {
		return t.compare()
	}
	return t.tell()
}

// inputs reads site and rules, the hub's where it is one and no others are named.
func (t *trial) inputs(f backtestFlags, hub *logEnds) (*telemetry.Catalogue, error) {
	if err := t.readSite(f.site, hub); err != nil {
		return nil, err
	}
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	if t.site != nil {
		cat = t.site.Catalogue
	}
	var err error
	if t.opts.Rules, err = rulesNamed(f.rules, cat, hub); err != nil {
		return nil, err
	}
	if f.against != "" {
		t.others, err = rulesNamed(f.against, cat, hub)
	}
	return cat, err
}

func (t *trial) readSite(name string, hub *logEnds) (err error) {
	switch {
	case name != "":
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("the site file: %w", err)
		}
		t.opts.Site = &record.File{Name: name, Data: data}
		t.site, err = site.Load(name, data)
		return err
	case hub == nil:
		t.opts.Dwelling = true
	case hub.Site.Name != "":
		t.site, err = site.Load(hub.Site.Name, hub.Site.Data)
	}
	return err
}

// rulesNamed are the rules that --rules or --against means; empty for the shipped
// pack.
func rulesNamed(name string, cat *telemetry.Catalogue, hub *logEnds) ([]record.File, error) {
	switch {
	case name == shippedRules || name == "" && hub == nil:
		return nil, nil
	case name == hubRules || name == "":
		if len(hub.Rules) == 0 {
			return nil, errors.New("which rules are in effect at the hub is not known: its state is of another version of this program, and its log does not reach back to them; name their files by --rules or --against, or start the hub")
		}
		return hub.Rules, nil
	}
	return checkedRules(cat, name)
}

func checkedRules(cat *telemetry.Catalogue, path string) ([]record.File, error) {
	files, err := ruleFiles([]string{path})
	if err != nil {
		return nil, err
	}
	_, err = rules.Load(cat, files)
	return files, err
}

// times reads --from and --to.
func (t *trial) times(f backtestFlags) error {
	loc := time.UTC
	if t.site != nil && t.site.Location != nil {
		loc = t.site.Location
	}
	from, err := moment("from", f.from, loc)
	if err != nil {
		return err
	}
	to, err := moment("to", f.to, loc)
	if err != nil {
		return err
	}
	if from != 0 && to != 0 && from >= to {
		return usageError("--from must lie before --to")
	}
	t.opts.From, t.opts.To = from, to
	return nil
}

// moment is a flag's time in Unix ms; 0 where it was not given.
func moment(name, text string, loc *time.Location) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UnixMilli(), nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, loc); err == nil {
			return at.UnixMilli(), nil
		}
	}
	return 0, usageError(fmt.Sprintf("--%s %q is no time: write 2026-11-24, 2026-11-24T08:00 or 2026-11-24T08:00:00+08:00", name, text))
}

// forecast is one of the trial's rules' incidents and pages.
func (t *trial) forecast() *incidents.Forecast {
	f := &incidents.Forecast{AckAfter: t.ack}
	if t.site != nil {
		f.Directory = incidents.FromSite(func() *site.Site { return t.site })()
	}
	return f
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

func (b *badLines) report(w io.Writer, late int64) {
	if b.saturated > 0 {
		fmt.Fprintf(w, "%d values out of range taken as a saturated sensor\n", b.saturated)
	}
	if b.left > 0 {
		fmt.Fprintf(w, "%d lines left out, the first: %v\n", b.left, b.first)
	}
	if late > 0 {
		fmt.Fprintf(w, "%d readings are more than %s older than one before them, and may be passed over as too late: sort the file by time\n", late, time.Duration(rules.Lateness)*time.Millisecond)
	}
}
