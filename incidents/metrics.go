package incidents

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Store. They count without a registry, too.
type metrics struct {
	registry  prometheus.Registerer
	all       []prometheus.Collector
	opened    *prometheus.CounterVec
	pages     *prometheus.CounterVec
	firstPage prometheus.Histogram
	nobody    prometheus.Counter
	mismatch  prometheus.Counter
	errors    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, s *Store) *metrics {
	m := &metrics{
		registry: reg,
		opened:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weishao_incidents_total", Help: "Incidents raised, by hazard."}, []string{"hazard"}),
		pages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weishao_page_attempts_total",
			Help: "Attempts to page somebody, by channel and result: sent, failed, refused for good, interrupted."}, []string{"channel", "result"}),
		firstPage: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weishao_first_page_seconds",
			Help: "From an incident's decision to the first page that a provider took, by the hub's clock.", Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10, 30, 60, 300}}),
		nobody:   prometheus.NewCounter(prometheus.CounterOpts{Name: "weishao_pages_nobody_total", Help: "Times that nobody was left who could be paged."}),
		mismatch: prometheus.NewCounter(prometheus.CounterOpts{Name: "weishao_replay_mismatch_total", Help: "Replayed verdicts that differ from the stored ones."}),
		errors:   prometheus.NewCounter(prometheus.CounterOpts{Name: "weishao_incident_errors_total", Help: "Failed database operations of the paging loops; each was tried again."}),
	}
	count := func(name, help, query string) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			var n float64
			if s.ro.QueryRowContext(ctx, query).Scan(&n) != nil {
				return -1
			}
			return n
		})
	}
	m.all = []prometheus.Collector{m.opened, m.pages, m.firstPage, m.nobody, m.mismatch, m.errors,
		count("weishao_incidents_open", "Incidents not resolved; -1: the database did not answer.", "SELECT count(*) FROM incidents WHERE live = 1"),
		count("weishao_pages_queued", "Pages waiting to be sent; -1: the database did not answer.", "SELECT count(*) FROM pages WHERE state IN ('queued', 'sending')"),
	}
	if reg != nil {
		for _, c := range m.all {
			if err := reg.Register(c); err != nil {
				s.log.Error("metric is not registered", "error", err)
			}
		}
	}
	return m
}

func (m *metrics) unregister() {
	if m.registry == nil {
		return
	}
	for _, c := range m.all {
		m.registry.Unregister(c)
	}
}

func (m *metrics) observe(channel string, r result) {
	outcome := "sent"
	switch {
	case r.err == nil:
	case r.interrupted || errors.Is(r.err, context.Canceled):
		outcome = "interrupted"
	case r.permanent:
		outcome = "refused"
	default:
		outcome = "failed"
	}
	m.pages.WithLabelValues(channel, outcome).Inc()
}
