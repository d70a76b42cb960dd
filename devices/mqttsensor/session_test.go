package mqttsensor_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/telemetry"
)

const patience = 30 * time.Second

// program finds one of Mosquitto's, or skips the test where it is not installed.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		if p := filepath.Join(dir, name); exec.Command("test", "-x", p).Run() == nil {
			return p
		}
	}
	if os.Getenv("CI") != "" || os.Getenv("WEISHAO_DEPS") != "" {
		t.Fatalf("%s is not there: scripts/test-deps.sh installs it", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// rig is a real Mosquitto of our templates, laid out as Debian does: our file is one of
// those that its own includes, and its own keeps what is retained.
type rig struct {
	t     *testing.T
	dir   string
	addr  string
	cmd   *exec.Cmd
	log   *lockedBuffer
	clock telemetry.Clock
	parts mqttsensor.Parts
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// newRig starts it. The devices' clock runs fast, so that ten seconds of grace are soon over.
func newRig(t *testing.T) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), addr: l.Addr().String(), log: &lockedBuffer{}, clock: telemetry.NewClock(50)}
	l.Close()
	_, port, _ := net.SplitHostPort(r.addr)
	conf, acl, err := mqttsensor.Mosquitto{Listen: []string{port + " 127.0.0.1"}, PasswordFile: r.dir + "/passwords", ACLFile: r.dir + "/acl",
		Sensors: []mqttsensor.MosquittoUser{{User: "sensors", Topics: []string{"z/#", "tele/#"}}}}.Render()
	if err != nil {
		t.Fatal(err)
	}
	main := "persistence true\npersistence_location " + r.dir + "/\n"
	if os.Getuid() == 0 {
		main += "user root\n"
	}
	for name, text := range map[string]string{"mosquitto.conf": main + "include_dir " + r.dir + "/conf.d\n", "conf.d/weishao.conf": conf, "acl": acl,
		"passwords": "weishao:reads\nsensors:speak\n", "password": "reads\n", "wrong": "guesses\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(r.dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(program(t, "mosquitto_passwd"), "-U", r.dir+"/passwords").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.parts = parts(t)
	r.parts.Dir, r.parts.Brokers = r.dir, mqttsensor.NewBrokers(slog.New(slog.NewTextHandler(r.log, nil)))
	r.start()
	t.Cleanup(r.kill)
	return r
}

func (r *rig) start() {
	r.t.Helper()
	r.cmd = exec.Command(program(r.t, "mosquitto"), "-c", r.dir+"/mosquitto.conf")
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.eventually("Mosquitto listens", func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (r *rig) kill() {
	if r.cmd.ProcessState == nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	}
}

func (r *rig) eventually(what string, f func() bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !f(); <-tick.C {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not within %v; log:\n%s", what, patience, r.log)
		}
	}
}

// sensor is a client that publishes.
func (r *rig) sensor() mqtt.Client {
	r.t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + r.addr).SetClientID("sensor").SetUsername("sensors").SetPassword("speak").SetAutoReconnect(false))
	if t := c.Connect(); !t.WaitTimeout(patience) || t.Error() != nil {
		r.t.Fatal(t.Error())
	}
	r.t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func (r *rig) publish(c mqtt.Client, topic, payload string, retained bool) {
	r.t.Helper()
	if t := c.Publish(topic, 1, retained, payload); !t.WaitTimeout(patience) || t.Error() != nil {
		r.t.Fatalf("publish to %s: %v", topic, t.Error())
	}
}

// running is a device that runs, with what it has emitted.
type running struct {
	mu   sync.Mutex
	seen []string
	stop func()
}

func (d *running) all() string { d.mu.Lock(); defer d.mu.Unlock(); return strings.Join(d.seen, " ") }

func (d *running) last() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.seen) == 0 {
		return ""
	}
	return d.seen[len(d.seen)-1]
}

func (r *rig) run(kind, config string) *running {
	r.t.Helper()
	d, err := build(kind, config, devices.Info{ID: "x"}, r.parts)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, done := &running{}, make(chan error, 1)
	go func() {
		done <- d.Run(ctx, r.clock, func(p telemetry.Point) {
			out.mu.Lock()
			defer out.mu.Unlock()
			out.seen = append(out.seen, say([]telemetry.Point{p}, time.UnixMilli(p.Time)))
		})
	}()
	out.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			r.t.Error("Run does not end")
		}
	})
	r.t.Cleanup(out.stop)
	return out
}

func (r *rig) broker(password string) string {
	return fmt.Sprintf("broker: {url: 'tcp://%s', username: weishao, password_file: %s}", r.addr, password)
}

