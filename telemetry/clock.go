package telemetry

import "time"

// Clock tells the time. The zero value is the wall clock; a scaled one runs
// Speed times as fast from the moment it was made, so that a demonstration's
// hour passes in a minute. All parts of one process share one Clock.
type Clock struct {
	origin time.Time     // wall time at which the clock was made
	ahead  time.Duration // of the wall clock, at origin
	speed  float64
}

// NewClock makes a clock that runs speed times as fast as the wall clock from
// now on. A speed of 0 or 1 is the wall clock.
func NewClock(speed float64) Clock {
	if speed <= 0 || speed == 1 {
		return Clock{}
	}
	return Clock{origin: time.Now(), speed: speed}
}

// NewClockAt is NewClock, showing at now. A scaled clock that is made again over
// the same data goes on where the one before it ended: time does not go back.
func NewClockAt(at time.Time, speed float64) Clock {
	if speed <= 0 {
		speed = 1
	}
	now := time.Now()
	return Clock{origin: now, ahead: at.Sub(now), speed: speed}
}

// Now is the clock's present time.
func (c Clock) Now() time.Time {
	now := time.Now()
	if c.speed == 0 {
		return now
	}
	return c.origin.Add(c.ahead + time.Duration(float64(now.Sub(c.origin))*c.speed))
}

// NowMS is Now as Unix milliseconds.
func (c Clock) NowMS() int64 { return c.Now().UnixMilli() }

// Wall is how long d of this clock takes on the wall clock: what to hand to a
// timer.
func (c Clock) Wall(d time.Duration) time.Duration {
	if c.speed == 0 {
		return d
	}
	return time.Duration(float64(d) / c.speed)
}

// Speed is 1 for the wall clock.
func (c Clock) Speed() float64 {
	if c.speed == 0 {
		return 1
	}
	return c.speed
}
