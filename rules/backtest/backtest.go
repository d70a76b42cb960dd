// Package backtest asks what rules would have said over recorded readings: it
// writes the log that the readings would have made, and evaluates it with the
// engine that the hub runs.
//
// The file's own times are kept, and the run ends with the file: nothing is
// called unsupervised for being over.
package backtest

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// maxTick is the longest step of a silent stretch, in ms: one longer would look as if
// the hub had been away.
const maxTick = 10_000

// unknownInterval is how long a recorded device that no site describes may be
// silent before its values stop counting: recordings say nothing of it, and
// meters that report on change are silent for many minutes.
const unknownInterval = 15 * 60 * 1000 // ms

// bare is what devices without a full ID are called: each is on a gateway of its
// own, since the file says nothing of any.
const bare = "backtest/%s/device"

// Options say what to evaluate with.
type Options struct {
	Rules     []record.File // empty: the shipped pack
	Site      *record.File  // nil: no site, every device is unknown
	Placement string        // for devices that the site does not know; "": by metric
	// Placements says it per device of the file, and goes before Placement.
	Placements map[string]string
	// Dwelling takes a recording without a site for that of one dwelling, a device to a
	// room; else each device is in a zone of its own.
	Dwelling bool
	// Interval is how long an unknown device may be expected to be silent, in ms;
	// 0: 15 min, since recordings say nothing of it.
	Interval int64
	// From and To are the times, Unix ms, that a run is about; 0: all. What comes before
	// From is evaluated too, so that windows, holds and detectors know what they would
	// know by then, and its verdicts are handed out, but not counted.
	From, To int64
	// Until lets time pass on after the last reading, to this Unix ms; 0: the run
	// ends with the readings.
	Until    int64
	Progress func(readings int64)
}

// Summary closes a run. Times are Unix ms.
type Summary struct {
	Readings int64
	Devices  int
	From, To int64
	Raised   map[rules.Hazard]int
	Late     int64 // readings of a file that come after one more than rules.Lateness later
}

// progress tells of a long run after each million of readings.
type progress struct {
	readings int64
	tell     func(int64) // nil: nobody
}

func (p *progress) add(readings int) {
	const every = 1_000_000
	before := p.readings / every
	p.readings += int64(readings)
	if p.tell != nil && p.readings/every > before {
		p.tell(p.readings)
	}
}

func (s *Summary) note(v rules.Verdict, from int64) {
	if v.Event == rules.Raise && v.Time >= from {
		s.Raised[v.Hazard]++
	}
}

// Run evaluates readings, which must be in time order but for small disorder,
// and hands each verdict to out. It stops at the first error of the readings.
func Run(readings iter.Seq2[telemetry.Reading, error], opts Options, out func(rules.Verdict)) (Summary, error) {
	r := newRun(opts, out)
	for rd, err := range readings {
		if err != nil {
			return r.sum, err
		}
		if err := r.reading(rd); err != nil {
			return r.sum, err
		}
	}
	return r.sum, r.end()
}

// Both is Run with two sets of rules at once, those of opts and others (empty: the
// shipped pack), whose verdicts it hands to outOthers. The readings are read once.
func Both(readings iter.Seq2[telemetry.Reading, error], opts Options, others []record.File, out, outOthers func(rules.Verdict)) (sum, sumOthers Summary, err error) {
	r := newRun(opts, out)
	opts.Rules, opts.Progress = others, nil
	o := newRun(opts, outOthers)
	for rd, err := range readings {
		if err == nil {
			err = r.reading(rd)
		}
		if err == nil {
			err = o.reading(rd)
		}
		if err != nil {
			return r.sum, o.sum, err
		}
	}
	if err := r.end(); err != nil {
		return r.sum, o.sum, err
	}
	return r.sum, o.sum, o.end()
}

func newRun(opts Options, out func(rules.Verdict)) *run {
	r := &run{engine: rules.NewEngine(), opts: opts, out: out, done: progress{tell: opts.Progress}, known: map[string]*device{}, names: map[string]string{}, sum: Summary{Raised: map[rules.Hazard]int{}}}
	if r.opts.Interval == 0 {
		r.opts.Interval = unknownInterval
	}
	if len(opts.Rules) == 0 {
		r.opts.Rules = rules.Shipped()
	}
	return r
}

// end takes what is left in the record that is being filled.
func (r *run) end() error {
	if r.sum.Readings == 0 {
		return r.nothing()
	}
	until := r.opts.Until
	if r.left > 0 { // the recording goes on
		until = max(until, r.opts.To)
	}
	if err := r.flush(); err != nil || until <= r.rec.Arrival {
		return err
	}
	return r.tickThrough(until)
}

// nothing says why a run has nothing to say.
func (r *run) nothing() error {
	if !r.began && r.left == 0 {
		return errors.New("the file has no readings")
	}
	return errors.New("the file has no readings of that time")
}

type run struct {
	engine *rules.Engine
	opts   Options
	out    func(rules.Verdict)
	known  map[string]*device // by the name in the file
	met    []*device          // the same, in the order of the file
	fresh  []*device          // whose birth is in the record that is being filled
	crowd  bool               // of more devices than a dwelling has
	names  map[string]string  // by full ID, of those that the file names in short
	sum    Summary

	rec   record.Record
	seq   uint64
	began bool
	left  int64 // readings after To
	done  progress
}

