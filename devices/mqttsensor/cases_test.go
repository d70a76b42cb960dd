package mqttsensor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// How such devices behave, as their users reported it publicly: the shapes and values
// are theirs, the addresses made up. Each case is one report.
func TestReportedBehaviour(t *testing.T) {
	plug := `{topic: tele/tasmota/SENSOR, fields: {ENERGY.Power: {}, ENERGY.Factor: {}, ENERGY.Voltage: {}, ENERGY.Current: {}, ENERGY.ReactivePower: {}}}`
	for _, c := range []struct {
		name, kind, config, topic, payload, want string
	}{
		{"Xiaomi smoke: the battery is a string, and voltage is the battery's", "zigbee2mqtt",
			`{topic: zigbee2mqtt/livingroomsmokedetector, fields: {smoke: {}}}`, "zigbee2mqtt/livingroomsmokedetector",
			`{"battery":"100.00","voltage":3055,"linkquality":60,"smoke":false}`, "contact=0"},
		{"the same, of somebody who takes the battery's millivolts for mains", "zigbee2mqtt",
			`{topic: zigbee2mqtt/livingroomsmokedetector, fields: {smoke: {}, voltage: {}}}`, "zigbee2mqtt/livingroomsmokedetector",
			`{"battery":"100.00","voltage":3055,"linkquality":60,"smoke":false}`, "contact=0 voltage!saturated"},
		{"Heiman smoke, with the time at which it was heard", "zigbee2mqtt",
			`{topic: zigbee/smoke_detector, fields: {smoke: {}}}`, "zigbee/smoke_detector",
			`{"smoke":true,"battery_low":false,"linkquality":26,"last_seen":"2019-06-24T15:30:53.312Z"}`, "contact=1"},
		{"Bosch Twinguard: spaces in the topic, and null is no data", "zigbee2mqtt",
			`{topic: zigbee2mqtt/Schlafzimmer Rauchmelder, fields: {smoke: {}, temperature: {}, humidity: {}}}`, "zigbee2mqtt/Schlafzimmer Rauchmelder",
			`{"temperature":null,"humidity":null,"voc":null,"co2":null,"battery":null,"smoke":false,"heartbeat":"ON"}`,
			"contact=0 humidity!no_response temperature!no_response"},
		{"not ASCII", "zigbee2mqtt",
			`{topic: zigbee2mqtt/厨房 烟感, fields: {smoke: {}}}`, "zigbee2mqtt/厨房 烟感", `{"smoke":true}`, "contact=1"},
		{"Heiman gas, with gas at the sensor: its false proves nothing", "zigbee2mqtt",
			`{topic: zigbee2mqtt/0x000d6f00000000bb, unreliable_clear: true, fields: {gas: {}}}`, "zigbee2mqtt/0x000d6f00000000bb",
			`{"battery_low":false,"gas":false,"linkquality":41,"tamper":false}`, "contact=0?warmup"},
		{"Heiman gas: offline, in a message that it has just sent", "zigbee2mqtt",
			`{topic: zigbee2mqtt/0x000d6f00000000bb, fields: {gas: {}}}`, "zigbee2mqtt/0x000d6f00000000bb",
			`{"gas":false,"battery_low":false,"device":{"friendlyName":"gas","status":"offline","type":"Router"}}`, "contact=0"},
		{"a state without the hazard: it neither raises nor clears", "zigbee2mqtt",
			`{topic: zigbee2mqtt/X, fields: {smoke: {}}}`, "zigbee2mqtt/X", `{"battery":100,"voltage":3025,"linkquality":78}`, ""},
		{"Tasmota plug: local time without a zone; 253 V is real", "tasmota", plug, "tele/tasmota/SENSOR",
			`{"Time":"2023-02-27T16:45:07","ENERGY":{"TotalStartTime":"2022-12-12T11:35:13","Total":41.236,"Yesterday":0.915,"Today":0.604,"Power":34,"ApparentPower":44,"ReactivePower":27,"Factor":0.79,"Voltage":253,"Current":0.172}}`,
			"current=0.172 power=34 power_factor=0.79 reactive_power=27 voltage=253"},
		{"Tasmota plug whose clock is an hour off", "tasmota", plug, "tele/tasmota/SENSOR",
			`{"Time":"2026-03-01T11:00:00","ENERGY":{"Power":35,"Factor":0.79,"Voltage":252,"Current":0.173,"ReactivePower":27}}`,
			"current=0.173 power=35 power_factor=0.79 reactive_power=27 voltage=252"},
		{"Tasmota and a PZEM", "tasmota", `{topic: tele/pzem016/SENSOR, fields: {ENERGY.Power: {}, ENERGY.Factor: {}, ENERGY.Frequency: {}, ENERGY.Voltage: {}, ENERGY.Current: {}}}`,
			"tele/pzem016/SENSOR", `{"Time":"2021-05-01T10:00:00","ENERGY":{"Power":241,"ApparentPower":325,"Factor":0.74,"Frequency":50,"Voltage":235,"Current":1.383}}`,
			"current=1.383 frequency=50 power=241 power_factor=0.74 voltage=235"},
		{"Tasmota and a PZEM that does not answer: no data, not 0 W", "tasmota",
			`{topic: tele/tasmota_663683/SENSOR, fields: {ENERGY.Power: {}, ENERGY.Factor: {}, ENERGY.Frequency: {}, ENERGY.Voltage: {}, ENERGY.Current: {}}}`,
			"tele/tasmota_663683/SENSOR", `{"Time":"2021-05-01T10:00:00","ENERGY":{"Power":0,"ApparentPower":0,"Factor":0.00,"Frequency":0,"Voltage":0,"Current":0.000}}`,
			"current!no_response frequency!no_response power!no_response power_factor!no_response voltage!no_response"},
		{"Tasmota and a PZEM of the first version: fields are missing", "tasmota",
			`{topic: tele/medidor1000/SENSOR, fields: {ENERGY.Power: {}, ENERGY.Frequency: {}, ENERGY.Voltage: {}, ENERGY.Current: {}}}`,
			"tele/medidor1000/SENSOR", `{"Time":"2021-05-01T10:00:00","ENERGY":{"Total":1.2,"Power":118,"Factor":0.91,"Voltage":221,"Current":0.587}}`,
			"current=0.587 power=118 voltage=221"},
		{"Tasmota's Zigbee bridge: zone status 33 is alarm and restore", "tasmota",
			`{topic: tele/SonoffZB/SENSOR, device: "0x662E", fields: {ZoneStatusChange: {}}}`, "tele/SonoffZB/SENSOR",
			`{"ZbReceived":{"0x662E":{"Device":"0x662E","ZoneStatusChange":33,"Contact":1,"Endpoint":1,"LinkQuality":65}}}`, "contact=1"},
	} {
		f := fed(t, c.kind, c.config)
		if strings.Contains(c.payload, "2019-06-24T15:30:53.312Z") {
			f.Now = time.Date(2019, 6, 24, 15, 30, 54, 0, time.UTC)
		}
		check(t, f, c.name, f.Message(c.topic, c.payload), c.want)
	}
}