func TestSession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.sensor()
	r.publish(s, "z/厨房 烟感", `{"smoke":true}`, true)
	r.publish(s, "z/bridge/state", `{"state":"offline"}`, true)
	kitchen := r.run("zigbee2mqtt", "{topic: z/厨房 烟感, fields: {smoke: {}}, "+r.broker("password")+"}")
	r.eventually("the bridge is offline, and what is retained is not a reading", func() bool { return kitchen.all() == "contact!no_response" })
	late := r.run("zigbee2mqtt", "{topic: z/hall, fields: {smoke: {}}, "+r.broker("password")+"}")
	r.eventually("a device that joins later hears what is retained on a topic that is subscribed to", func() bool { return late.last() == "contact!no_response" })
	if n := r.parts.Brokers.Len(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	r.publish(s, "z/厨房 烟感", `{"smoke":false}`, true)
	r.eventually("a live message is a reading, though it is kept too", func() bool { return kitchen.last() == "contact=0" })

	r.kill()
	r.eventually("the broker is away", func() bool { return kitchen.last() == "contact!no_response" })
	r.start()
	r.eventually("the log says that it is back", func() bool { return strings.Contains(r.log.String(), "is there again") })
	r.publish(r.sensor(), "z/厨房 烟感", `{"smoke":true}`, true)
	r.eventually("heard again", func() bool { return kitchen.last() == "contact=1" })
	if n := strings.Count(r.log.String(), "no connection to the sensors' broker"); n != 1 {
		t.Errorf("an outage is told %d times:\n%s", n, r.log)
	}

	// A session ends with its last device, and begins again with the next.
	kitchen.stop()
	late.stop()
	again := r.run("zigbee2mqtt", "{topic: z/hall, fields: {smoke: {}}, "+r.broker("password")+"}")
	s = r.sensor()
	r.eventually("another session", func() bool {
		r.publish(s, "z/hall", `{"smoke":true}`, false)
		return again.last() == "contact=1"
	})
}

// A broker that does not let us in is told of once more than one that is away, and
// what the access rules forbid is not heard.
func TestRefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.kill()
	d := r.run("tasmota", "{topic: x, fields: {ENERGY.Power: {}}, "+r.broker("wrong")+"}")
	r.eventually("nobody is there", func() bool { return strings.Contains(r.log.String(), "connection refused") })
	r.start()
	r.eventually("the password is wrong", func() bool { return strings.Contains(r.log.String(), "not Authorized") })
	r.eventually("a fault", func() bool { return d.last() == "power!no_response" })
	if n := strings.Count(r.log.String(), "level=WARN"); n != 2 {
		t.Errorf("told %d times:\n%s", n, r.log)
	}
	s := r.sensor()
	r.publish(s, "elsewhere/SENSOR", `{"ENERGY":{"Power":5}}`, false) // not among the sensors' topics
	other := r.run("tasmota", "{topic: elsewhere/SENSOR, fields: {ENERGY.Power: {}}, "+r.broker("password")+"}")
	good := r.run("tasmota", "{topic: y, fields: {ENERGY.Power: {}}, "+r.broker("password")+"}")
	r.eventually("what is allowed is heard", func() bool {
		r.publish(s, "elsewhere/SENSOR", `{"ENERGY":{"Power":5}}`, false)
		r.publish(s, "tele/y/SENSOR", `{"ENERGY":{"Power":6}}`, false)
		return good.last() == "power=6"
	})
	if got := other.all(); got != "" {
		t.Errorf("of a topic that is forbidden came %s", got)
	}
}

// A flood does not stall or fill anything, and the sensor is heard after it.
func TestFlood(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.sensor()
	d := r.run("tasmota", "{topic: y, fields: {ENERGY.Power: {}}, "+r.broker("password")+"}")
	r.eventually("it is heard", func() bool {
		r.publish(s, "tele/y/SENSOR", `{"ENERGY":{"Power":1}}`, false)
		return d.last() == "power=1"
	})
	for i := range 2000 {
		s.Publish("tele/y/SENSOR", 0, false, fmt.Sprintf(`{"ENERGY":{"Power":%d}}`, i+2))
	}
	again := func(payload, want string) func() bool { // what comes while it is held back is dropped
		return func() bool {
			r.publish(s, "tele/y/SENSOR", payload, false)
			return d.last() == want
		}
	}
	r.eventually("one after a flood", again(`{"ENERGY":{"Power":9999}}`, "power=9999"))
	r.eventually("a large one", again(`{"x":"`+strings.Repeat("x", 60_000)+`","ENERGY":{"Power":7}}`, "power=7"))
}
