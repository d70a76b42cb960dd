package mqttsensor_test

import (
	"fmt"
	"testing"
	"time"
)

const (
	kitchen   = "zigbee2mqtt/kitchen"
	bridge    = "zigbee2mqtt/bridge/state"
	kitchenZ2 = `{topic: zigbee2mqtt/kitchen, fields: {smoke: {}, temperature: {}}}`
)

// What is no value is a fault, whatever it looks like.
func TestValues(t *testing.T) {
	for value, want := range map[string]string{
		`21.5`: "temperature=21.5", `"21.5"`: "temperature=21.5", `-5`: "temperature=-5", `2.1e1`: "temperature=21", `0`: "temperature=0",
		`null`: "temperature!no_response", `"unknown"`: "temperature!no_response", `"unavailable"`: "temperature!no_response",
		`"NaN"`: "temperature!no_response", `"nan"`: "temperature!no_response", `""`: "temperature!no_response", `"N/A"`: "temperature!no_response",
		`"21.5 °C"`: "temperature!bad_frame", `"21,5"`: "temperature!bad_frame", `"0x15"`: "temperature!bad_frame", `"1_0"`: "temperature!bad_frame",
		`" 21"`: "temperature!bad_frame", `"inf"`: "temperature!bad_frame", `"-Infinity"`: "temperature!bad_frame", `"21.5.1"`: "temperature!bad_frame",
		`true`: "temperature!bad_frame", `{}`: "temperature!bad_frame", `[21]`: "temperature!bad_frame", `{"value":21}`: "temperature!bad_frame",
		`1e999`: "temperature!bad_frame", `1e300`: "temperature!saturated", `-41`: "temperature!bad_frame", `1201`: "temperature!saturated",
		`-127`: "temperature!open",
	} {
		f := fed(t, "zigbee2mqtt", kitchenZ2)
		check(t, f, value, f.Message(kitchen, `{"temperature":`+value+`}`), want)
	}
	for value, want := range map[string]string{
		`true`: "contact=1", `false`: "contact=0", `"ON"`: "contact=1", `"off"`: "contact=0", `1`: "contact=1", `0`: "contact=0", `"true"`: "contact=1",
		`null`: "contact!no_response", `"unknown"`: "contact!no_response", `2`: "contact!bad_frame", `0.5`: "contact!bad_frame", `"yes"`: "contact!bad_frame",
		`"closed"`: "contact!bad_frame", `{}`: "contact!bad_frame", `[]`: "contact!bad_frame",
	} {
		f := fed(t, "zigbee2mqtt", kitchenZ2)
		check(t, f, value, f.Message(kitchen, `{"smoke":`+value+`}`), want)
	}
}

// What is no message of such a device is a bad frame of each metric; an empty one is a
// retained message that somebody deleted.
func TestBrokenMessages(t *testing.T) {
	for _, payload := range []string{`{"smoke":tr`, `{"smoke":false}{`, `{"smoke":false} x`, `[]`, `1`, `"online"`, `null`, `smoke`, "\x00", "{\"smoke\":false,", "\xff\xfe"} {
		f := fed(t, "zigbee2mqtt", kitchenZ2)
		check(t, f, payload, f.Message(kitchen, payload), "contact!bad_frame temperature!bad_frame")
		check(t, f, payload+", retained", f.Retained(kitchen, payload), "")
	}
	f := fed(t, "zigbee2mqtt", kitchenZ2)
	check(t, f, "empty", f.Message(kitchen, ""), "")
	check(t, f, "somebody else's", f.Message("zigbee2mqtt/kitchen2", `{"smoke":true}`), "")
	check(t, f, "a command", f.Message(kitchen+"/set", `{"smoke":true}`), "")
}

