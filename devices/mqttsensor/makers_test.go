package mqttsensor_test

import (
	"fmt"
	"testing"
	"time"
)

// Tasmota's prefixes may stand elsewhere, and the same is said on other topics.
func TestTasmotaTopics(t *testing.T) {
	for _, c := range []struct{ config, topic, payload, want string }{
		{"socket", "tele/socket/SENSOR", `{"ENERGY":{"Power":5}}`, "power=5"},
		{"tele/socket/SENSOR", "stat/socket/STATUS10", `{"StatusSNS":{"Time":"2026-01-01T00:00:00","ENERGY":{"Power":5}}}`, "power=5"},
		{"tele/socket/SENSOR", "stat/socket/STATUS8", `{"StatusSNS":{"ENERGY":{"Power":5}}}`, "power=5"},
		{"socket/tele/SENSOR", "socket/tele/SENSOR", `{"ENERGY":{"Power":5}}`, "power=5"},
		{"socket/tele/SENSOR", "socket/stat/STATUS10", `{"StatusSNS":{"ENERGY":{"Power":5}}}`, "power=5"},
		{"楼道/插座 3/tele/SENSOR", "楼道/插座 3/tele/SENSOR", `{"ENERGY":{"Power":5}}`, "power=5"},
		{"tele/socket/SENSOR", "tele/socket/STATE", `{"Time":"2026-01-01T00:00:00","Uptime":"0T00:00:10","POWER":"ON","Wifi":{"RSSI":70}}`, ""},
		{"tele/socket/SENSOR", "stat/socket/RESULT", `{"POWER":"OFF"}`, ""},
		{"tele/socket/SENSOR", "tele/other/SENSOR", `{"ENERGY":{"Power":5}}`, ""},
		{"tele/socket/SENSOR", "tele/socket/SENSOR", `{"ENERGY":{"Power":[5,6,7]}}`, "power!bad_frame"},
		{"tele/socket/SENSOR", "tele/socket/SENSOR", `{"ENERGY":5}`, ""},
	} {
		f := fed(t, "tasmota", fmt.Sprintf("{topic: %q, fields: {ENERGY.Power: {}}}", c.config))
		check(t, f, c.topic+" "+c.payload, f.Message(c.topic, c.payload), c.want)
	}
	f := fed(t, "tasmota", `{topic: socket, fields: {ENERGY.Power.1: {metric: power, unit: kW}}}`)
	check(t, f, "the second phase, in kW", f.Message("tele/socket/SENSOR", `{"ENERGY":{"Voltage":[230,231,229],"Power":[5,6,7]}}`), "power=6000")
}

// The unit of temperatures is a setting of the device.
func TestTasmotaUnits(t *testing.T) {
	for payload, want := range map[string]string{
		`{"SI7021":{"Temperature":20,"Humidity":50},"TempUnit":"C"}`:    "humidity=50 temperature=20",
		`{"SI7021":{"Temperature":68,"Humidity":50},"TempUnit":"F"}`:    "humidity=50 temperature=20",
		`{"SI7021":{"Temperature":20,"Humidity":50}}`:                   "humidity=50 temperature=20",
		`{"SI7021":{"Temperature":null,"Humidity":101},"TempUnit":"F"}`: "humidity!saturated temperature!no_response",
		`{"DS18B20":{"Temperature":20},"TempUnit":"C"}`:                 "",
	} {
		f := fed(t, "tasmota", `{topic: room, fields: {SI7021.Temperature: {}, SI7021.Humidity: {}}}`)
		check(t, f, payload, f.Message("tele/room/SENSOR", payload), want)
	}
}

// Energy's totals begin again: that changes nothing, since they are not read.
func TestCountersThatReset(t *testing.T) {
	f := fed(t, "tasmota", `{topic: socket, fields: {ENERGY.Power: {}, ENERGY.Voltage: {}}}`)
	for _, total := range []float64{41.2, 41.3, 0, 0.1} {
		check(t, f, fmt.Sprint(total), f.Message("tele/socket/SENSOR", fmt.Sprintf(`{"ENERGY":{"Total":%g,"Today":%g,"Power":35,"Voltage":231}}`, total, total/2)), "power=35 voltage=231")
		f.Wait(time.Minute)
	}
}

func TestTasmotaSwitch(t *testing.T) {
	f := fed(t, "tasmota", `{topic: alarm, fields: {Switch1: {metric: contact, invert: true}}}`)
	check(t, f, "telemetry", f.Message("tele/alarm/SENSOR", `{"Time":"2026-01-01T00:00:00","Switch1":"ON"}`), "contact=0")
	check(t, f, "thrown", f.Message("stat/alarm/RESULT", `{"Switch1":{"Action":"OFF"}}`), "contact=1")
	check(t, f, "a press", f.Message("stat/alarm/RESULT", `{"Switch1":{"Action":"HOLD"}}`), "contact!bad_frame")
}

