package broker_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/hub/broker"
)

// mosquitto is a real broker that the test starts, stops and starts again on
// the same port.
type mosquitto struct {
	addr, conf string
	cmd        *exec.Cmd
}

// newMosquitto renders our own template, so that the template is tested too.
// Where the broker is not installed the test fails in CI, and is skipped elsewhere.
func newMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	if _, err := exec.LookPath(program("mosquitto")); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("WEISHAO_DEPS") != "" {
			t.Fatalf("%v: scripts/test-deps.sh installs it", err)
		}
		t.Skipf("%v: `make test` installs it", err)
	}
	dir := t.TempDir()
	m := &mosquitto{addr: freeAddr(t), conf: filepath.Join(dir, "mosquitto.conf")}
	_, port, _ := net.SplitHostPort(m.addr)
	conf, acl, err := broker.Mosquitto{
		Listen: port + " 127.0.0.1", PasswordFile: filepath.Join(dir, "passwords"), ACLFile: filepath.Join(dir, "acl"),
		Gateways: []string{"g/a", "g/b"},
	}.Render()
	if err != nil {
		t.Fatal(err)
	}
	// Mosquitto gives up root for a user who cannot read the test's folder.
	if os.Getuid() == 0 {
		conf += "user root\n"
	}
	passwords := "weishao-hub:hub\ng/a:pa\ng/b:pb\n"
	for name, text := range map[string]string{"mosquitto.conf": conf, "acl": acl, "passwords": passwords} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "mosquitto_passwd", "-U", filepath.Join(dir, "passwords"))
	m.start(t)
	t.Cleanup(m.stop)
	return m
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program(name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// program finds a Debian program though /usr/sbin may not be in PATH.
func program(name string) string {
	for _, dir := range []string{"/usr/sbin", "/usr/bin"} {
		if p := filepath.Join(dir, name); fileExists(p) {
			return p
		}
	}
	return name
}

func fileExists(p string) bool { _, err := os.Stat(p); return err == nil }

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (m *mosquitto) start(t *testing.T) {
	t.Helper()
	var out bytes.Buffer
	m.cmd = exec.Command(program("mosquitto"), "-c", m.conf)
	m.cmd.Stdout, m.cmd.Stderr = &out, &out
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("mosquitto does not listen: %v\n%s", err, out.String())
		}
		time.Sleep(10 * time.Millisecond) // between two attempts to connect
	}
}

func (m *mosquitto) stop() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

func TestExternalWithMosquitto(t *testing.T) {
	m := newMosquitto(t)
	x := broker.StartExternal(broker.ExternalConfig{URL: "tcp://" + m.addr, Username: "weishao-hub", Password: "hub", Log: quiet(t)})
	states := make(chan bool, 100)
	x.NotifyState(func(up bool) { states <- up })
	heard := make(chan message, 1000)
	if err := x.Subscribe(func(topic string, payload []byte) { heard <- message{topic, string(payload)} }); err != nil {
		t.Fatal(err)
	}
	exchange := func(round int) {
		t.Helper()
		for !within(t, states) {
		}
		if !x.Connected() {
			t.Fatal("told up, but not connected")
		}
		gw := mustDial(t, clientOptions(m.addr, "g/a", "pa", "g/a"))
		defer gw.Disconnect(0)
		commands, state := make(chan message, 10), make(chan message, 10)
		gw.Subscribe("spBv1.0/g/NCMD/a", 0, func(_ mqtt.Client, m mqtt.Message) { commands <- message{m.Topic(), string(m.Payload())} })
		tok := gw.Subscribe("spBv1.0/STATE/weishao", 1, func(_ mqtt.Client, m mqtt.Message) { state <- message{m.Topic(), string(m.Payload())} })
		tok.WaitTimeout(5 * time.Second)
		for !strings.HasPrefix(hear(t, state).payload, `{"online":true,"timestamp":`) {
		}
		// A foreign topic is dropped by the rules; the gateway's own arrives. The
		// subscription may be a moment younger than the announcement.
		text := fmt.Sprint("round ", round)
		for {
			publish(t, gw, "spBv1.0/g/DDATA/b/x", 0, "forged")
			publish(t, gw, "spBv1.0/g/DDATA/a/x", 0, text)
			select {
			case got := <-heard:
				if got != (message{"spBv1.0/g/DDATA/a/x", text}) {
					t.Fatalf("heard %q", got)
				}
			case <-time.After(100 * time.Millisecond):
				continue
			}
			break
		}
		if err := x.Publish("spBv1.0/g/NCMD/a", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := hear(t, commands); got.payload != text {
			t.Fatalf("the gateway got %q", got)
		}
		for len(heard) > 0 {
			<-heard
		}
	}
	exchange(1)
	m.stop()
	for within(t, states) {
	}
	if err := x.Publish("spBv1.0/g/NCMD/a", nil); err == nil {
		t.Fatal("published to a dead broker")
	}
	m.start(t)
	exchange(2)

	// A late will of a former connection must not leave the hub offline.
	late := mustDial(t, clientOptions(m.addr, "weishao-hub", "hub", "late"))
	state := make(chan message, 10)
	gw := mustDial(t, clientOptions(m.addr, "g/b", "pb", "g/b"))
	gw.Subscribe("spBv1.0/STATE/weishao", 1, func(_ mqtt.Client, m mqtt.Message) { state <- message{m.Topic(), string(m.Payload())} }).WaitTimeout(5 * time.Second)
	late.Publish("spBv1.0/STATE/weishao", 1, true, `{"online":false,"timestamp":1}`).WaitTimeout(5 * time.Second)
	for !strings.HasPrefix(hear(t, state).payload, `{"online":false,"timestamp":1}`) {
	}
	for !strings.HasPrefix(hear(t, state).payload, `{"online":true`) {
	}

	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	for !strings.HasPrefix(hear(t, state).payload, `{"online":false`) {
	}
}

func within(t *testing.T, ch <-chan bool) bool {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("no change of state")
		return false
	}
}

func TestExternalSaysWhenItMayNotListen(t *testing.T) {
	m := newMosquitto(t)
	log := &lines{}
	x := broker.StartExternal(broker.ExternalConfig{URL: "tcp://" + m.addr, Username: "nobody", Password: "x", Log: log.logger()})
	defer x.Close()
	log.wait(t, "no connection to the broker")
	if x.Connected() {
		t.Fatal("connected")
	}
}

func TestRenderRefusesNamesThatCouldSpeakForAll(t *testing.T) {
	for _, user := range []string{"g/+", "#", "g", "g/a\ntopic write #", "g/a/b", ""} {
		if _, _, err := (broker.Mosquitto{Gateways: []string{user}}).Render(); err == nil {
			t.Errorf("%q was rendered", user)
		}
	}
}
