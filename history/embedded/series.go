package embedded

import (
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// nameLabel is the label under which a series' name stands.
const nameLabel = "__name__"

// faultName is the __name__ of series that hold faults: their sample is the
// telemetry.Quality, at the time of the reading that carried it. No metric of a
// catalogue has a colon in its name.
const faultName = "weishao:fault"

// series is one metric of one device. id never changes once it is in index.db.
// value and fault are the TSDB's references, the appending goroutine's own; a
// stale one is looked up again by the labels.
type series struct {
	id             uint32
	device, metric string
	value, fault   storage.SeriesRef
	valueLabels    labels.Labels
	faults         labels.Labels
}

func newSeries(id uint32, device, metric string) *series {
	return &series{id: id, device: device, metric: metric,
		valueLabels: labels.FromStrings(nameLabel, metric, "device", device)}
}

func (s *series) faultLabels() labels.Labels {
	if s.faults.IsEmpty() {
		s.faults = labels.FromStrings(nameLabel, faultName, "device", s.device, "metric", s.metric)
	}
	return s.faults
}

func (s *series) valueMatchers() []*labels.Matcher {
	return []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, "device", s.device),
		labels.MustNewMatcher(labels.MatchEqual, nameLabel, s.metric),
	}
}

func (s *series) faultMatchers() []*labels.Matcher {
	return []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, "device", s.device),
		labels.MustNewMatcher(labels.MatchEqual, nameLabel, faultName),
		labels.MustNewMatcher(labels.MatchEqual, "metric", s.metric),
	}
}

// device is the series of one device: few, so looked through in order.
type device struct {
	id     string
	series []*series
}

func (d *device) find(metric string) *series {
	for _, s := range d.series {
		if s.metric == metric {
			return s
		}
	}
	return nil
}

// registry is all series that were ever stored. Only the appending goroutine
// adds to it, so that one may read it without the lock.
type registry struct {
	mu     sync.RWMutex
	byID   map[string]*device
	series []*series // by id-1; nil where index.db has a hole
	fresh  []*series // not in index.db yet
	last   *device   // the appending goroutine's: readings come in runs of one device
}

func newRegistry() *registry {
	return &registry{byID: map[string]*device{}}
}

// get finds or makes a series; for the appending goroutine only. It keeps copies
// of the strings, whose memory is the log record's.
func (r *registry) get(id, metric string) *series {
	d := r.last
	if d == nil || d.id != id {
		d = r.byID[id]
	}
	if d != nil {
		r.last = d
		if s := d.find(metric); s != nil {
			return s
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := newSeries(uint32(len(r.series)+1), strings.Clone(id), strings.Clone(metric))
	r.add(s)
	r.fresh = append(r.fresh, s)
	return s
}

// add enters a series under its id; the caller has the lock.
func (r *registry) add(s *series) {
	d := r.byID[s.device]
	if d == nil {
		d = &device{id: s.device}
		r.byID[s.device] = d
	}
	d.series = append(d.series, s)
	for len(r.series) < int(s.id) {
		r.series = append(r.series, nil)
	}
	r.series[s.id-1] = s
}

// find is for all other goroutines; nil where there is none.
func (r *registry) find(id, metric string) *series {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if d := r.byID[id]; d != nil {
		return d.find(metric)
	}
	return nil
}

// all is every series, by id-1.
func (r *registry) all() []*series {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.series[:len(r.series):len(r.series)]
}

// unsaved is the series that index.db does not know; saved(n) says that the
// first n of them are in now.
func (r *registry) unsaved() []*series {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.fresh[:len(r.fresh):len(r.fresh)]
}

func (r *registry) saved(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fresh = r.fresh[n:]
}
