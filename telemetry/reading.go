package telemetry

import (
	"fmt"
	"strings"
)

// Quality says how far a reading can be trusted. The zero value is Good.
// Everything from Open upward is a fault: the reading carries no number,
// whatever its Value field holds.
type Quality uint8

const (
	Good       Quality = iota
	Warmup             // the sensor has not settled; raises no alarm
	Suspect            // measured, but something about it is doubtful (a clock step, a neighbour disagrees)
	Volatile           // measured and sent from memory: the gateway's disk has failed
	Open               // the sensing element or its cable is open
	Short              // the sensing element or its cable is shorted
	Saturated          // at the end of the sensor's range
	Stuck              // has not changed for longer than the device's limit
	NoResponse         // the part did not answer
	BadFrame           // the part answered with something that is not a valid frame
)

var qualityNames = [...]string{"good", "warmup", "suspect", "volatile", "open", "short", "saturated", "stuck", "no_response", "bad_frame"}

func (q Quality) String() string {
	if int(q) < len(qualityNames) {
		return qualityNames[q]
	}
	return fmt.Sprintf("quality(%d)", uint8(q))
}

// Fault reports whether q means that nothing was measured.
func (q Quality) Fault() bool { return q >= Open }

// Valid reports whether q is one of the named qualities.
func (q Quality) Valid() bool { return int(q) < len(qualityNames) }

// ParseQuality reads a quality's name; the empty string is Good.
func ParseQuality(s string) (Quality, error) {
	if s == "" {
		return Good, nil
	}
	for i, n := range qualityNames {
		if n == s {
			return Quality(i), nil
		}
	}
	return 0, fmt.Errorf("unknown quality %q (one of %s)", s, strings.Join(qualityNames[:], ", "))
}

// Point is one metric of one device at one moment: a measured number, or a
// fault with its reason.
type Point struct {
	Metric  string  // catalogue name, e.g. "gas.ch4"
	Time    int64   // when sampled, Unix milliseconds UTC
	Value   float64 // in the catalogue's unit; meaningless when Quality.Fault()
	Quality Quality
}

// Reading is a Point with the device it came from.
type Reading struct {
	Device string // "group/node/device"
	Point
}

// NodeID names a gateway: "group/node".
func NodeID(group, node string) string { return group + "/" + node }

// DeviceID names a device: "group/node/device".
func DeviceID(group, node, device string) string { return group + "/" + node + "/" + device }

// SplitDevice takes a device ID apart; ok is false when it has not three parts.
func SplitDevice(id string) (group, node, device string, ok bool) {
	group, rest, ok1 := strings.Cut(id, "/")
	node, device, ok2 := strings.Cut(rest, "/")
	return group, node, device, ok1 && ok2 && group != "" && node != "" && device != ""
}

// NodeOf is the gateway of a device: "group/node" of "group/node/device".
func NodeOf(device string) string {
	if i := strings.LastIndexByte(device, '/'); i >= 0 {
		return device[:i]
	}
	return device
}

// ValidName reports whether s may name a group, a node or a device: 1 to 64
// letters, digits, '.', '_' or '-'. An embedded broker maps topics to subjects,
// where a node called '*' could speak for all, so nothing else is let in.
func ValidName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != "." && s != ".."
}
