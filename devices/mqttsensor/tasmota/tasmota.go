// Package tasmota understands what Tasmota publishes: sensors and energy meters of a
// device, and Zigbee devices behind its bridge.
//
// Messages: https://tasmota.github.io/docs/MQTT/. Telemetry is JSON on tele/NAME/SENSOR
// every TelePeriod (300 s by default); the answer to `Status 10` has the same below
// "StatusSNS" on stat/NAME/STATUS10, and a switch that is thrown is told on
// stat/NAME/RESULT; tele/NAME/STATE has no measurements but shows that the device lives.
// The last will is Offline on tele/NAME/LWT. FullTopic may put the prefix elsewhere.
//
// Time is local and has no offset, and the clock may be wrong: it is not used. TempUnit says
// in which unit temperatures are, since that is a setting (SetOption8). Totals of energy
// are counters that begin again; no metric is made of them.
//
// Energy: a meter that does not answer is sent as zeros. The mains are never at 0 V for
// a meter that lives on them, so with Voltage 0 all of ENERGY is no_response. A plug that
// is switched off looks the same unless `SetOption21 1` lets it go on measuring.
//
// Zigbee: {"ZbReceived": {"0x662E": {"Device": "0x662E", "Name": ..., ...}}}, the key being the
// address or (SetOption83) the name. ZoneStatus and ZoneStatusChange are the bits of the IAS
// zone cluster: 0 and 1 alarm, 2 tampered, 3 battery low, 6 trouble, 7 no mains, 8 test, 9
// battery defect; 4 and 5 only say what else it reports.
package tasmota

import (
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind "tasmota" has beside what all devices have:
//
//   - id: socket-3
//     kind: tasmota
//     placement: corridor_socket
//     topic: tele/socket-3/SENSOR
//     broker: {username: weishao, password_file: ./sensors-password}
//     fields: {ENERGY.Power: {}, ENERGY.Current: {}, ENERGY.Voltage: {}}
//
//   - id: stairs-smoke
//     kind: tasmota
//     placement: stair_smoke
//     topic: tele/SonoffZB/SENSOR
//     device: "0x662E" # behind the bridge: its address or name
//     fields: {ZoneStatusChange: {}}
type Own struct {
	Pos               conf.Pos `yaml:"-"`
	mqttsensor.Config `yaml:",inline"`
	Zigbee            conf.At[string] `yaml:"device"`
}

// Default intervals: TelePeriod, and what battery sensors take at most.
const (
	Interval       = 5 * time.Minute
	ZigbeeInterval = time.Hour
)

var known = map[string]mqttsensor.Known{
	"ENERGY.Power":         {Metric: "power", Unit: "W"},
	"ENERGY.ReactivePower": {Metric: "reactive_power", Unit: "var"},
	"ENERGY.Factor":        {Metric: "power_factor", Unit: "1"},
	"ENERGY.Voltage":       {Metric: "voltage", Unit: "V"},
	"ENERGY.Current":       {Metric: "current", Unit: "A"},
	"ENERGY.Frequency":     {Metric: "frequency", Unit: "Hz"},
	"ZoneStatus":           {Metric: mqttsensor.Contact},
	"ZoneStatusChange":     {Metric: mqttsensor.Contact},
}

// byLastPart are known whatever the sensor's name is: "SI7021.Temperature".
var byLastPart = map[string]mqttsensor.Known{
	"Temperature": {Metric: "temperature", Unit: "°C"},
	"Humidity":    {Metric: "humidity", Unit: "%RH"},
	"PM2.5":       {Metric: "pm2_5", Unit: "µg/m³"},
}

func lookUp(field string) (mqttsensor.Known, bool) {
	if k, ok := known[field]; ok {
		return k, true
	}
	for part, k := range byLastPart {
		if field == part || strings.HasSuffix(field, "."+part) {
			return k, true
		}
	}
	return mqttsensor.Known{}, false
}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, parts mqttsensor.Parts) (devices.Device, error) {
	interval := Interval
	if o.Zigbee.V != "" {
		interval = ZigbeeInterval
	}
	return o.Config.Device(o.Pos, info, mqttsensor.Dialect{
		Known:    lookUp,
		Interval: interval,
		Behind:   o.Zigbee.V,
		Speaker: func(fields []mqttsensor.Field, errs *conf.Errors) mqttsensor.Speaker {
			topic := o.Topic.V
			if !strings.Contains(topic, "/") {
				topic = "tele/" + topic + "/SENSOR"
			}
			if !strings.HasSuffix(topic, sensor) {
				errs.Add(o.Topic.Pos, "topic %q does not end with %s: write tele/NAME/SENSOR, as the device's console shows it", topic, sensor)
			}
			return &speaker{base: strings.TrimSuffix(topic, sensor), zigbee: o.Zigbee.V, fields: fields}
		},
	}, parts)
}

