package mqttwire

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices/actuator"
)

// mosquitto runs a real one at an address until stop is called or the test ends.
func mosquitto(t *testing.T, addr string) (stop func()) {
	t.Helper()
	program := "/usr/sbin/mosquitto"
	if p, err := exec.LookPath("mosquitto"); err == nil {
		program = p
	} else if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("mosquitto is not there")
		}
		t.Skip("mosquitto is not there: `make test` installs it")
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "listener %s 127.0.0.1\nallow_anonymous true\n", port), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	eventually(t, "mosquitto listens", func() error {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err
	})
	return stop
}

func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	limit := time.Now().Add(30 * time.Second)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: %v", what, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// plug is a Tasmota plug: it obeys cmnd/plug/POWER, and retains what it is on
// stat/plug/STATE.
func plug(t *testing.T, addr string) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("plug").SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).SetMaxReconnectInterval(50 * time.Millisecond)
	o.SetOnConnectHandler(func(c mqtt.Client) {
		c.Subscribe("cmnd/plug/POWER", 1, func(c mqtt.Client, m mqtt.Message) {
			c.Publish("stat/plug/STATE", 1, true, fmt.Sprintf(`{"POWER":%q,"Wifi":{"RSSI":70}}`, m.Payload()))
		})
	})
	c := mqtt.NewClient(o)
	if token := c.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

// A contactor behind a plug: it opens the circuit, its own word confirms that, a
// broker that is away is an error at once, and one that is back is used again.
func TestPlugBehindMosquitto(t *testing.T) {
	addr := freeAddr(t)
	stop := mosquitto(t, addr)
	plug(t, addr)
	var list []yaml.Node
	text := fmt.Sprintf(`- id: charger
  kind: contactor
  output: {mqtt: {broker: {url: "tcp://%[1]s"}, topic: cmnd/plug/POWER, act: "OFF", rest: "ON"}}
  feedback: {mqtt: {broker: {url: "tcp://%[1]s"}, topic: stat/plug/STATE, field: POWER, act: "OFF", rest: "ON"}}
`, addr)
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	made, err := actuator.Build("g.yaml", list, actuator.Deps{Log: slog.New(slog.DiscardHandler), Dir: t.TempDir(),
		Wires: map[string]actuator.Wires{"mqtt": Wires(t.TempDir())}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, made[0])
	state := func(want float64) func() error {
		return func() error {
			if s := made[0].Status(); s.Fault != "" || !s.Known || s.State != want {
				return fmt.Errorf("it is %+v", s)
			}
			return nil
		}
	}
	eventually(t, "closed, by the plug's word", state(0))
	made[0].Trip(actuator.Cause{Rule: "flying-wire", Device: "g/n/socket"})
	eventually(t, "open, by the plug's word", state(1))
	stop()
	eventually(t, "a fault", func() error {
		if s := made[0].Status(); s.Fault != "no_response" || !strings.Contains(s.Problem, "no connection to tcp://"+addr) {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
	made[0].Reset() // while nobody hears it
	mosquitto(t, addr)
	eventually(t, "closed again", state(0))
}

// troubles counts the lines of a log that tell of one.
type troubles struct{ n atomic.Int32 }

func (t *troubles) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("in trouble")) {
		t.n.Add(1)
	}
	return len(line), nil
}

// A siren that starts before its connection is there is in no trouble, and is told to
// rest.
func TestAStartIsNoTrouble(t *testing.T) {
	addr := freeAddr(t)
	mosquitto(t, addr)
	var list []yaml.Node
	if err := yaml.Unmarshal(fmt.Appendf(nil, `[{id: horn, kind: siren, output: {mqtt: {broker: {url: "tcp://%s"}, topic: horn}}}]`, addr), &list); err != nil {
		t.Fatal(err)
	}
	told := &troubles{}
	made, err := actuator.Build("g.yaml", list, actuator.Deps{Log: slog.New(slog.NewTextHandler(told, nil)), Dir: t.TempDir(),
		Wires: map[string]actuator.Wires{"mqtt": Wires(t.TempDir())}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, made[0])
	eventually(t, "at rest", func() error {
		if s := made[0].Status(); s.Fault != "" || !s.Known || s.State != 0 {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
	if n := told.n.Load(); n != 0 {
		t.Errorf("%d troubles were told", n)
	}
}

// What is said on the topic, and what it means.
func TestPayloads(t *testing.T) {
	for _, c := range []struct {
		field, payload string
		act            bool
		problem        string
	}{
		{"", "ON", true, ""}, {"", " OFF\n", false, ""}, {"", "on", false, "is neither ON nor OFF"}, {"", "", false, "is neither"},
		{"state", `{"state":"ON"}`, true, ""}, {"state", `{"state":null}`, false, "is neither"}, {"state", `{}`, false, "is neither"},
		{"state", `ON`, false, "is not a JSON object"}, {"state", `{"state":"O`, false, "is not a JSON object"},
	} {
		b := &broker{client: mqtt.NewClient(mqtt.NewClientOptions()), heard: map[string]string{"x": c.payload}}
		in := &input{b, Input{Wire: Wire{Act: "ON", Rest: "OFF"}, Field: c.field}}
		in.own.Topic.V = "x"
		got, err := in.Get(t.Context())
		if got != c.act || (err == nil) != (c.problem == "") || err != nil && !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%+v: got %v, %v", c, got, err)
		}
	}
	// A plug that has died says nothing more: what it said last is no feedback.
	b := &broker{client: mqtt.NewClient(mqtt.NewClientOptions()), heard: map[string]string{"x": "ON"}}
	in := &input{b, Input{Wire: Wire{Act: "ON", Rest: "OFF"}}}
	in.own.Topic.V, in.own.Alive.V = "x", "lwt"
	for payload, want := range map[string]string{"": "nothing has been said", "Online": "", "Offline": "says that it is offline", `{"state":"online"}`: "", `{"state":"offline"}`: "says that it is offline", "ON": "neither online nor offline"} {
		if delete(b.heard, "lwt"); payload != "" {
			b.heard["lwt"] = payload
		}
		on, err := in.Get(t.Context())
		if on != (want == "") || (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v, want %q", payload, on, err, want)
		}
	}
	b = &broker{client: mqtt.NewClient(mqtt.NewClientOptions())}
	if _, err := (&input{b, Input{}}).Get(t.Context()); err != errNothing {
		t.Errorf("got %v", err)
	}
}
