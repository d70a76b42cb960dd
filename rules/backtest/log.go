package backtest

import (
	"errors"
	"fmt"
	"iter"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry/record"
)

// Log is a stretch of a hub's own log. Its records say what readings alone do not:
// which faults there were, what came late or after an outage, how often each device
// was to report, and when the hub itself was away.
type Log struct {
	// Start makes the engine that knows what came before the first record.
	Start   func() (*rules.Engine, error)
	Records iter.Seq2[*record.Record, error]
}

// Run evaluates the log with the rules of opts in place of those that were in effect,
// and with the site of opts, where there is one, in place of the log's. Placements and
// intervals are those that the log says.
func (l Log) Run(opts Options, out func(rules.Verdict)) (Summary, error) {
	r, err := l.begin(opts, out)
	if err != nil {
		return Summary{}, err
	}
	err = l.each(r)
	return r.sum, err
}

// Both is Run with two sets of rules at once, those of opts and others (empty: the
// shipped pack), whose verdicts it hands to outOthers. The records are read once.
func (l Log) Both(opts Options, others []record.File, out, outOthers func(rules.Verdict)) (Summary, error) {
	r, err := l.begin(opts, out)
	if err != nil {
		return Summary{}, err
	}
	opts.Rules, opts.Progress = others, nil
	o, err := l.begin(opts, outOthers)
	if err != nil {
		return Summary{}, err
	}
	err = l.each(r, o)
	return r.sum, err
}

func (l Log) begin(opts Options, out func(rules.Verdict)) (*logRun, error) {
	engine, err := l.Start()
	if err != nil {
		return nil, err
	}
	if len(opts.Rules) == 0 {
		opts.Rules = rules.Shipped()
	}
	r := &logRun{engine: engine, opts: opts, out: out, seen: map[string]bool{}, done: progress{tell: opts.Progress}, sum: Summary{Raised: map[rules.Hazard]int{}}}
	if opts.Site != nil {
		r.first = append(r.first, &record.Site{Version: "backtest", File: *opts.Site})
	}
	r.first = append(r.first, &record.Rules{Version: "backtest", Files: opts.Rules})
	return r, nil
}

func (l Log) each(runs ...*logRun) error {
	var last uint64
	for rec, err := range l.Records {
		if err != nil {
			return err
		}
		if last != 0 && rec.Seq != last+1 {
			return fmt.Errorf("log records %d to %d are missing: they passed their age while the log was read; choose a later beginning", last+1, rec.Seq-1)
		}
		last = rec.Seq
		if to := runs[0].opts.To; to != 0 && rec.Arrival > to {
			break
		}
		for _, r := range runs {
			if err := r.record(rec); err != nil {
				return err
			}
		}
	}
	if runs[0].sum.Readings == 0 {
		return errors.New("the hub's log has no readings of that time")
	}
	return nil
}

// logRun evaluates a log with one set of rules.
type logRun struct {
	engine *rules.Engine
	opts   Options
	out    func(rules.Verdict)
	first  []record.Entry // what goes ahead of the first record; nil when it has
	seen   map[string]bool
	rec    record.Record
	sum    Summary
	done   progress
}

func (r *logRun) record(rec *record.Record) error {
	r.rec.Seq, r.rec.Arrival, r.rec.Entries = rec.Seq, rec.Arrival, append(r.rec.Entries[:0], r.first...)
	for _, e := range rec.Entries {
		switch e := e.(type) {
		case *record.Rules:
			continue
		case *record.Site:
			if r.opts.Site != nil {
				continue
			}
		case *record.Readings:
			r.count(rec.Arrival, e)
		}
		r.rec.Entries = append(r.rec.Entries, e)
	}
	err := r.engine.Apply(&r.rec, r)
	if r.first == nil {
		return nil // what the hub could not use when it came, it passed over too
	}
	r.first = nil
	return err
}

func (r *logRun) count(at int64, e *record.Readings) {
	r.done.add(len(e.Points))
	if at < r.opts.From {
		return
	}
	if !r.seen[e.Device] {
		r.seen[e.Device] = true
		r.sum.Devices++
	}
	if r.sum.Readings == 0 {
		r.sum.From = at
	}
	r.sum.To = at
	r.sum.Readings += int64(len(e.Points))
}

// Verdict implements rules.Output.
func (r *logRun) Verdict(v rules.Verdict) {
	r.sum.note(v, r.opts.From)
	r.out(v)
}

// Derived implements rules.Output.
func (r *logRun) Derived(rules.DerivedSample) {}
