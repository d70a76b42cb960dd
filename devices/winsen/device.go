package winsen

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind "winsen_ze" has in a gateway's configuration beside what
// all devices have and serialline.Own:
//
//   - id: kitchen-co
//     kind: winsen_ze
//     placement: kitchen_gas
//     interval: 1s
//     port: /dev/serial/by-id/usb-1a86_USB_Serial-if00-port0
//     part: ze07-co       # or ze03
//     mode: upload        # or ask
//     warmup: 3m          # from its first frame on
//     timeout: 5s         # without a frame it is no_response
//     stuck_after: 24h    # the same value other than 0 for longer; the default is never
type Own struct {
	Pos            conf.Pos `yaml:"-"`
	serialline.Own `yaml:",inline"`
	Part           conf.At[string]        `yaml:"part"`
	Mode           conf.At[string]        `yaml:"mode"`
	Warmup         conf.At[conf.Duration] `yaml:"warmup"`
	Timeout        conf.At[conf.Duration] `yaml:"timeout"`
	StuckAfter     conf.At[conf.Duration] `yaml:"stuck_after"`
}

// Device makes the device of a configuration. The error is of type conf.Errors.
func (o *Own) Device(info devices.Info, at conf.Pos, lines *serialline.Lines) (devices.Device, error) {
	var errs conf.Errors
	line := o.Line(lines, info.ID, at, serialline.At9600, true, &errs)
	m := &module{
		part: o.part(&errs), uploads: o.uploads(&errs),
		warmup: conf.Span(&errs, "warmup", o.Warmup, 3*time.Minute, 0, 24*time.Hour),
		within: conf.Span(&errs, "timeout", o.Timeout, 5*time.Second, 50*time.Millisecond, time.Minute),
		stuck:  devices.StuckAfter(o.StuckAfter, 0, &errs),
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	info.Interval = cmp.Or(info.Interval, time.Second)
	info.Metrics = []string{"co"}
	info.Model = cmp.Or(info.Model, "Winsen "+strings.ToUpper(m.part.name))
	m.frames = serialline.NewFrames(line, Scan)
	if m.uploads {
		return serialline.Listener{Frames: m.frames, Within: m.within, Hello: m.part.Switch(true), Points: m.points}.Device(info), nil
	}
	return line.Holding(devices.PollPatiently(info, m.ask)), nil
}

func (o *Own) part(errs *conf.Errors) Part {
	if o.Part.V == "" {
		return ZE07CO
	}
	var names []string
	for _, p := range Parts {
		if names = append(names, p.name); p.name == o.Part.V {
			return p
		}
	}
	errs.Add(o.Part.Pos, "unknown part %q (one of %s)%s", o.Part.V, strings.Join(names, ", "), telemetry.Suggest(o.Part.V, names))
	return Part{}
}

func (o *Own) uploads(errs *conf.Errors) bool {
	if o.Mode.V != "" && o.Mode.V != "upload" && o.Mode.V != "ask" {
		errs.Add(o.Mode.Pos, "mode %q is not upload or ask", o.Mode.V)
	}
	return o.Mode.V != "ask"
}

var errStuck = devices.Fault(telemetry.Stuck, errors.New("the module goes on giving the same value"))

type module struct {
	part           Part
	uploads        bool
	frames         *serialline.Frames
	warmup, within time.Duration
	stuck          devices.Stuck
	first, last    time.Time // first frame since it was silent, and the last
	told           bool      // to answer
}

// ask is a sample of a module that answers.
func (m *module) ask(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
	if !m.told { // what confirms it is passed over
		if err := m.frames.Tell(ctx, m.part.Switch(false), m.within); err != nil {
			return nil, err
		}
		m.told = true
	}
	frame, err := m.frames.Ask(ctx, Question(), m.within)
	if err != nil {
		m.told = false // it may have lost its power, and uploads then
		if devices.QualityOf(err) == telemetry.NoResponse {
			m.first = time.Time{}
		}
		return nil, err
	}
	return m.points(now, frame)
}

func (m *module) points(now time.Time, frame []byte) ([]telemetry.Point, error) {
	ppm, full, err := m.part.PPM(frame, m.uploads)
	if err != nil {
		return nil, err
	}
	silent := m.uploads && now.Sub(m.last) > m.within
	if m.first.IsZero() || now.Before(m.last) || silent {
		m.first = now
	}
	m.last = now
	if m.stuck.Is(now, frame) && ppm != 0 { // clean air keeps still
		return nil, errStuck
	}
	p := telemetry.Point{Metric: "co", Value: ppm}
	switch {
	case ppm >= full:
		p.Quality = telemetry.Saturated
	case now.Sub(m.first) < m.warmup:
		p.Quality = telemetry.Warmup
	}
	return []telemetry.Point{p}, nil
}
