package edge

import (
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"weishao.dev/weishao/telemetry"
)

// Each example of docs/devices.md that lists devices is read as it stands, and all of
// them together, as a gateway that has all these parts.
func TestExamplesOfDevices(t *testing.T) {
	text, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	head := "group: beixin\nnode: gw-17\nmqtt: {password_file: ./password}\ndevices:\n"
	dir := t.TempDir()
	write(t, dir, "password", "secret\n")
	write(t, dir, "sensors-password", "secret\n")
	all := head
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(- id: .*?)^```").FindAllStringSubmatch(string(text), -1) {
		all += m[1]
		if code, out, errs := call(t, "--check", "--config", write(t, dir, "gateway.yaml", head+m[1])); code != 0 {
			t.Errorf("exit code %d\n%s%s%s", code, m[1], out, errs)
		}
	}
	if code, _, errs := call(t, "--check", "--config", write(t, dir, "gateway.yaml", all)); code != 0 {
		t.Errorf("all examples in one gateway: exit code %d\n%s", code, errs)
	}
	for kind := range Kinds(telemetry.NewCatalogue(telemetry.LEL{}), slog.New(slog.DiscardHandler)) {
		if kind != "simulated" && kind != "replay" && !regexp.MustCompile(`kind: `+kind+`\b`).MatchString(all) {
			t.Errorf("docs/devices.md has no example of the kind %s", kind)
		}
	}
}

// The same for the example of docs/mqtt-sensors.md.
func TestExamplesOfMQTTSensors(t *testing.T) {
	text, err := os.ReadFile("../../docs/mqtt-sensors.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "password", "secret\n")
	write(t, dir, "sensors-password", "secret\n")
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(- id: .*?)^```").FindAllStringSubmatch(string(text), -1) {
		file := write(t, dir, "gateway.yaml", "group: beixin\nnode: gw-17\nmqtt: {password_file: ./password}\ndevices:\n"+m[1])
		if code, out, errs := call(t, "--check", "--config", file); code != 0 {
			t.Errorf("exit code %d\n%s%s%s", code, m[1], out, errs)
		}
	}
}

// What several devices share must be said alike, and what one has alone once.
func TestSharedHardware(t *testing.T) {
	const mq = "- {id: a, kind: mq4, calibration: {r0: 1}, adc: {kind: ads1115, channel: 0}}\n"
	for text, want := range map[string]string{
		mq + "- {id: b, kind: mq4, calibration: {r0: 1}, adc: {kind: ads1115, channel: 1, range: 6.144}}\n": "",
		mq + "- {id: b, kind: mq4, calibration: {r0: 1}, adc: {kind: ads1115, channel: 0}}\n":               "6:74: input 0 of /dev/i2c-1 0x48 is read by a: give each sensor its own",
		mq + "- {id: b, kind: ina219, address: 0x48}\n":                                                     "address 0x48 on /dev/i2c-1 is taken by the converter ads1115",
		mq + "- {id: b, kind: sct013, amps_per_volt: 30, adc: {kind: ads1015, channel: 1}}\n":               "address 0x48 on /dev/i2c-1 is taken by the converter ads1115",
		mq + "- {id: b, kind: sct013, amps_per_volt: 30, adc: {kind: ads1115, channel: 4}}\n":               "a ads1115 has inputs 0 to 3, not 4",
		mq + "- {id: b, kind: sct013, amps_per_volt: 30, adc: {kind: ads1115}}\n":                           "channel is missing",
		mq + "- {id: b, kind: sct013, amps_per_volt: 30, adc: {kind: ads115, channel: 4}}\n":                `unknown converter "ads115" (one of [ads1115 ads1015 mcp3008 mcp3208]), did you mean "ads1115"?`,
		mq + "- {id: b, kind: sct013, amps_per_volt: 30}\n":                                                 "6:3: adc names no converter",
		mq + "- {id: b, kind: sct013, amps_per_volt: 30, adc: {kind: ads1115, channel: 1, range: 3.3}}\n":   "range 3.3 is none of",
		mq + "- {id: b, kind: sct013, amps_per_volt: 30, adc: {kind: mcp3208, channel: 1, range: 3.3}}\n":   "a mcp3208 has no range",
		"- {id: a, kind: sct013, amps_per_volt: 30, adc: {kind: mcp3208, channel: 1}}\n" +
			"- {id: b, kind: sct013, amps_per_volt: 30, adc: {kind: mcp3208, channel: 2, reference: 5}}\n": "/dev/spidev0.0 is given as mcp3208 with reference 5 here and as mcp3208 with reference 3.3",
		"- {id: a, kind: mq2, climate: b, calibration: {r0: 1}, adc: {kind: ads1115, channel: 0}}\n- {id: b, kind: sht3x}\n":                          "",
		"- {id: a, kind: mq2, climate: bb, calibration: {r0: 1}, adc: {kind: ads1115, channel: 0}}\n- {id: b, kind: sht3x}\n":                         `5:31: climate: no device "bb" of this gateway measures temperature and humidity, did you mean "b"?`,
		"- {id: a, kind: mq2, climate: b, calibration: {r0: 1}, adc: {kind: ads1115, channel: 0}}\n- {id: b, kind: ds18b20, part: 28-0316a2795dff}\n": `5:31: climate: no device "b"`,
		"- {id: a, kind: sht3x}\n- {id: b, kind: sht3x}\n":                                                                                            "address 0x44 on /dev/i2c-1 is taken by a",
		"- {id: a, kind: contact, normally: open, line: 4}\n- {id: b, kind: contact, normally: open, line: 4}\n":                                      "line 4 of /dev/gpiochip0 is taken by a",
		"- {id: a, kind: ds18b20, part: 28-0316a2795dff}\n- {id: b, kind: ds18b20, part: 28-0316a2795dff}\n":                                          "is read by a",
	} {
		dir := t.TempDir()
		write(t, dir, "password", "secret\n")
		file := write(t, dir, "gateway.yaml", "group: g\nnode: n\nmqtt: {password_file: ./password}\ndevices:\n"+text)
		code, _, errs := call(t, "--check", "--config", file)
		if (code != 0) != (want != "") || !strings.Contains(errs, want) {
			t.Errorf("exit code %d, printed\n%swant %q for\n%s", code, errs, want, text)
		}
	}
}

// The examples of actuators in docs/devices.md are read as they stand.
func TestExamplesOfActuators(t *testing.T) {
	text, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	head := "group: beixin\nnode: gw-17\ndevices:\n"
	for _, id := range []string{"kitchen-302", "kitchen-303", "shed-meter"} {
		head += "- {id: " + id + ", kind: simulated, simulate: {gas: {}}}\n"
	}
	n := 0
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(actuators:.*?)^```").FindAllStringSubmatch(string(text), -1) {
		n++
		if code, out, errs := call(t, "--check", "--config", write(t, t.TempDir(), "gateway.yaml", head+m[1])); code != 0 {
			t.Errorf("exit code %d\n%s%s%s", code, m[1], out, errs)
		}
	}
	if n == 0 {
		t.Error("there is none")
	}
}