const sensor = "/SENSOR"

type speaker struct {
	base   string // of telemetry, "tele/NAME"
	zigbee string // name or address of a device behind the bridge; empty: the device itself
	fields []mqttsensor.Field
}

// Topics implements mqttsensor.Speaker.
func (s *speaker) Topics() mqttsensor.Topics {
	t := mqttsensor.Topics{Data: []string{s.base + sensor}, Presence: []string{s.base + "/LWT"}}
	if s.zigbee != "" {
		t.Data = append(t.Data, s.base+"/ZbReceived") // with SetOption118
		return t
	}
	t.Data = append(t.Data, s.base+"/STATE")
	if stat, ok := answers(s.base); ok {
		t.Data = append(t.Data, stat+"/STATUS8", stat+"/STATUS10", stat+"/RESULT")
	}
	return t
}

// answers is where the answers to commands are: tele becomes stat, wherever it stands.
func answers(base string) (string, bool) {
	levels := strings.Split(base, "/")
	for i, l := range levels {
		if l == "tele" {
			levels[i] = "stat"
			return strings.Join(levels, "/"), true
		}
	}
	return "", false
}

// Decode implements mqttsensor.Speaker.
func (s *speaker) Decode(_ string, payload []byte) (mqttsensor.Report, error) {
	o, err := mqttsensor.Object(payload)
	if err != nil {
		return mqttsensor.Report{}, err
	}
	if answer, ok := o["StatusSNS"].(map[string]any); ok {
		o = answer
	}
	if s.zigbee != "" {
		return s.bridged(o), nil
	}
	return mqttsensor.Report{Points: s.points(o)}, nil
}

func (s *speaker) points(o map[string]any) []telemetry.Point {
	celsius := true
	if unit, ok := o["TempUnit"].(string); ok {
		celsius = unit != "F"
	}
	lost := meterLost(o)
	var points []telemetry.Point
	for i := range s.fields {
		f := &s.fields[i]
		v, ok := mqttsensor.Find(o, f.Name)
		if !ok {
			continue
		}
		if action, ok := v.(map[string]any); ok { // {"Switch1":{"Action":"ON"}}
			v = action["Action"]
		}
		switch {
		case lost && strings.HasPrefix(f.Name, "ENERGY."):
			points = append(points, f.Fault(telemetry.NoResponse))
		case !celsius && f.Metric.Name == "temperature":
			points = append(points, f.ReadIn(v, "°F"))
		default:
			points = append(points, s.point(f, v))
		}
	}
	return points
}

// meterLost reports whether ENERGY is that of a meter that does not answer.
func meterLost(o map[string]any) bool {
	v, ok := mqttsensor.Find(o, "ENERGY.Voltage")
	if !ok {
		return false
	}
	volts, q := mqttsensor.Number(v)
	return q == telemetry.Good && volts == 0
}

func (s *speaker) point(f *mqttsensor.Field, v any) telemetry.Point {
	if f.Metric.Name == mqttsensor.Contact && (f.Name == "ZoneStatus" || f.Name == "ZoneStatusChange") {
		return zone(f, v)
	}
	return f.Read(v)
}
