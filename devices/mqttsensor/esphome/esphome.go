// Package esphome understands what ESPHome publishes over MQTT.
//
// Messages: https://esphome.io/components/mqtt. Each entity has a topic of its own,
// PREFIX/KIND/NAME/state, with its state as plain text, retained by default. PREFIX/status says
// online or, as the last will, offline. Units are not in the messages: the
// configuration says them. A sensor that could not be read is "nan".
//
// A sensor publishes every update_interval (60 s by default). A binary_sensor publishes when it
// changes, and when the device has connected; so its state is repeated each interval while any
// entity of the device is heard. A device that has binary sensors only is not heard between
// changes: give it an uptime sensor.
package esphome

import (
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind "esphome" has beside what all devices have:
//
//   - id: boiler-co
//     kind: esphome
//     placement: boiler_room
//     topic: boiler-room # the prefix: mqtt's topic_prefix, by default the node's name
//     broker: {username: weishao, password_file: ./sensors-password}
//     fields:
//     sensor/co: {metric: co, unit: ppm}
//     binary_sensor/smoke: {}
type Own struct {
	Pos               conf.Pos `yaml:"-"`
	mqttsensor.Config `yaml:",inline"`
}

// Interval is the default: update_interval's.
const Interval = time.Minute

// byName are known in whatever kind of entity they are.
var byName = map[string]mqttsensor.Known{
	"sensor/temperature":            {Metric: "temperature", Unit: "°C"},
	"sensor/humidity":               {Metric: "humidity", Unit: "%RH"},
	"sensor/power":                  {Metric: "power", Unit: "W"},
	"sensor/current":                {Metric: "current", Unit: "A"},
	"sensor/voltage":                {Metric: "voltage", Unit: "V"},
	"sensor/power_factor":           {Metric: "power_factor", Unit: "1"},
	"sensor/frequency":              {Metric: "frequency", Unit: "Hz"},
	"binary_sensor/smoke":           {Metric: mqttsensor.Contact},
	"binary_sensor/gas":             {Metric: mqttsensor.Contact},
	"binary_sensor/carbon_monoxide": {Metric: mqttsensor.Contact},
}

const onChange = "binary_sensor/"

func lookUp(field string) (mqttsensor.Known, bool) {
	k, ok := byName[field]
	if !ok && strings.HasPrefix(field, onChange) {
		return mqttsensor.Known{Metric: mqttsensor.Contact}, true
	}
	return k, ok
}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, parts mqttsensor.Parts) (devices.Device, error) {
	return o.Config.Device(o.Pos, info, mqttsensor.Dialect{
		Known:    lookUp,
		Interval: Interval,
		Speaker: func(fields []mqttsensor.Field, errs *conf.Errors) mqttsensor.Speaker {
			for _, f := range fields {
				if strings.Count(f.Name, "/") != 1 {
					errs.Add(o.Fields[f.Name].Pos, "field %q is not KIND/NAME: write sensor/co or binary_sensor/smoke, as the topic has it", f.Name)
				}
			}
			return &speaker{prefix: o.Topic.V, fields: fields}
		},
	}, parts)
}

type speaker struct {
	prefix string
	fields []mqttsensor.Field
}

// Topics implements mqttsensor.Speaker. All states are listened to: each shows that the
// device lives.
func (s *speaker) Topics() mqttsensor.Topics {
	return mqttsensor.Topics{Data: []string{s.prefix + "/+/+/state"}, Presence: []string{s.prefix + "/status"}}
}

// Decode implements mqttsensor.Speaker.
func (s *speaker) Decode(topic string, payload []byte) (mqttsensor.Report, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(topic, s.prefix+"/"), "/state")
	for i := range s.fields {
		f := &s.fields[i]
		if f.Name != name {
			continue
		}
		return mqttsensor.Report{OnChange: strings.HasPrefix(name, onChange), Points: []telemetry.Point{f.Read(string(payload))}}, nil
	}
	return mqttsensor.Report{}, nil
}
