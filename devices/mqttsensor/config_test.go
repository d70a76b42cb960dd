package mqttsensor_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/devices/mqttsensor/esphome"
	"weishao.dev/weishao/devices/mqttsensor/tasmota"
	"weishao.dev/weishao/devices/mqttsensor/zigbee2mqtt"
)

// Each mistake is told where it stands.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ kind, config, want string }{
		{"zigbee2mqtt", "fields: {smoke: {}}", "x.yaml:1:1: topic is missing"},
		{"zigbee2mqtt", "topic: z/x", "x.yaml:1:1: fields is missing"},
		{"zigbee2mqtt", "topic: z/x\nfields: {}", "fields is missing"},
		{"zigbee2mqtt", "topic: z/#\nfields: {smoke: {}}", `x.yaml:1:8: topic "z/#" has a wildcard`},
		{"zigbee2mqtt", "topic: z/+/x\nfields: {smoke: {}}", "has a wildcard"},
		{"zigbee2mqtt", "topic: /z/x\nfields: {smoke: {}}", "has an empty level"},
		{"zigbee2mqtt", "topic: z//x\nfields: {smoke: {}}", "has an empty level"},
		{"zigbee2mqtt", "topic: \"z/\\0\"\nfields: {smoke: {}}", "cannot be an MQTT topic"},
		{"zigbee2mqtt", "topic: kitchen\nfields: {smoke: {}}", `x.yaml:1:8: topic "kitchen" is not below "kitchen": write zigbee2mqtt/`},
		{"zigbee2mqtt", "topic: z/x\nbase: y\nfields: {smoke: {}}", `topic "z/x" is not below "y"`},
		{"zigbee2mqtt", "topic: z/x\nfield: {smoke: {}}", `x.yaml:2:1: unknown key "field", did you mean "fields"?`},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {metrc: x}}", `unknown key "metrc"`},
		{"zigbee2mqtt", "topic: z/x\nfields: {gas_value: {}}", `x.yaml:2:21: field "gas_value": name its metric and unit`},
		{"zigbee2mqtt", "topic: z/x\nfields: {gas_value: {metric: gas.ch4}}", `field "gas_value": say in which unit the device gives it, such as {metric: gas.ch4, unit: "%LEL"}`},
		{"zigbee2mqtt", "topic: z/x\nfields: {gas_value: {metric: gas.ch5, unit: ppm}}", `x.yaml:2:30: field "gas_value": "gas.ch5" is not a metric that can be measured, did you mean "gas.ch4"?`},
		{"zigbee2mqtt", "topic: z/x\nfields: {l: {metric: charging.likelihood}}", "is not a metric that can be measured"},
		{"zigbee2mqtt", "topic: z/x\nfields: {temperature: {unit: K}, power: {unit: V}}", "V cannot be compared with W for power"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke_value: {metric: smoke, unit: ppm}}", "ppm cannot be compared with dB/m for smoke"},
		{"zigbee2mqtt", "topic: z/x\nfields: {temperature: {unit: F}}", `unknown unit "F"`},
		{"zigbee2mqtt", "topic: z/x\nfields: {temperature: {scale: 0}}", "scale 0 makes everything 0"},
		{"zigbee2mqtt", "topic: z/x\nfields: {temperature: {invert: true}}", "only a contact can be inverted"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}, carbon_monoxide: {}}", `fields "carbon_monoxide" and "smoke" are both contact: make two devices`},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nstuck_after: -1s", "x.yaml:3:14: stuck_after -1s is negative"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {url: 127.0.0.1}", `x.yaml:3:15: "127.0.0.1" is not a broker's URL: write tcp://127.0.0.1:1883`},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {url: \"http://h\"}", "is no way to reach a broker"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {url: \"tcp://u:p@h:1\"}", "the password does not belong in the URL"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {url: \"tcp://h:1\", ca: ca.pem}", "tcp does not encrypt: write ssl://h:1"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {url: \"ssl://h:1\", ca: ca.pem}", "ca: open"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {password_file: p}", "username is missing"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {username: u, password_file: p}", "password_file: open"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: nowhere.yaml", "x.yaml:3:9: broker: open"},
		{"zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {usrname: u}", `unknown key "usrname"`},
		{"tasmota", "topic: tele/x\nfields: {ENERGY.Power: {}}", `topic "tele/x" does not end with /SENSOR`},
		{"tasmota", "topic: x\nfields: {ENERGY.Total: {}}", "name its metric and unit"},
		{"tasmota", "topic: x\nfields: {ENERGY.Total: {metric: power, unit: kWh}}", "kWh cannot be compared with W"},
		{"esphome", "topic: esp\nfields: {co: {metric: co, unit: ppm}}", `x.yaml:2:14: field "co" is not KIND/NAME`},
		{"esphome", "topic: esp\nfields: {sensor/co: {}}", "name its metric and unit"},
	} {
		_, err := build(c.kind, c.config, devices.Info{ID: "x"}, parts(t))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.yaml:") {
			t.Errorf("%s: got %v, want %s", c.config, err, c.want)
		}
	}
	if _, err := build("tasmota", "{topic: x, fields: {ENERGY.Power: {}}}", devices.Info{ID: "x", Interval: 10 * time.Millisecond}, parts(t)); err == nil {
		t.Error("an interval of 10 ms is taken")
	}
}

