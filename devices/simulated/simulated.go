// Package simulated makes devices that measure a model instead of a building:
// for the demo, for trying a configuration before a sensor has arrived, and for
// tests of the whole path. The models are package sim's; each states its equation.
//
// A device is a list of channels, one per metric. A channel is a function of time
// alone, so that a seed gives the same readings in every run, whatever the
// interval and however often the device is started again. What a sensor adds
// (noise, offset, steps, the ends of its range) is part of the channel; a fault
// is a quality, never a number.
package simulated

import (
	"context"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/sim"
	"weishao.dev/weishao/telemetry"
)

// Moment is when a channel is read.
type Moment struct {
	Since time.Duration // since the Start
	Now   time.Time     // on the gateway's clock
}

// Midnight is the time since midnight where the site is; loc nil means UTC+8.
func (m Moment) Midnight(loc *time.Location) time.Duration {
	if loc == nil {
		loc = china
	}
	t := m.Now.In(loc)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
}

var china = time.FixedZone("UTC+8", 8*3600)

// Channel is one metric of a device: its value in the catalogue's unit at a
// moment, and how far it can be trusted.
type Channel struct {
	Metric string
	Read   func(Moment) (float64, telemetry.Quality)
}

// Sensed is a channel that reads the true value through a sensor.
func Sensed(metric string, s sim.Sensor, truth func(Moment) float64) Channel {
	return Channel{metric, func(m Moment) (float64, telemetry.Quality) { return s.Read(m.Since, truth(m)), telemetry.Good }}
}

// Start is the moment that the models count from. Devices that share one share a
// story. The zero Start begins when the first of its devices is first read.
type Start struct {
	once sync.Once
	at   time.Time
}

// StartAt is a Start at a given time.
func StartAt(t time.Time) *Start {
	s := &Start{}
	s.since(t)
	return s
}

func (s *Start) since(now time.Time) time.Duration {
	s.once.Do(func() { s.at = now })
	return now.Sub(s.at)
}

// New makes a device. info's Metrics are filled in from the channels; its
// Interval must be positive.
func New(info devices.Info, start *Start, channels ...Channel) devices.Device {
	info.Metrics = make([]string, len(channels))
	for i, c := range channels {
		info.Metrics[i] = c.Metric
	}
	return devices.Poll(info, func(_ context.Context, now time.Time) ([]telemetry.Point, error) {
		m := Moment{Since: start.since(now), Now: now}
		points := make([]telemetry.Point, len(channels))
		for i, c := range channels {
			v, q := c.Read(m)
			if q.Fault() {
				v = 0
			}
			points[i] = telemetry.Point{Metric: c.Metric, Time: now.UnixMilli(), Value: v, Quality: q}
		}
		return points, nil
	})
}
