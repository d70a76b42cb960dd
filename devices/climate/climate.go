// Package climate lets a sensor know how warm and how damp the air is: by what another
// device of the same gateway measures.
//
// A device that measures temperature and humidity is watched; whatever names it asks for
// the air at a moment. What it measured counts while it is good, and no longer than ten
// minutes or twice its interval. A fault, or a driver that has stopped, ends it at once.
package climate

import (
	"context"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Air is how warm and damp it is.
type Air struct {
	Temperature float64 // °C
	Humidity    float64 // %RH
}

// fresh is how long a measurement counts at least: a room changes slowly.
const fresh = 10 * time.Minute

// Rooms are the devices of a gateway that measure the air, and who asks for them. It is
// safe for concurrent use.
type Rooms struct {
	mu    sync.Mutex
	rooms map[string]*Room
}

// NewRooms is a gateway without devices.
func NewRooms() *Rooms { return &Rooms{rooms: map[string]*Room{}} }

// Room is one device that measures the air.
type Room struct {
	watched bool     // there is such a device
	asked   conf.Pos // where it is named

	mu           sync.Mutex
	limit        time.Duration
	air          Air
	warmth, damp time.Time // when each was measured; zero: it is not known
}

func (r *Rooms) room(device string) *Room {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rooms[device] == nil {
		r.rooms[device] = &Room{}
	}
	return r.rooms[device]
}

// Room is the one of a device, which may be built later; at is where it is named.
func (r *Rooms) Room(device string, at conf.Pos) *Room {
	room := r.room(device)
	r.mu.Lock()
	defer r.mu.Unlock()
	room.asked = at
	return room
}

// Check says which of the devices that were named are not there, or do not measure both,
// once all devices are built. Errors are of type conf.Errors.
func (r *Rooms) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs conf.Errors
	var names []string
	for name, room := range r.rooms {
		if room.watched {
			names = append(names, name)
		}
	}
	for name, room := range r.rooms {
		if !room.watched {
			errs.Add(room.asked, "climate: no device %q of this gateway measures temperature and humidity%s", name, telemetry.Suggest(name, names))
		}
	}
	return errs.Err()
}

// Watch is dev, watched if it measures the air.
func (r *Rooms) Watch(dev devices.Device) devices.Device {
	info := dev.Info()
	found := 0
	for _, m := range info.Metrics {
		if m == "temperature" || m == "humidity" {
			found++
		}
	}
	if found < 2 {
		return dev
	}
	room := r.room(info.ID)
	r.mu.Lock()
	defer r.mu.Unlock()
	room.watched, room.limit = true, max(fresh, 2*info.Interval)
	return &watched{dev, room}
}

type watched struct {
	devices.Device
	room *Room
}

func (w *watched) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	defer w.room.forget()
	return w.Device.Run(ctx, clock, func(p telemetry.Point) {
		w.room.note(p, clock.Now())
		emit(p)
	})
}

func (r *Room) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warmth, r.damp = time.Time{}, time.Time{}
}

func (r *Room) note(p telemetry.Point, now time.Time) {
	if p.Quality != telemetry.Good {
		now = time.Time{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch p.Metric {
	case "temperature":
		r.air.Temperature, r.warmth = p.Value, now
	case "humidity":
		r.air.Humidity, r.damp = p.Value, now
	}
}

// Now is the air at a moment; ok is false if it is not known.
func (r *Room) Now(now time.Time) (a Air, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range []time.Time{r.warmth, r.damp} {
		if at.IsZero() || now.Sub(at) > r.limit {
			return Air{}, false
		}
	}
	return r.air, true
}