func TestInfo(t *testing.T) {
	for _, c := range []struct {
		kind, config string
		interval     time.Duration
		metrics      string
	}{
		{"zigbee2mqtt", "{topic: z/x, fields: {temperature: {}, smoke: {}}}", time.Hour, "contact temperature"},
		{"tasmota", "{topic: x, fields: {AM2301.Temperature: {}, ENERGY.Power: {}}}", 5 * time.Minute, "temperature power"},
		{"tasmota", "{topic: x, device: '0x1', fields: {ZoneStatus: {}}}", time.Hour, "contact"},
		{"esphome", "{topic: x, fields: {binary_sensor/anything: {}, sensor/temperature: {unit: °F}}}", time.Minute, "contact temperature"},
	} {
		d, err := build(c.kind, c.config, devices.Info{ID: "x", Placement: "p"}, parts(t))
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if i := d.Info(); i.ID != "x" || i.Placement != "p" || i.Interval != c.interval || strings.Join(i.Metrics, " ") != c.metrics {
			t.Errorf("%s: got %+v", c.config, i)
		}
	}
}

// Devices that take one field of one topic are an entry that was copied.
func TestOneFieldOneDevice(t *testing.T) {
	p := parts(t)
	for _, c := range []struct{ id, kind, config, want string }{
		{"a", "zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}", ""},
		{"a", "zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}", ""}, // the same one, read again
		{"b", "zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}", `x.yaml:2:17: field "smoke" of z/x is taken by a: give each sensor its own topic, or the field to one of them`},
		{"c", "zigbee2mqtt", "topic: z/x\nfields: {carbon_monoxide: {}}", ""}, // a detector with several alarms
		{"d", "zigbee2mqtt", "topic: z/y\nfields: {smoke: {}}", ""},
		{"e", "zigbee2mqtt", "topic: z/x\nfields: {smoke: {}}\nbroker: {url: \"tcp://h:1\"}", ""},
		{"f", "tasmota", "topic: bridge\ndevice: '0x1'\nfields: {ZoneStatus: {}}", ""},
		{"g", "tasmota", "topic: bridge\ndevice: '0x2'\nfields: {ZoneStatus: {}}", ""},
		{"h", "tasmota", "topic: bridge\ndevice: '0x2'\nfields: {ZoneStatus: {}}", `field "ZoneStatus" of bridge is taken by g`},
	} {
		_, err := build(c.kind, c.config, devices.Info{ID: c.id}, p)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.id, err, c.want)
		}
	}
}

// Devices that name one broker, however they do, share it.
func TestBrokersAreShared(t *testing.T) {
	p := parts(t)
	for name, text := range map[string]string{"password": " secret\n", "broker.yaml": "username: weishao\npassword_file: password\n", "sub/broker.yaml": "username: weishao\npassword_file: ../password\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(p.Dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, broker := range []string{"{username: weishao, password_file: password}", "broker.yaml", "sub/broker.yaml",
		"{url: 'tcp://127.0.0.1:1883', username: weishao, password_file: " + p.Dir + "/password}"} {
		if _, err := build("zigbee2mqtt", "{topic: z/x, fields: {smoke: {}}, broker: "+broker+"}", devices.Info{ID: "x"}, p); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Brokers.Len(); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	if _, err := build("tasmota", "{topic: x, fields: {ENERGY.Power: {}}}", devices.Info{ID: "x"}, p); err != nil || p.Brokers.Len() != 2 {
		t.Errorf("%d sessions with one that has no password, %v; want 2", p.Brokers.Len(), err)
	}
}

// docs/mqtt-sensors.md has every key there is.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/mqtt-sensors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{mqttsensor.Config{}, mqttsensor.FieldConfig{}, mqttsensor.BrokerConfig{}, zigbee2mqtt.Own{}, tasmota.Own{}, esphome.Own{}} {
		for f := range reflect.TypeOf(v).Fields() {
			key := f.Tag.Get("yaml")
			if key != "-" && key != ",inline" && !regexp.MustCompile("`"+key+"`").Match(text) {
				t.Errorf("docs/mqtt-sensors.md does not show the key %q", key)
			}
		}
	}
}