// Xiaomi smoke, with nested objects: it came three times within a second.
func TestDuplicatesAreOneReading(t *testing.T) {
	f := fed(t, "zigbee2mqtt", `{topic: zigbee2mqtt/Smoke, fields: {smoke: {}}}`)
	const payload = `{"battery":100,"voltage":3075,"linkquality":91,"device":{"friendlyName":"Smoke","ieeeAddr":"0x00158d0000000001","powerSource":"Battery"},"smoke":false}`
	check(t, f, "once", f.Message("zigbee2mqtt/Smoke", payload), "contact=0")
	for range 2 {
		f.Wait(300 * time.Millisecond)
		check(t, f, "again", f.Message("zigbee2mqtt/Smoke", payload), "")
	}
	f.Wait(time.Second)
	check(t, f, "a second later", f.Message("zigbee2mqtt/Smoke", payload), "contact=0")
}

// Heiman smoke stayed true for more than half an hour after the smoke was gone.
func TestAlarmThatDoesNotEndIsStuck(t *testing.T) {
	f := fed(t, "zigbee2mqtt", `{topic: zigbee/smoke_detector, fields: {smoke: {}}}`)
	for minute, want := range []string{0: "contact=1", 10: "contact=1", 30: "contact=1", 31: "contact!stuck", 120: "contact!stuck"} {
		if want != "" {
			payload := fmt.Sprintf(`{"smoke":true,"battery_low":false,"linkquality":%d}`, minute)
			check(t, f, fmt.Sprint(minute, " min"), f.Message("zigbee/smoke_detector", payload), want)
		}
		f.Wait(time.Minute)
	}
	check(t, f, "the all-clear", f.Message("zigbee/smoke_detector", `{"smoke":false}`), "contact=0")
	f.Message("zigbee/smoke_detector", `{"smoke":true}`)
	f.Wait(time.Hour)
	check(t, f, "it ends", f.Message("zigbee/smoke_detector", `{"smoke":false}`), "contact=0")
	check(t, f, "and begins again", f.Message("zigbee/smoke_detector", `{"smoke":true}`), "contact=1")

	f = fed(t, "zigbee2mqtt", `{topic: zigbee/smoke_detector, stuck_after: 0s, fields: {smoke: {}}}`)
	f.Message("zigbee/smoke_detector", `{"smoke":true}`)
	f.Wait(48 * time.Hour)
	check(t, f, "never", f.Message("zigbee/smoke_detector", `{"smoke":true}`), "contact=1")
}

// A device's alarm counts though its all-clear proves nothing.
func TestUnreliableClearRaises(t *testing.T) {
	f := fed(t, "zigbee2mqtt", `{topic: zigbee2mqtt/g, unreliable_clear: true, fields: {gas: {}}}`)
	check(t, f, "alarm", f.Message("zigbee2mqtt/g", `{"gas":true}`), "contact=1")
	check(t, f, "clear", f.Message("zigbee2mqtt/g", `{"gas":false}`), "contact=0?warmup")
}
