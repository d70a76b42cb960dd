package tasmota

import (
	"math"
	"strings"

	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/telemetry"
)

// bridged finds the device in a message of the bridge.
func (s *speaker) bridged(o map[string]any) mqttsensor.Report {
	all, ok := o["ZbReceived"].(map[string]any)
	if !ok {
		all = o // with SetOption118
	}
	for key, v := range all {
		d, ok := v.(map[string]any)
		if !ok || !s.is(key, d) {
			continue
		}
		return mqttsensor.Report{Points: s.points(d), Doubt: doubt(d)}
	}
	return mqttsensor.Report{Foreign: true}
}

func (s *speaker) is(key string, d map[string]any) bool {
	for _, name := range []any{key, d["Device"], d["Name"]} {
		if name, ok := name.(string); ok && strings.EqualFold(name, s.zigbee) {
			return true
		}
	}
	return false
}

// Bits of a zone's status.
const (
	alarm1      = 1 << 0
	alarm2      = 1 << 1
	tampered    = 1 << 2
	batteryLow  = 1 << 3
	trouble     = 1 << 6
	mainsFault  = 1 << 7
	underTest   = 1 << 8
	batteryDead = 1 << 9

	doubtful = tampered | batteryLow | trouble | mainsFault | underTest | batteryDead
)

// zone makes a contact of a zone's status. One that is in trouble has measured
// nothing, unless it gives an alarm.
func zone(f *mqttsensor.Field, v any) telemetry.Point {
	bits, q := status(v)
	if q.Fault() {
		return f.Fault(q)
	}
	p := telemetry.Point{Metric: f.Metric.Name}
	switch alarm := bits&(alarm1|alarm2) != 0; {
	case alarm:
		p.Value = 1
	case bits&trouble != 0:
		return f.Fault(telemetry.NoResponse)
	}
	if bits&doubtful != 0 {
		p.Quality = telemetry.Suspect
	}
	return p
}

func status(v any) (uint16, telemetry.Quality) {
	n, q := mqttsensor.Number(v)
	if q.Fault() {
		return 0, q
	}
	if n < 0 || n > math.MaxUint16 || n != math.Trunc(n) {
		return 0, telemetry.BadFrame
	}
	return uint16(n), telemetry.Good
}

// doubt is what a message says of the device's own state.
func doubt(d map[string]any) *bool {
	said := mqttsensor.Doubt(d, "BatteryPercentage")
	for _, name := range []string{"ZoneStatus", "ZoneStatusChange"} {
		if bits, q := status(d[name]); q == telemetry.Good {
			bad := bits&doubtful != 0 || said != nil && *said
			said = &bad
		}
	}
	return said
}