func TestRetainedIsNotOfNow(t *testing.T) {
	f := fed(t, "zigbee2mqtt", kitchenZ2)
	check(t, f, "without a time", f.Retained(kitchen, `{"smoke":true,"temperature":21}`), "")
	check(t, f, "a time without an offset", f.Retained(kitchen, `{"smoke":true,"last_seen":"2026-03-01T11:59:59"}`), "")
	check(t, f, "in the future", f.Retained(kitchen, `{"smoke":true,"last_seen":"2026-03-01T13:00:00Z"}`), "")
	check(t, f, "three hours old", f.Retained(kitchen, `{"smoke":true,"last_seen":"2026-03-01T09:00:00Z"}`), "")
	check(t, f, "half an hour old", f.Retained(kitchen, `{"smoke":true,"last_seen":"2026-03-01T13:30:00+02:00"}`), "contact=1@-30m0s")
	check(t, f, "the same again", f.Retained(kitchen, `{"smoke":true,"last_seen":"2026-03-01T13:30:00+02:00"}`), "")
	check(t, f, "older than that", f.Retained(kitchen, `{"smoke":false,"last_seen":"2026-03-01T11:00:00Z"}`), "")
	check(t, f, "now", f.Message(kitchen, fmt.Sprintf(`{"smoke":false,"last_seen":%d}`, noon.UnixMilli())), "contact=0")
}

// A bridge that starts again repeats what it remembers.
func TestBridgeThatRepeats(t *testing.T) {
	f := fed(t, "zigbee2mqtt", kitchenZ2)
	check(t, f, "alive", f.Message(kitchen, `{"smoke":false,"temperature":21,"last_seen":"2026-03-01T12:00:00Z"}`), "contact=0 temperature=21")
	f.Wait(40 * time.Minute)
	check(t, f, "it stops", f.Message(bridge, `{"state":"offline"}`), "contact!no_response temperature!no_response")
	f.Wait(5 * time.Minute)
	check(t, f, "it starts", f.Message(bridge, `{"state":"online"}`), "")
	f.Wait(2 * time.Second)
	check(t, f, "it repeats", f.Message(kitchen, `{"smoke":false,"temperature":21,"linkquality":3,"last_seen":"2026-03-01T12:00:00Z"}`), "")
	f.Wait(20 * time.Minute)
	check(t, f, "the sensor speaks", f.Message(kitchen, `{"smoke":false,"temperature":22,"last_seen":"2026-03-01T13:05:02Z"}`), "contact=0 temperature=22")

	// What the bridge heard while we did not has its own time.
	f.Wait(time.Hour)
	f.Message(bridge, "online")
	check(t, f, "heard meanwhile", f.Message(kitchen, `{"smoke":true,"temperature":40,"last_seen":"2026-03-01T13:55:02Z"}`), "contact=1@-10m0s temperature=40@-10m0s")
	check(t, f, "then live", f.Message(kitchen, `{"smoke":true,"temperature":41,"last_seen":"2026-03-01T14:05:01Z"}`), "contact=1 temperature=41")

	// Without a time only an alarm counts, and not fully.
	f = fed(t, "zigbee2mqtt", kitchenZ2)
	f.Message(bridge, "online")
	check(t, f, "repeated without a time", f.Message(kitchen, `{"smoke":false,"temperature":21}`), "")
	check(t, f, "an alarm among that", f.Message(kitchen, `{"smoke":true,"temperature":21}`), "contact=1?suspect")
	f.Wait(11 * time.Second)
	check(t, f, "later", f.Message(kitchen, `{"smoke":false,"temperature":21}`), "contact=0 temperature=21")

	// That a bridge was started some time ago is no news.
	f = fed(t, "zigbee2mqtt", kitchenZ2)
	f.Retained(bridge, `{"state":"online"}`)
	check(t, f, "after a retained online", f.Message(kitchen, `{"smoke":false}`), "contact=0")
}

// A bridge's clock may be wrong, or be set back: its devices are heard all the same.
func TestBridgeWithAWrongClock(t *testing.T) {
	f := fed(t, "zigbee2mqtt", kitchenZ2)
	for i, seen := range []string{"2026-03-02T12:00:00Z", "2026-03-02T12:01:00Z", "2026-03-01T03:00:00Z", "2026-03-01T03:01:00Z", "2019-01-01T00:00:00Z"} {
		check(t, f, seen, f.Message(kitchen, fmt.Sprintf(`{"temperature":%d,"last_seen":%q}`, i, seen)), fmt.Sprintf("temperature=%d", i))
		f.Wait(time.Minute)
	}
	for i := range 3 { // one that never had the time gives no time
		check(t, f, "no time", f.Message(kitchen, fmt.Sprintf(`{"temperature":%d,"last_seen":"N/A"}`, i)), fmt.Sprintf("temperature=%d", i))
		f.Wait(time.Minute)
	}
}

