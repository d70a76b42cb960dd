// Package zigbee2mqtt understands what Zigbee2MQTT publishes for a Zigbee device.
//
// Messages: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html. A
// device's state is one JSON object on BASE/NAME, where NAME may have spaces, any
// letters and '/'. BASE/NAME/availability (where that is switched on) and BASE/bridge/state
// say online or offline, as plain text or as {"state": ...}, retained.
//
// Zigbee2MQTT remembers the last value of each field and sends them all with each
// message (cache_state), and once more for all devices when it starts
// (cache_state_send_on_startup), right after bridge/state says online. Set its last_seen to
// ISO_8601: then a message says when the device was heard, and what is merely remembered
// can be told from what is measured.
//
// Fields whose unit differs by model (gas_value, smoke_density) have no default. The
// field voltage of a mains device is in V; that of a battery is in mV, and is no metric of
// ours: as a voltage it comes out as saturated. A door's contact is true when it is closed:
// it needs invert.
package zigbee2mqtt

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/internal/conf"
)

// Own is what a device of kind "zigbee2mqtt" has beside what all devices have:
//
//   - id: kitchen-smoke
//     kind: zigbee2mqtt
//     placement: kitchen_smoke
//     topic: zigbee2mqtt/Kitchen smoke
//     broker: {username: weishao, password_file: ./sensors-password}
//     fields: {smoke: {}, temperature: {}}
type Own struct {
	Pos               conf.Pos `yaml:"-"`
	mqttsensor.Config `yaml:",inline"`
	Base              conf.At[string] `yaml:"base"` // Zigbee2MQTT's base_topic; default the topic's first level
}

// Interval is the default: battery sensors report at least hourly. Mains devices do
// so every ten minutes or more often.
const Interval = time.Hour

var known = map[string]mqttsensor.Known{
	"smoke":             {Metric: "contact"},
	"gas":               {Metric: "contact"},
	"carbon_monoxide":   {Metric: "contact"},
	"co":                {Metric: "co", Unit: "ppm"},
	"smoke_density_dbm": {Metric: "smoke", Unit: "dB/m"},
	"temperature":       {Metric: "temperature", Unit: "°C"},
	"humidity":          {Metric: "humidity", Unit: "%RH"},
	"pm25":              {Metric: "pm2_5", Unit: "µg/m³"},
	"power":             {Metric: "power", Unit: "W"},
	"power_reactive":    {Metric: "reactive_power", Unit: "var"},
	"power_factor":      {Metric: "power_factor", Unit: "1"},
	"current":           {Metric: "current", Unit: "A"},
	"voltage":           {Metric: "voltage", Unit: "V"},
	"ac_frequency":      {Metric: "frequency", Unit: "Hz"},
}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, parts mqttsensor.Parts) (devices.Device, error) {
	return o.Config.Device(o.Pos, info, mqttsensor.Dialect{
		Known:    func(field string) (mqttsensor.Known, bool) { k, ok := known[field]; return k, ok },
		Interval: Interval,
		Speaker: func(fields []mqttsensor.Field, errs *conf.Errors) mqttsensor.Speaker {
			base, _, below := strings.Cut(o.Topic.V, "/")
			if o.Base.V != "" {
				base = o.Base.V
				below = strings.HasPrefix(o.Topic.V, base+"/")
			}
			if !below {
				errs.Add(o.Topic.Pos, "topic %q is not below %q: write %s/ and the device's friendly name", o.Topic.V, base, cmp.Or(o.Base.V, "zigbee2mqtt"))
			}
			return &speaker{topic: o.Topic.V, base: base, fields: fields}
		},
	}, parts)
}

type speaker struct {
	topic, base string
	fields      []mqttsensor.Field
}

// Topics implements mqttsensor.Speaker.
func (s *speaker) Topics() mqttsensor.Topics {
	bridge := s.base + "/bridge/state"
	return mqttsensor.Topics{Data: []string{s.topic}, Presence: []string{s.topic + "/availability", bridge}, Bridge: bridge}
}

// Decode implements mqttsensor.Speaker. What is nested below "device" describes the
// device and may say "offline" in a message that it has just sent: it is not looked at.
func (s *speaker) Decode(_ string, payload []byte) (mqttsensor.Report, error) {
	o, err := mqttsensor.Object(payload)
	if err != nil {
		return mqttsensor.Report{}, err
	}
	r := mqttsensor.Report{Seen: seen(o["last_seen"]), Doubt: mqttsensor.Doubt(o, "battery", "battery_low", "tamper")}
	for i := range s.fields {
		f := &s.fields[i]
		if v, ok := mqttsensor.Find(o, f.Name); ok {
			r.Points = append(r.Points, f.Read(v))
		}
	}
	return r, nil
}

// seen reads last_seen: "2019-06-24T15:30:53.312Z", the same with an offset, or a number of
// milliseconds. Anything else is not believed.
func seen(v any) time.Time {
	switch v := v.(type) {
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t
		}
	case json.Number:
		if ms, err := v.Int64(); err == nil && ms > 1e12 && ms < 1e13 {
			return time.UnixMilli(ms)
		}
	}
	return time.Time{}
}
