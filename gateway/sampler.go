package gateway

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
)

// maxWaiting bounds what waits for a commit. It is far more than an interval
// brings; it is reached when the disk hangs for long.
const maxWaiting = 200_000

// sampler takes points from the devices' goroutines and hands them out by urgency.
type sampler struct {
	clock     telemetry.Clock
	catalogue *telemetry.Catalogue
	urgent    func(*probe, telemetry.Point) bool // may be nil

	alarmed chan struct{} // has a token when an urgent point waits

	mu      sync.Mutex
	live    queue
	alarm   queue
	stopped bool
	dropped uint64 // points for which there was no room
	refused uint64 // points of metrics that their device does not announce
	same    uint64 // points that told nothing new, see Report
	time    *timekeeper
	stepped time.Duration // the last step of the clock that was taken account of
}

// queue holds points by device in the order in which they came.
type queue struct {
	points map[string][]telemetry.Point
	n      int
}

func (q *queue) add(device string, p telemetry.Point) bool {
	if q.n >= maxWaiting {
		return false
	}
	if q.points == nil {
		q.points = map[string][]telemetry.Point{}
	}
	q.points[device] = append(q.points[device], p)
	q.n++
	return true
}

func (q *queue) take() []outbox.Batch {
	batches := make([]outbox.Batch, 0, len(q.points))
	for device, points := range q.points {
		batches = append(batches, outbox.Batch{Device: device, Points: points})
	}
	*q = queue{}
	return batches
}

func newSampler(clock telemetry.Clock, catalogue *telemetry.Catalogue, urgent func(*probe, telemetry.Point) bool) *sampler {
	return &sampler{clock: clock, catalogue: catalogue, urgent: urgent, alarmed: make(chan struct{}, 1),
		time: newTimekeeper(clock, 0, nil, 0, slog.New(slog.DiscardHandler))}
}

// emit takes a point that a driver measured.
func (s *sampler) emit(p *probe, pt telemetry.Point) {
	pt, known := s.honest(p, pt)
	p.heard(s.clock.Now(), pt.Quality.Fault())
	if known {
		s.put(p, pt)
		return
	}
	p.said.beat()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused++
}

// honest is a point with the quality that it has; known is false if the device does not
// announce its metric.
func (s *sampler) honest(p *probe, pt telemetry.Point) (_ telemetry.Point, known bool) {
	m, known := s.catalogue.Lookup(pt.Metric)
	if !known || !slices.Contains(p.info.Metrics, pt.Metric) {
		return pt, false
	}
	return honest(m, pt), true
}

// put takes an honest point, of a driver or in its stead.
func (s *sampler) put(p *probe, pt telemetry.Point) {
	defer p.said.beat()
	if pt.Time == 0 {
		pt.Time = s.clock.NowMS()
	}
	urgent := s.urgent != nil && s.urgent(p, s.steady(pt))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	pt, ready := s.time.stamp(p, pt, urgent)
	if s.time.stepped != s.stepped {
		s.stepped = s.time.stepped
		s.time.around(&s.live)
		s.time.around(&s.alarm)
	}
	if ready {
		s.release()
		s.queue(p, pt, urgent)
	}
}

// release queues what has waited for the clock, once it need not wait any longer. The
// caller holds mu.
func (s *sampler) release() {
	for _, h := range s.time.release() {
		s.queue(h.probe, h.point, h.urgent)
	}
}

// steady is a reading as the gateway's rules see it.
func (s *sampler) steady(pt telemetry.Point) telemetry.Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.time.steady(pt)
}

// queue takes a reading whose time is right. The caller holds mu.
func (s *sampler) queue(p *probe, pt telemetry.Point, urgent bool) {
	q, filter := &s.live, p.reports[pt.Metric]
	if urgent {
		q = &s.alarm
	} else if filter.judge(pt) == notNews {
		s.same++
		return
	}
	if !q.add(p.info.ID, pt) {
		s.dropped++
		return
	}
	filter.note(pt)
	if urgent {
		select {
		case s.alarmed <- struct{}{}:
		default:
		}
	}
}

// honest makes a fault of what is no measurement, see telemetry.Metric.Measured.
func honest(m telemetry.Metric, p telemetry.Point) telemetry.Point {
	switch {
	case !p.Quality.Valid():
		p.Quality = telemetry.BadFrame
	case !p.Quality.Fault():
		v, q := m.Measured(p.Value)
		if p.Value = v; q.Fault() {
			p.Quality = q
		}
	}
	if p.Quality.Fault() {
		p.Value = 0
	}
	return p
}

func (s *sampler) takeLive() []outbox.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release()
	return s.live.take()
}

func (s *sampler) takeAlarms() []outbox.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release()
	return s.alarm.take()
}

// stop makes what comes from now on, of drivers that do not end, be ignored.
func (s *sampler) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// probe is a device with what the gateway knows of how it does.
type probe struct {
	dev       devices.Device
	info      devices.Info       // with the interval at which the driver measures
	announced time.Duration      // the longest time between two readings that are sent
	reports   map[string]*report // by metric; they belong to the sampler
	said      pulse              // when it was last heard, or somebody spoke in its stead

	mu     sync.Mutex
	status DeviceStatus
	last   time.Time // when the driver was last heard
}

func (p *probe) heard(now time.Time, fault bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
	p.status.Points++
	if fault {
		p.status.Faults++
		return
	}
	p.status.Last = now
}

func (p *probe) silentSince() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *probe) set(f func(*DeviceStatus)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.status)
}