// device is one of the file's devices.
type device struct {
	name      string // in the file
	id        string // group/node/device
	placement string
	birth     *record.DeviceBirth
	fresh     bool // in the run's list of that
	counted   bool
	block     record.Readings
}

func (r *run) reading(rd telemetry.Reading) error {
	if r.opts.To != 0 && rd.Time > r.opts.To {
		r.left++
		return nil
	}
	if !r.began {
		r.began = true
		if err := r.begin(rd.Time); err != nil {
			return err
		}
	}
	if rd.Time/1000 != r.rec.Arrival/1000 {
		if err := r.flush(); err != nil {
			return err
		}
		if err := r.tickThrough(rd.Time); err != nil {
			return err
		}
	}
	if r.rec.Arrival-rd.Time > rules.Lateness {
		r.sum.Late++
	}
	r.rec.Arrival = max(r.rec.Arrival, rd.Time)
	d := r.known[rd.Device]
	if d == nil {
		d = r.meet(rd.Device)
	}
	if !slices.Contains(d.birth.Metrics, rd.Metric) {
		r.announce(d, rd.Metric)
	}
	if len(d.block.Points) == 0 {
		r.rec.Entries = append(r.rec.Entries, &d.block)
	}
	d.block.Points = append(d.block.Points, rd.Point)
	r.done.add(1)
	if rd.Time >= r.opts.From {
		r.count(d, rd.Time)
	}
	return nil
}

func (r *run) count(d *device, at int64) {
	if r.sum.Readings == 0 {
		r.sum.From = at
	}
	r.sum.To = max(r.sum.To, at)
	if !d.counted {
		d.counted = true
		r.sum.Devices++
	}
	r.sum.Readings++
}

func (r *run) begin(at int64) error {
	r.rec.Arrival = at
	if r.opts.Site != nil {
		r.rec.Entries = append(r.rec.Entries, &record.Site{Version: "backtest", File: *r.opts.Site})
	}
	r.rec.Entries = append(r.rec.Entries, &record.Rules{Version: "backtest", Files: r.opts.Rules})
	return r.flush()
}

func (r *run) meet(name string) *device {
	id := name
	if _, _, _, ok := telemetry.SplitDevice(name); !ok {
		id = fmt.Sprintf(bare, name)
		r.names[id] = name
	}
	placement := r.opts.Placements[name]
	if placement == "" {
		placement = r.opts.Placement
	}
	d := &device{name: name, id: id, placement: placement, block: record.Readings{Device: id}, birth: &record.DeviceBirth{Device: id}}
	r.known[name] = d
	r.met = append(r.met, d)
	return d
}

// announce adds a metric to a device's birth certificate. An unknown device is
// placed by what it measures, so the certificate is written anew, ahead of the
// readings, whenever the file shows one more metric.
func (r *run) announce(d *device, metric string) {
	if !d.fresh {
		d.fresh, r.fresh = true, append(r.fresh, d)
		d.birth = &record.DeviceBirth{Device: d.id, Placement: d.placement, IntervalMS: r.opts.Interval, Metrics: slices.Clone(d.birth.Metrics)}
		r.rec.Entries = append(r.rec.Entries, d.birth)
	}
	d.birth.Metrics = append(d.birth.Metrics, metric)
}

// tickThrough lets time pass up to t. Where the file is silent for long, ticks
// come ever more seldom: hold times end on the second, silence is found within
// a sixteenth of its length, and an empty night costs next to nothing.
func (r *run) tickThrough(t int64) error {
	start := r.rec.Arrival
	for now := start + 1000; now < t; now += min(max(1000, (now-start)/16/1000*1000), maxTick) {
		r.rec.Arrival = now
		r.rec.Entries = append(r.rec.Entries, &record.Tick{})
		if err := r.flush(); err != nil {
			return err
		}
	}
	r.rec.Arrival = max(r.rec.Arrival, t)
	return nil
}

func (r *run) flush() error {
	if len(r.rec.Entries) == 0 {
		return nil
	}
	if s := r.rooms(); s != nil {
		r.rec.Entries = slices.Insert(r.rec.Entries, 0, record.Entry(s))
	}
	r.rec.Entries = append(r.rec.Entries, &record.Tick{})
	r.seq++
	r.rec.Seq = r.seq
	err := r.engine.Apply(&r.rec, r)
	for _, e := range r.rec.Entries {
		if e, ok := e.(*record.Readings); ok {
			e.Points = e.Points[:0]
		}
	}
	for _, d := range r.fresh {
		d.fresh = false
	}
	r.fresh = r.fresh[:0]
	r.rec.Entries = r.rec.Entries[:0]
	return err
}

// Verdict implements rules.Output.
func (r *run) Verdict(v rules.Verdict) {
	r.sum.note(v, r.opts.From)
	alone(&v)
	for _, id := range []*string{&v.Device, &v.Place, &v.Zone} {
		if name, ok := r.names[*id]; ok {
			*id = name
		}
	}
	for i := range v.Evidence {
		if name, ok := r.names[v.Evidence[i].Device]; ok {
			v.Evidence[i].Device = name
		}
	}
	r.out(v)
}

// Derived implements rules.Output.
func (r *run) Derived(rules.DerivedSample) {}
