package gateway

import (
	"log/slog"
	"time"

	"weishao.dev/weishao/telemetry"
)

// timekeeper knows how far the gateway's clock can be trusted. A board without a
// battery starts in 1970, or when it was last switched off, and its clock is set when
// the network is there.
//
// Until then readings wait in memory. Each is remembered with the clock's distance from
// the monotonic clock when it was taken, so that it can be given its right time however
// the clock was set meanwhile. No reading leaves with a time before the clock was set.
// A clock that only may be wrong (Deps.ClockDoubt) is waited for no longer than
// Config.ClockWait; then readings go out as suspect until it is set.
//
// The gateway's rules do not wait. They see times that go on evenly from the start of
// the process, whatever is done to the clock.
type timekeeper struct {
	read  func() (wall int64, mono time.Duration) // in ms since 1970, and since the start
	doubt func() bool                             // may be nil
	wait  time.Duration
	least int64 // ms since 1970 before which the clock cannot be right
	log   *slog.Logger

	first    int64 // distance at the start, ms
	distance int64 // of the clock from the monotonic one, ms, when last read
	trusted  bool
	unsure   bool          // trusted for want of better
	stepped  time.Duration // when the clock was last stepped; 0: never
	told     bool          // that readings wait
	held     []held
	lost     uint64 // readings for which there was no room while they waited
}

// held is a reading that waits for the clock.
type held struct {
	probe    *probe
	point    telemetry.Point
	urgent   bool
	distance int64
}

const (
	stepLimit   = 1000            // ms by which a clock is set and not slewed
	aroundStep  = 5 * time.Second // for which readings are suspect after a step
	maxHeld     = 100_000         // readings: half an hour of 64 sensors at 1 Hz
	defaultWait = time.Minute
	// notBefore is a time at which this program was not there yet: 2025-01-01.
	notBefore = 1_735_689_600_000
)

func newTimekeeper(clock telemetry.Clock, least int64, doubt func() bool, wait time.Duration, log *slog.Logger) *timekeeper {
	start := clock.Now()
	k := &timekeeper{least: least, doubt: doubt, wait: wait, log: log, read: func() (int64, time.Duration) {
		now := clock.Now()
		return now.UnixMilli(), now.Sub(start)
	}}
	k.begin()
	return k
}

func (k *timekeeper) begin() {
	wall, mono := k.read()
	k.first = wall - mono.Milliseconds()
	k.distance = k.first
	k.look()
}

// look reads the clock, and notes a step and whether it can be trusted by now.
func (k *timekeeper) look() (wall int64, mono time.Duration) {
	wall, mono = k.read()
	distance := wall - mono.Milliseconds()
	step := distance - k.distance
	k.distance = distance
	if step >= stepLimit || step <= -stepLimit {
		k.log.Warn("the clock was set", "by", (time.Duration(step) * time.Millisecond).String())
		if k.trusted {
			k.stepped = max(mono, 1)
		}
	}
	doubtful := (!k.trusted || k.unsure) && k.doubt != nil && k.doubt()
	switch {
	case k.trusted:
		k.unsure = k.unsure && doubtful
	case wall < k.least:
	case !doubtful:
		k.trusted = true
	case mono >= k.wait:
		k.trusted, k.unsure = true, true
		k.log.Warn("nobody has set the clock: readings go out as suspect", "waited", k.wait.String())
	}
	return wall, mono
}

// steady is the time of a reading for the gateway's rules.
func (k *timekeeper) steady(p telemetry.Point) telemetry.Point {
	p.Time += k.first - k.distance
	return p
}

// stamp is a reading as it may leave; ok is false if it has to wait, and then it does.
func (k *timekeeper) stamp(p *probe, pt telemetry.Point, urgent bool) (_ telemetry.Point, ok bool) {
	_, mono := k.look()
	if !k.trusted {
		k.hold(held{p, pt, urgent, k.distance})
		return pt, false
	}
	return k.mark(pt, mono), true
}

// mark makes a reading suspect that was taken while the clock was stepped or unsure.
func (k *timekeeper) mark(pt telemetry.Point, mono time.Duration) telemetry.Point {
	if pt.Quality == telemetry.Good && (k.unsure || k.stepped > 0 && mono-k.stepped < aroundStep) {
		pt.Quality = telemetry.Suspect
	}
	return pt
}

func (k *timekeeper) hold(h held) {
	if !k.told {
		k.told = true
		k.log.Warn("the clock is not set: readings wait for it, the gateway's own rules do not")
	}
	if len(k.held) >= maxHeld {
		k.held = append(k.held[:0], k.held[maxHeld/10:]...)
		k.lost += maxHeld / 10
	}
	k.held = append(k.held, h)
}

// release gives the readings that have waited, at their right times, once the clock
// can be trusted.
func (k *timekeeper) release() []held {
	if len(k.held) == 0 {
		return nil
	}
	wall, mono := k.look()
	if !k.trusted {
		return nil
	}
	list := k.held
	k.held = nil
	for i := range list {
		h := &list[i]
		h.point.Time += k.distance - h.distance
		if h.point.Time < k.least {
			h.point.Time = wall // a driver's own idea of time
		}
		h.point = k.mark(h.point, mono)
	}
	k.log.Info("readings that waited for the clock are sent", "readings", len(list), "lost", k.lost)
	return list
}

// around makes what was sampled just before a step suspect.
func (k *timekeeper) around(q *queue) {
	for _, points := range q.points {
		for i := range points {
			if points[i].Quality == telemetry.Good {
				points[i].Quality = telemetry.Suspect
			}
		}
	}
}
