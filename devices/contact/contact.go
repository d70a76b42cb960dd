// Package contact reads a relay contact, such as the alarm output of a standalone
// smoke, gas or CO alarm: metric contact, 1 while the alarm is on.
//
// # At a GPIO line
//
// The contact lies between the line and ground, and the board's pull-up holds the line
// high while it is open. Keep the cable below a few metres, or use the converter: it
// is an aerial of high resistance.
//
// What cannot be seen there: a cable that is cut looks like an open contact, one that
// is pinched like a closed one. With a contact that is normally closed a cut is an
// alarm; with one that is normally open it is silence, for ever. So use a normally
// closed one, or the converter.
//
// # At a converter, with end-of-line resistors
//
// A resistor pull_up leads from the supply to the input, and the cable from the input
// to the alarm and back to ground. At its far end, inside the alarm's housing:
//
//   - normally open: end_of_line across the cable, and across it the contact in series
//     with alarm_resistor;
//   - normally closed: end_of_line in series with the contact, and alarm_resistor
//     across the contact.
//
// The loop's resistance then tells four states apart: at rest, alarm, cut (fault open)
// and pinched (fault short). What is none of them is bad_frame. Resistors of 5 % are
// good enough; a resistance counts as one of the two states if it is within 30 % of it.
//
// # Debounce
//
// The contact is looked at every 20 ms (at a converter: 100 ms), and a state counts
// when it has lasted for debounce (default 100 ms). It is emitted at once when it
// changes, and again every interval (default 10 s). A contact that never keeps still for
// debounce (a wire that is loose, an alarm that pulses its relay) has no state after two
// seconds, or twenty times debounce: bad_frame, and not what it was before.
package contact

import (
	"context"
	"errors"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/telemetry"
)

// Times.
const (
	LookPin         = 20 * time.Millisecond // between looks at a line
	DefaultInterval = 10 * time.Second      // after which an unchanged state is told again

	lookInput = 100 * time.Millisecond
)

// State is what a look at a contact says: on, off, or the fault Quality.
type State struct {
	Alarm   bool
	Quality telemetry.Quality
}

// Look looks once.
type Look func(ctx context.Context) (State, error)

// atPin reads the line; closed means low.
func atPin(pin bus.Pin, pull bus.Pull, closedIsAlarm bool) Look {
	return func(ctx context.Context) (State, error) {
		high, err := pin.Read(ctx, pull)
		return State{Alarm: high != closedIsAlarm}, err
	}
}

// loop is a cable with end-of-line resistors.
type loop struct {
	supply, pullUp float64
	rest, alarm    float64 // Ω of the cable's far end
}

const (
	near   = 0.3 // of a state's resistance, by which a loop may be off
	pinch  = 0.3 // of the smaller resistance, below which the cable is shorted
	cutOff = 3   // times the larger resistance, above which it is cut
)

// judge says what a voltage at the input means.
func (l *loop) judge(volts float64) State {
	if volts >= 0.999*l.supply {
		return State{Quality: telemetry.Open}
	}
	r := l.pullUp * volts / (l.supply - volts)
	within := func(of float64) bool { return r > of*(1-near) && r < of*(1+near) }
	switch {
	case r < pinch*min(l.rest, l.alarm):
		return State{Quality: telemetry.Short}
	case r > cutOff*max(l.rest, l.alarm):
		return State{Quality: telemetry.Open}
	case within(l.rest):
		return State{}
	case within(l.alarm):
		return State{Alarm: true}
	}
	return State{Quality: telemetry.BadFrame}
}

func (l *loop) at(in adc.Input) Look {
	return func(ctx context.Context) (State, error) {
		volts, err := in.Volts(ctx)
		if errors.Is(err, adc.ErrEnd) { // more than the range: the pull-up alone
			return State{Quality: telemetry.Open}, nil
		}
		if err != nil {
			return State{}, err
		}
		return l.judge(volts), nil
	}
}

// Watch is a device that looks every so often, and believes what has lasted for
// debounce. info's Interval must be positive; its Metrics are filled in.
func Watch(info devices.Info, look Look, every, debounce time.Duration) devices.Device {
	info.Metrics = []string{"contact"}
	return &device{info: info, look: look, every: every, debounce: debounce}
}

// device watches a contact.
type device struct {
	info     devices.Info
	look     Look
	every    time.Duration // between looks
	debounce time.Duration
}

func (d *device) Info() devices.Info { return d.info }

const (
	lost     = 3               // looks in a row that may fail
	unsteady = 2 * time.Second // without a state that lasted, at least
)

func (d *device) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	b := belief{debounce: d.debounce}
	var now State // what is emitted, once told
	var told time.Time
	failed := 0
	tick := time.NewTicker(max(clock.Wall(d.every), time.Millisecond))
	defer tick.Stop()
	for {
		at := clock.Now()
		s, err := d.look(ctx)
		changed := false
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if failed++; failed >= lost {
				return err
			}
		default:
			failed = 0
			b.take(s, at)
			changed = b.known && (b.is != now || told.IsZero())
		}
		if changed || !told.IsZero() && at.Sub(told) >= d.info.Interval {
			now, told = b.is, at
			emit(now.point(at))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// belief is what the looks so far amount to.
type belief struct {
	debounce time.Duration
	is       State // if known
	known    bool

	seen  State     // by the last look
	since time.Time // when that began
	calm  time.Time // when a state last had lasted, or the first look
}

func (b *belief) take(s State, at time.Time) {
	if b.since.IsZero() {
		b.calm = at
	}
	if s != b.seen || b.since.IsZero() {
		b.seen, b.since = s, at
	}
	switch {
	case at.Sub(b.since) >= b.debounce:
		b.is, b.known, b.calm = s, true, at
	case at.Sub(b.calm) > max(unsteady, 20*b.debounce):
		b.is, b.known = State{Quality: telemetry.BadFrame}, true
	}
}

func (s State) point(at time.Time) telemetry.Point {
	p := telemetry.Point{Metric: "contact", Time: at.UnixMilli(), Quality: s.Quality}
	if s.Alarm {
		p.Value = 1
	}
	return p
}
