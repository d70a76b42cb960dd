package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/telemetry/sparkplug"
)

// metrics are what /metrics says of ingest.
type metrics struct {
	readings     prometheus.Counter
	messages     prometheus.Counter
	records      prometheus.Counter
	bad          *prometheus.CounterVec
	forks        prometheus.Counter
	dropped      prometheus.Counter
	resends      prometheus.Counter
	rebirths     prometheus.Counter
	commands     prometheus.Counter
	appendErrors prometheus.Counter
	batch        prometheus.Histogram
	appendTime   prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, in *Ingest) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		readings: counter("weishao_ingest_readings_committed_total", "Readings fsynced in the log."),
		messages: counter("weishao_ingest_messages_total", "MQTT messages taken from the broker."),
		records:  counter("weishao_ingest_records_total", "Records fsynced in the log."),
		bad: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weishao_bad_input_total",
			Help: "Refused input by kind: readings where a reading was refused, messages where a whole one was."}, []string{"kind"}),
		forks:        counter("weishao_forks_total", "Births that contradict what the same card has shown before."),
		dropped:      counter("weishao_ingest_dropped_total", "Messages dropped because the queue was full; our own gateways send them again."),
		resends:      counter("weishao_ingest_gaps_seen_total", "Messages dropped because others before them are missing; asked for again."),
		rebirths:     counter("weishao_ingest_rebirths_wanted_total", "Times a birth certificate was missing; asked for, at most once a second and gateway."),
		commands:     counter("weishao_ingest_commands_total", "Commands (acknowledgements, requests) sent to gateways."),
		appendErrors: counter("weishao_ingest_append_errors_total", "Failed attempts to write the log."),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weishao_ingest_batch_readings",
			Help: "Readings in a record.", Buckets: prometheus.ExponentialBuckets(1, 4, 9)}),
		appendTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weishao_ingest_append_seconds",
			Help: "Time to write and fsync a record.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 13)}),
	}
	in.acks.sent = func(*sparkplug.Command) { m.commands.Inc() }
	depth := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weishao_ingest_queue_messages",
		Help: "Messages that wait to be worked on."}, func() float64 { return float64(in.queue.depth()) })
	if reg != nil {
		reg.MustRegister(m.readings, m.messages, m.records, m.bad, m.forks, m.dropped, m.resends, m.rebirths,
			m.commands, m.appendErrors, m.batch, m.appendTime, depth)
	}
	return m
}

// committed counts a batch that is in the log.
func (m *metrics) committed(b *batch, took time.Duration) {
	m.readings.Add(float64(b.count))
	m.records.Inc()
	m.batch.Observe(float64(b.count))
	m.appendTime.Observe(took.Seconds())
}
