// Package pms drives Plantower's PMS5003 and PMS7003 particle sensors on a UART: 9600
// 8N1, 3.3 V levels, fed with 5 V (a fan).
//
// The part sends a frame of 32 bytes by itself, every 0.2 to 2.3 s:
//
//	0–1    42 4D
//	2–3    28, what follows in bytes
//	4–29   13 words, the high byte first
//	30–31  sum of bytes 0 to 29
//
// Word 1 is PM2.5 in µg/m³ for "factory" calibration, word 4 the one for ambient air,
// which is the one taken; 6 to 11 are particle counts; the last has the version in its
// high byte and an error code, 0 on a part that works, in its low byte.
//
// Range 0–500 µg/m³, to 1000 with less accuracy: ±10 µg/m³ below 100, ±10 % above. It
// counts smoke, steam and oil fumes alike; it is no smoke alarm. The fan needs 30 s
// before the count settles: readings carry warmup until then, counted from the first
// frame since the gateway began or the part was silent. 1000 and more is saturated,
// also then. The laser and the fan last some 3 years (8000 h at full duty are stated).
//
// Source: Plantower's data manuals of both parts (commonly known as series data manual
// V2.3 and V2.5), and frames of a real part that users published; the tests hold them.
package pms

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

const (
	size      = 32
	words     = 13
	saturated = 1000
)

var head = []byte{0x42, 0x4D, 0, 28}

var (
	errChecksum = errors.New("the frame's checksum is wrong: noise or a loose wire")
	errPart     = devices.Fault(telemetry.NoResponse, errors.New("the part reports an error of its own: look at its fan"))
	errStuck    = devices.Fault(telemetry.Stuck, errors.New("the part goes on sending the same counts"))
)

// Frame is a frame's words.
type Frame [words]uint16

// PM25 is for ambient air, in µg/m³.
func (f Frame) PM25() float64 { return float64(f[4]) }

// ErrorCode is 0 on a part that works.
func (f Frame) ErrorCode() byte { return byte(f[12]) }

// Scan finds a frame; it is a serialline.Scan.
func Scan(buf []byte) (frame []byte, used int, rejected error) {
	i := bytes.Index(buf, head)
	switch {
	case i < 0: // the end may be the beginning of a head
		return nil, max(len(buf)-len(head)+1, 0), nil
	case len(buf) < i+size:
		return nil, i, nil
	}
	f := buf[i : i+size]
	sum := uint16(0)
	for _, b := range f[:size-2] {
		sum += uint16(b)
	}
	if sum != binary.BigEndian.Uint16(f[size-2:]) {
		return nil, i + 2, errChecksum // a frame may begin within
	}
	return bytes.Clone(f), i + size, nil
}

// Decode takes the words out of a frame that Scan found.
func Decode(frame []byte) (f Frame) {
	for i := range f {
		f[i] = binary.BigEndian.Uint16(frame[4+2*i:])
	}
	return f
}

// Own is what a device of kind "pms" has in a gateway's configuration beside what all
// devices have and serialline.Own:
//
//   - id: shed-air
//     kind: pms
//     model: PMS5003
//     placement: room_smoke
//     interval: 1s
//     port: /dev/serial0
//     warmup: 30s         # from its first frame on
//     timeout: 5s         # without a frame it is no_response
//     stuck_after: 30m    # the same counts for longer are the fault stuck; 0s: never
type Own struct {
	Pos            conf.Pos `yaml:"-"`
	serialline.Own `yaml:",inline"`
	Warmup         conf.At[conf.Duration] `yaml:"warmup"`
	Timeout        conf.At[conf.Duration] `yaml:"timeout"`
	StuckAfter     conf.At[conf.Duration] `yaml:"stuck_after"`
}

// Device makes the device of a configuration. The error is of type conf.Errors.
func (o *Own) Device(info devices.Info, at conf.Pos, lines *serialline.Lines) (devices.Device, error) {
	var errs conf.Errors
	line := o.Line(lines, info.ID, at, serialline.At9600, true, &errs)
	within := conf.Span(&errs, "timeout", o.Timeout, 5*time.Second, 50*time.Millisecond, time.Minute)
	s := &sensor{
		silence: within,
		warmup:  conf.Span(&errs, "warmup", o.Warmup, 30*time.Second, 0, 24*time.Hour),
		stuck:   devices.StuckAfter(o.StuckAfter, 30*time.Minute, &errs),
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	if info.Interval <= 0 {
		info.Interval = time.Second
	}
	info.Metrics = []string{"pm2_5"}
	return serialline.Listener{Frames: serialline.NewFrames(line, Scan), Within: within, Points: s.points}.Device(info), nil
}

type sensor struct {
	warmup, silence time.Duration
	stuck           devices.Stuck
	first, last     time.Time // first frame since it was silent, and the last
}

func (s *sensor) points(now time.Time, frame []byte) ([]telemetry.Point, error) {
	f := Decode(frame)
	if now.Sub(s.last) > s.silence || now.Before(s.last) {
		s.first = now
	}
	s.last = now
	switch {
	case f.ErrorCode() != 0:
		return nil, errPart
	case s.stuck.Is(now, frame) && f[6] != 0: // the air may be clean for long, and then nothing is counted
		return nil, errStuck
	}
	p := telemetry.Point{Metric: "pm2_5", Value: f.PM25()}
	switch {
	case f.PM25() >= saturated:
		p.Quality = telemetry.Saturated
	case now.Sub(s.first) < s.warmup:
		p.Quality = telemetry.Warmup
	}
	return []telemetry.Point{p}, nil
}