func TestAvailability(t *testing.T) {
	for _, c := range []struct{ kind, config, topic, off, on, data, value, want, faults string }{
		{"zigbee2mqtt", kitchenZ2, kitchen + "/availability", "offline", "online", kitchen, `{"smoke":false}`, "contact=0", "contact!no_response temperature!no_response"},
		{"zigbee2mqtt", kitchenZ2, kitchen + "/availability", `{"state":"offline"}`, `{"state":"online"}`, kitchen, `{"smoke":false}`, "contact=0", "contact!no_response temperature!no_response"},
		{"zigbee2mqtt", `{topic: home/z2m/hall/smoke, base: home/z2m, fields: {smoke: {}}}`, "home/z2m/bridge/state", `{"state":"offline"}`, "online", "home/z2m/hall/smoke", `{"smoke":true}`, "contact=1", "contact!no_response"},
		{"tasmota", `{topic: socket, fields: {ENERGY.Power: {}}}`, "tele/socket/LWT", "Offline", "Online", "tele/socket/SENSOR", `{"ENERGY":{"Power":5}}`, "power=5", "power!no_response"},
		{"esphome", `{topic: esp, fields: {sensor/power: {}}}`, "esp/status", "offline", "online", "esp/sensor/power/state", "5", "power=5", "power!no_response"},
	} {
		f := fed(t, c.kind, c.config)
		check(t, f, "at first "+c.on, f.Retained(c.topic, c.on), "")
		check(t, f, c.off, f.Message(c.topic, c.off), c.faults)
		check(t, f, "within the interval", f.Wait(59*time.Second), "")
		check(t, f, "no sense in it", f.Message(c.topic, `{"status":"online"}`), "")
		f.Wait(time.Second)
		f.Wait(59 * time.Minute)
		check(t, f, c.on, f.Message(c.topic, c.on), "")
		f.Wait(time.Minute) // for bridges
		check(t, f, "heard again", f.Message(c.data, c.value), c.want)
		check(t, f, "retained "+c.off, f.Retained(c.topic, c.off), c.faults)
		check(t, f, "a message shows that it is not so", f.Message(c.data, c.value+" "), map[bool]string{true: c.want, false: "power!bad_frame"}[c.kind != "esphome"])
	}
}

// Faults come at once and then once an interval, not once a second.
func TestFaultsAreOncePerInterval(t *testing.T) {
	f := fed(t, "zigbee2mqtt", `{topic: zigbee2mqtt/kitchen, fields: {smoke: {}}}`)
	n := len(f.Message(kitchen+"/availability", "offline"))
	for range 5 * 3600 {
		n += len(f.Wait(time.Second))
	}
	if n != 6 {
		t.Errorf("%d faults in five hours, want 6", n)
	}
	f = fed(t, "zigbee2mqtt", `{topic: zigbee2mqtt/kitchen, fields: {smoke: {}}}`)
	f.Lost()
	check(t, f, "a blink of the broker", f.Wait(9*time.Second), "")
	f.Reconnected()
	check(t, f, "is no fault", f.Wait(time.Minute), "")
	f.Lost()
	check(t, f, "an outage", f.Wait(11*time.Second), "contact!no_response@-1s")
	f.Reconnected()
	check(t, f, "back", f.Wait(time.Minute), "")
	check(t, f, "heard", f.Message(kitchen, `{"smoke":false}`), "contact=0")
}

func TestDoubt(t *testing.T) {
	f := fed(t, "zigbee2mqtt", kitchenZ2)
	check(t, f, "battery low", f.Message(kitchen, `{"smoke":false,"battery_low":true}`), "contact=0?suspect")
	check(t, f, "it says nothing of it", f.Message(kitchen, `{"temperature":20}`), "temperature=20?suspect")
	check(t, f, "new battery", f.Message(kitchen, `{"smoke":false,"battery_low":false,"battery":100}`), "contact=0")
	check(t, f, "9 %", f.Message(kitchen, `{"smoke":true,"battery":"9.00"}`), "contact=1?suspect")
	check(t, f, "10 %", f.Message(kitchen, `{"smoke":false,"battery":10}`), "contact=0")
	check(t, f, "null %", f.Message(kitchen, `{"smoke":true,"battery":null}`), "contact=1")
	check(t, f, "tampered", f.Message(kitchen, `{"smoke":false,"tamper":true,"battery_low":false}`), "contact=0?suspect")
}
