package gateway

import (
	"log/slog"
	"slices"
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

	first    int64         // distance at the start, ms
	distance int64         // of the clock from the monotonic one, ms, when last read
	before   int64         // distance before the last step
	jumped   time.Duration // when that was, trusted or not; 0: never
	asked    time.Duration // when doubt was last asked
	doubtful bool          // what it said
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
	underWay    = time.Minute     // that a driver may take from a reading's time to handing it over
	askEvery    = time.Second     // of doubt, which reads files
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
		k.before, k.jumped, k.asked = distance-step, max(mono, 1), 0
		if k.trusted {
			k.stepped = max(mono, 1)
		}
	}
	k.ask(mono)
	switch {
	case wall < k.least:
		k.trusted = false
	case k.trusted:
		k.unsure = k.unsure && k.doubtful
	case !k.doubtful:
		k.trusted = true
	case mono >= k.wait:
		k.trusted, k.unsure = true, true
		k.log.Warn("nobody has set the clock: readings go out as suspect", "waited", k.wait.String())
	}
	return wall, mono
}

// ask asks whether the clock is in doubt, where that matters still.
func (k *timekeeper) ask(mono time.Duration) {
	if k.doubt == nil || k.trusted && !k.unsure || k.asked > 0 && mono-k.asked < askEvery {
		return
	}
	k.doubtful, k.asked = k.doubt(), max(mono, 1)
}

// by is the distance of the clock by which a reading's time was taken: the one before
// the last step, if the reading would be older than it can be by the present one.
func (k *timekeeper) by(t int64, mono time.Duration) int64 {
	if k.jumped == 0 || mono-k.jumped > underWay {
		return k.distance
	}
	age := func(distance int64) int64 {
		if age := mono.Milliseconds() + distance - t; age >= 0 {
			return age
		}
		return t - mono.Milliseconds() - distance
	}
	if age(k.before) < age(k.distance) {
		return k.before
	}
	return k.distance
}

// steady is a reading at the time that it has for the gateway's rules.
func (k *timekeeper) steady(p telemetry.Point) telemetry.Point {
	_, mono := k.look()
	p.Time += k.first - k.by(p.Time, mono)
	return p
}

// stamp is a reading as it may leave; ok is false if it has to wait, and then it does.
func (k *timekeeper) stamp(p *probe, pt telemetry.Point, urgent bool) (_ telemetry.Point, ok bool) {
	wall, mono := k.look()
	h := held{p, pt, urgent, k.by(pt.Time, mono)}
	if !k.trusted {
		k.hold(h)
		return pt, false
	}
	return k.right(h, wall, mono), true
}

// right is a reading at its right time: the clock's now, as far back as it was taken.
func (k *timekeeper) right(h held, wall int64, mono time.Duration) telemetry.Point {
	h.point.Time += k.distance - h.distance
	if h.point.Time < k.least {
		h.point.Time = wall // a driver's own idea of time
	}
	return k.mark(h.point, mono)
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
		k.forget(maxHeld / 10)
	}
	k.held = append(k.held, h)
}

// forget gives up the oldest n that wait, urgent ones if there are no others.
func (k *timekeeper) forget(n int) {
	k.lost += uint64(n)
	k.held = slices.DeleteFunc(k.held, func(h held) bool {
		if n == 0 || h.urgent {
			return false
		}
		n--
		return true
	})
	k.held = slices.Delete(k.held, 0, n)
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
	k.held, k.told = nil, false
	for i, h := range list {
		list[i].point = k.right(h, wall, mono)
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