func TestTasmotaZigbeeBridge(t *testing.T) {
	const config = `{topic: tele/SonoffZB/SENSOR, device: "0x662E", fields: {ZoneStatusChange: {}}}`
	for payload, want := range map[string]string{
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":33}}}`:                               "contact=1",
		`{"ZbReceived":{"0x662e":{"ZoneStatusChange":32}}}`:                               "contact=0",
		`{"ZbReceived":{"Stairs":{"Device":"0x662E","ZoneStatusChange":1}}}`:              "contact=1",
		`{"0x662E":{"Device":"0x662E","ZoneStatusChange":1}}`:                             "contact=1",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":2}}}`:                                "contact=1",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":4}}}`:                                "contact=0?suspect",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":8}}}`:                                "contact=0?suspect",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":0,"BatteryPercentage":5}}}`:          "contact=0?suspect",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":64}}}`:                               "contact!no_response",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":65}}}`:                               "contact=1?suspect",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":257}}}`:                              "contact=1?suspect",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":-1}}}`:                               "contact!bad_frame",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":70000}}}`:                            "contact!bad_frame",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":1.5}}}`:                              "contact!bad_frame",
		`{"ZbReceived":{"0x662E":{"ZoneStatusChange":"open"}}}`:                           "contact!bad_frame",
		`{"ZbReceived":{"0x662E":{"BatteryPercentage":100}}}`:                             "",
		`{"ZbReceived":{"0x662F":{"Device":"0x662F","ZoneStatusChange":33}}}`:             "",
		`{"ZbReceived":{"0x662E":33}}`:                                                    "",
		`{"ZbState":{"Status":30,"Message":"Device joined","ZoneStatusChange":"0x662E"}}`: "",
	} {
		f := fed(t, "tasmota", config)
		check(t, f, payload, f.Message("tele/SonoffZB/SENSOR", payload), want)
	}
	f := fed(t, "tasmota", `{topic: tele/SonoffZB/SENSOR, device: Stairs, fields: {ZoneStatus: {}, Temperature: {}}}`)
	check(t, f, "by name", f.Message("tele/SonoffZB/ZbReceived", `{"0x1234":{"Device":"0x1234","Name":"Stairs","ZoneStatus":0,"Temperature":21.5}}`), "contact=0 temperature=21.5")
	check(t, f, "the bridge is gone", f.Message("tele/SonoffZB/LWT", "Offline"), "contact!no_response temperature!no_response")
}

func TestESPHomeText(t *testing.T) {
	for payload, want := range map[string]string{
		"23.50": "co=23.5", "0": "co=0", "nan": "co!no_response", "unknown": "co!no_response", "23.5 ppm": "co!bad_frame", "-1": "co=0", "-11": "co!bad_frame",
		"ON": "co!bad_frame", "\xff": "co!bad_frame", "1e9": "co!saturated", `{"value":3}`: "co!bad_frame",
	} {
		f := fed(t, "esphome", `{topic: esp, fields: {sensor/co: {metric: co, unit: ppm}, binary_sensor/smoke: {}}}`)
		check(t, f, payload, f.Message("esp/sensor/co/state", payload), want)
	}
	f := fed(t, "esphome", `{topic: esp, fields: {sensor/gas: {metric: gas.ch4, unit: ppm}}}`)
	check(t, f, "5000 ppm of methane", f.Message("esp/sensor/gas/state", "5000"), "gas.ch4=10")
	check(t, f, "somebody's command", f.Message("esp/switch/x/command", "ON"), "")
	check(t, f, "an empty state", f.Message("esp/sensor/gas/state", ""), "")
}

// A binary sensor tells its state when it changes. It is repeated while the device is
// heard, and not beyond.
func TestStatesToldOnChange(t *testing.T) {
	const config = `{topic: esp, fields: {binary_sensor/smoke: {}}}`
	f := fed(t, "esphome", config)
	check(t, f, "told", f.Message("esp/binary_sensor/smoke/state", "OFF"), "contact=0")
	check(t, f, "nothing yet", f.Wait(59*time.Second), "")
	check(t, f, "repeated", f.Wait(time.Second), "contact=0")
	check(t, f, "once more", f.Wait(time.Minute), "contact=0")
	check(t, f, "it has not been heard for too long", f.Wait(5*time.Minute), "")
	f.Message("esp/sensor/uptime/state", "1234")
	check(t, f, "heard by another entity", f.Wait(time.Minute), "contact=0")
	check(t, f, "alarm", f.Message("esp/binary_sensor/smoke/state", "ON"), "contact=1")
	check(t, f, "alarm, repeated", f.Wait(time.Minute), "contact=1")
	check(t, f, "last will", f.Message("esp/status", "offline"), "contact!no_response")
	f.Message("esp/status", "online")
	check(t, f, "back, but the state is not known", f.Wait(3*time.Minute), "")

	// After the gateway's start the broker knows the state, and the device shows that it lives.
	f = fed(t, "esphome", config)
	check(t, f, "retained", f.Retained("esp/binary_sensor/smoke/state", "ON"), "")
	check(t, f, "retained", f.Retained("esp/status", "online"), "")
	check(t, f, "that alone is nothing", f.Wait(10*time.Minute), "")
	f.Message("esp/sensor/uptime/state", "1235")
	check(t, f, "it lives", f.Wait(time.Minute), "contact=1")
	f.Lost()
	f.Reconnected()
	f.Message("esp/sensor/uptime/state", "1236")
	check(t, f, "another connection, no state", f.Wait(3*time.Minute), "")
	f.Retained("esp/binary_sensor/smoke/state", "OFF")
	f.Message("esp/sensor/uptime/state", "1237")
	check(t, f, "it is known again", f.Wait(time.Minute), "contact=0")
}
