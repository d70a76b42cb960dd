package embedded

import (
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

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
		valueLabels: labels.FromStrings(labels.MetricName, metric, "device", device)}
}

func (s *series) faultLabels() labels.Labels {
	if s.faults.IsEmpty() {
		s.faults = labels.FromStrings(labels.MetricName, faultName, "device", s.device, "metric", s.metric)
	}
	return s.faults
}

func (s *series) valueMatchers() []*labels.Matcher { return matchValue(s.device, s.metric) }

func matchValue(device, metric string) []*labels.Matcher {
	return []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, "device", device),
		labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, metric),
	}
}

func (s *series) faultMatchers() []*labels.Matcher {
	return []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, "device", s.device),
		labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, faultName),
		labels.MustNewMatcher(labels.MatchEqual, "metric", s.metric),
	}
}

type seriesKey struct{ device, metric string }

// registry is all series that were ever stored. Only the appending goroutine
// adds to it, so that one may read it without the lock.
type registry struct {
	mu    sync.RWMutex
	byKey map[seriesKey]*series
	fresh []*series // not in index.db yet
	next  uint32
}

func newRegistry() *registry {
	return &registry{byKey: map[seriesKey]*series{}, next: 1}
}

// get finds or makes a series; for the appending goroutine only. It keeps copies
// of the strings, whose memory is the log record's.
func (r *registry) get(device, metric string) *series {
	if s := r.byKey[seriesKey{device, metric}]; s != nil {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := newSeries(r.next, strings.Clone(device), strings.Clone(metric))
	r.next++
	r.byKey[seriesKey{s.device, s.metric}] = s
	r.fresh = append(r.fresh, s)
	return s
}

// find is for all other goroutines; nil where there is none.
func (r *registry) find(device, metric string) *series {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byKey[seriesKey{device, metric}]
}

func (r *registry) byID() map[uint32]*series {
	r.mu.RLock()
	defer r.mu.RUnlock()
	m := make(map[uint32]*series, len(r.byKey))
	for _, s := range r.byKey {
		m[s.id] = s
	}
	return m
}

func (r *registry) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byKey)
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
