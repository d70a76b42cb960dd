package gateway

import (
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/life"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Report says when a metric's readings are kept and sent: when they tell something
// new. The gateway's own rules see every reading all the same, and what they find
// urgent is always sent.
type Report struct {
	Pos        conf.Pos               `yaml:"-"`
	Deadband   conf.At[string]        `yaml:"deadband"`    // with its unit; default none: only what is the same is left out
	MaxSilence conf.At[conf.Duration] `yaml:"max_silence"` // at least every so often; default 1m
}

const (
	defaultSilence = time.Minute
	maxSilence     = time.Hour
)

// watched is the device with what its mapping says of its life, and its filters by
// metric.
func (d *Device) watched(dev devices.Device, catalogue *telemetry.Catalogue) (devices.Device, map[string]*report, error) {
	var errs conf.Errors
	info := dev.Info()
	filters := d.reports(info, catalogue, &errs)
	dev = life.Watched(dev, d.Lives.Settings(info.Model, info.Metrics, catalogue, &errs), catalogue)
	return dev, filters, errs.Err()
}

// longest is the longest time between two readings that are sent, if the driver
// measures every interval; 0 if that is not known.
func longest(interval time.Duration, filters map[string]*report) time.Duration {
	if interval <= 0 {
		return 0
	}
	for _, f := range filters {
		interval = max(interval, time.Duration(f.silence)*time.Millisecond)
	}
	return interval
}

// reports are the filters by metric.
func (d *Device) reports(info devices.Info, catalogue *telemetry.Catalogue, errs *conf.Errors) map[string]*report {
	filters := map[string]*report{}
	for name, r := range d.Report {
		if !life.Measures(name, info.Metrics, r.Pos, errs) {
			continue
		}
		silence := defaultSilence
		if r.MaxSilence.Pos.Line != 0 {
			silence = time.Duration(r.MaxSilence.V)
			duration(errs, "max_silence", r.MaxSilence, max(info.Interval, minInterval), maxSilence)
		} else if silence < info.Interval {
			errs.Add(r.Pos, "max_silence is missing, and its default %v is less than the interval %v", silence, info.Interval)
		}
		f := &report{silence: silence.Milliseconds(), step: info.Interval.Milliseconds()}
		if r.Deadband.V != "" {
			f.deadband = life.Difference(r.Deadband, name, catalogue, errs)
		}
		filters[name] = f
	}
	return filters
}

// report decides which readings of one metric tell something new. What was last sent
// is what the hub takes for true.
type report struct {
	deadband float64
	silence  int64 // ms that may pass between two
	step     int64 // ms to the next reading; 0: not known

	sent bool
	last telemetry.Point
}

// why a reading is sent. The empty one is that it is not.
type why string

const (
	notNews   why = ""
	isFirst   why = "first"
	isQuality why = "quality"
	isChange  why = "change"
	isTime    why = "time"  // silence would become too long
	isClock   why = "clock" // time went back
	isAll     why = "all"   // there is nothing to leave out here
)

// judge says why a reading is to be sent. A nil report sends everything.
func (r *report) judge(p telemetry.Point) why {
	if r == nil {
		return isAll
	}
	switch d := p.Value - r.last.Value; {
	case !r.sent:
		return isFirst
	case p.Quality != r.last.Quality:
		return isQuality
	case !p.Quality.Fault() && (d > r.deadband || d < -r.deadband):
		return isChange
	case p.Time < r.last.Time:
		return isClock
	case p.Time+r.step-r.last.Time > r.silence || r.step == 0 && p.Time-r.last.Time >= r.silence:
		return isTime
	}
	return notNews
}

// note takes a reading as sent.
func (r *report) note(p telemetry.Point) {
	if r != nil {
		r.sent, r.last = true, p
	}
}
