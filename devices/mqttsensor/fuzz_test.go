package mqttsensor_test

import (
	"encoding/json"
	"math"
	"testing"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/telemetry"
)

// FuzzMessages: whatever comes on a topic, nothing panics, and a number comes only of a
// message that has one: within its metric's range, and none with a fault.
func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		`{"smoke":true,"temperature":21.5,"last_seen":"2026-03-01T12:00:00Z"}`, `{"temperature":null}`, `{"temperature":"nan","TempUnit":"F"}`,
		`{"ENERGY":{"Power":[1,2],"Voltage":0}}`, `{"StatusSNS":{"ENERGY":{"Power":1e999}}}`, `{"ZbReceived":{"0x662E":{"Device":"0x662E","ZoneStatusChange":33}}}`,
		`ON`, `23.5`, `nan`, `{"state":"offline"}`, `offline`, `{`, "\x00\xff", `[[[[`, `{"a":{"a":{"a":1}}}`,
	} {
		f.Add([]byte(s), false)
	}
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	p := parts(f)
	var list []devices.Device
	for _, c := range [][2]string{
		{"zigbee2mqtt", `{topic: z/x, fields: {smoke: {}, temperature: {}, voltage: {}, a.a.a: {metric: gas.ch4, unit: ppm}}}`},
		{"tasmota", `{topic: x, fields: {ENERGY.Power: {}, ENERGY.Power.1: {metric: current, unit: mA}, temperature: {metric: temperature, unit: °C}}}`},
		{"tasmota", `{topic: x, device: "0x662E", fields: {ZoneStatusChange: {}, Temperature: {}}}`},
		{"esphome", `{topic: x, fields: {sensor/co: {metric: co, unit: ppm}, binary_sensor/smoke: {}}}`},
	} {
		d, err := build(c[0], c[1], devices.Info{ID: "x"}, p)
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, d)
	}
	topics := []string{"z/x", "z/x/availability", "z/bridge/state", "tele/x/SENSOR", "stat/x/STATUS10", "tele/x/LWT", "x/sensor/co/state", "x/binary_sensor/smoke/state", "x/status"}
	f.Fuzz(func(t *testing.T, payload []byte, retained bool) {
		var object map[string]any
		isObject := json.Unmarshal(payload, &object) == nil
		for _, d := range list {
			fed := mqttsensor.Feed(d, noon)
			for _, topic := range topics {
				var points []telemetry.Point
				if retained {
					points = fed.Retained(topic, string(payload))
				} else {
					points = fed.Message(topic, string(payload))
				}
				for _, pt := range points {
					m, ok := cat.Lookup(pt.Metric)
					switch {
					case !ok || !pt.Quality.Valid() || math.IsNaN(pt.Value):
						t.Fatalf("%s: %+v", topic, pt)
					case pt.Quality.Fault() && pt.Value != 0:
						t.Fatalf("%s: a fault with a number: %+v", topic, pt)
					case !pt.Quality.Fault() && m.Check(pt.Value) != telemetry.BadNone:
						t.Fatalf("%s: out of range: %+v", topic, pt)
					case !pt.Quality.Fault() && topic[0] != 'x' && !isObject:
						t.Fatalf("%s: a number from %q: %+v", topic, payload, pt)
					}
				}
			}
		}
	})
}
