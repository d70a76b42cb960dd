package mqttsensor_test

import (
	"os"
	"strings"
	"testing"

	"weishao.dev/weishao/devices/mqttsensor"
)

// docs/mqtt-sensors.md shows what the templates give.
func TestMosquittoAsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/mqtt-sensors.md")
	if err != nil {
		t.Fatal(err)
	}
	conf, acl, err := mqttsensor.Mosquitto{
		Listen:       []string{"1883 127.0.0.1", "1883 192.168.8.2"},
		PasswordFile: "/etc/mosquitto/weishao-passwords", ACLFile: "/etc/mosquitto/weishao-acl",
		Sensors: []mqttsensor.MosquittoUser{
			{User: "zigbee2mqtt", Topics: []string{"zigbee2mqtt/#"}},
			{User: "socket-3", Topics: []string{"+/socket-3/#"}},
			{User: "boiler-room", Topics: []string{"boiler-room/#"}},
		},
	}.Render()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{conf, acl} {
		if !strings.Contains(string(text), "```text\n"+want+"```") {
			t.Errorf("docs/mqtt-sensors.md does not show\n%s", want)
		}
	}
}

func TestMosquittoStaysInItsLines(t *testing.T) {
	good := mqttsensor.Mosquitto{PasswordFile: "p", ACLFile: "a"}
	if conf, _, err := good.Render(); err != nil || !strings.Contains(conf, "\nlistener 1883 127.0.0.1\n") || strings.Contains(conf, "allow_anonymous true") {
		t.Errorf("got %q, %v", conf, err)
	}
	for _, bad := range []mqttsensor.Mosquitto{
		{PasswordFile: "p"},
		{PasswordFile: "p\nallow_anonymous true", ACLFile: "a"},
		{PasswordFile: "p", ACLFile: "a", Sensors: []mqttsensor.MosquittoUser{{User: "x", Topics: []string{"x\nuser weishao\ntopic write #"}}}},
	} {
		if _, _, err := bad.Render(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
