package harness

import (
	"fmt"
	"path/filepath"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/devices/mqttsensor"
)

// Sensors is a real Mosquitto of the gateway's templates, and a bridge that publishes
// there. Both end with the test.
type Sensors struct {
	Mosquitto
	config string
	client mqtt.Client
}

// NewSensors starts it for a bridge that may use the topics, which has signed in.
func NewSensors(t testing.TB, topics ...string) *Sensors {
	t.Helper()
	s := &Sensors{Mosquitto: Mosquitto{Addr: FreeAddr(t), dir: t.TempDir()}}
	cfg := mqttsensor.Mosquitto{Listen: []string{s.Addr[len("127.0.0.1:"):] + " 127.0.0.1"}, PasswordFile: filepath.Join(s.dir, "passwords"), ACLFile: filepath.Join(s.dir, "acl"),
		Sensors: []mqttsensor.MosquittoUser{{User: "bridge", Topics: topics}}}
	conf, acl, err := cfg.Render()
	if err != nil {
		t.Fatal(err)
	}
	WriteFile(t, s.dir, "acl", acl)
	WriteFile(t, s.dir, "passwords", "weishao:reads\nbridge:speaks\n")
	Run(t, Command(t, "mosquitto_passwd"), "-U", cfg.PasswordFile)
	s.config = conf
	s.Restart(t)
	return s
}

// Restart starts the broker (again), and the bridge signs in.
func (s *Sensors) Restart(t testing.TB) {
	t.Helper()
	s.run(t, s.config)
	s.client = mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + s.Addr).SetClientID("bridge").
		SetUsername("bridge").SetPassword("speaks").SetAutoReconnect(false))
	s.await(t, s.client.Connect())
	t.Cleanup(func() { s.client.Disconnect(0) })
}

// Publish sends a message.
func (s *Sensors) Publish(t testing.TB, topic, payload string, retained bool) {
	t.Helper()
	s.await(t, s.client.Publish(topic, 1, retained, payload))
}

func (s *Sensors) await(t testing.TB, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(Patience) || token.Error() != nil {
		t.Fatalf("the sensors' broker: %v", token.Error())
	}
}

// YAML is what a gateway's device says to use the broker, given a folder for the
// password.
func (s *Sensors) YAML(t testing.TB, dir string) string {
	t.Helper()
	return fmt.Sprintf("broker: {url: \"tcp://%s\", username: weishao, password_file: %s}", s.Addr, WriteFile(t, dir, "sensors-password", "reads\n"))
}
