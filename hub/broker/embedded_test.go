package broker_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/hub/broker"
	"weishao.dev/weishao/telemetry"
)

// users lets in the names it has.
type users map[string]string

func (u users) CheckGateway(name, password string) bool { p, ok := u[name]; return ok && p == password }

type message struct {
	topic   string
	payload string
}

// refusals collects what a broker says it refused.
type refusals struct {
	mu sync.Mutex
	n  map[string]int
	ch chan string
}

func newRefusals() *refusals { return &refusals{n: map[string]int{}, ch: make(chan string, 1000)} }

func (r *refusals) on(node string, kind telemetry.Bad) {
	r.mu.Lock()
	r.n[node+" "+string(kind)]++
	r.mu.Unlock()
	r.ch <- node + " " + string(kind)
}

func (r *refusals) wait(t *testing.T, want string) {
	t.Helper()
	for {
		select {
		case got := <-r.ch:
			if got == want {
				return
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("the broker did not count %q; counted %v", want, r.n)
		}
	}
}

func quiet(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(&testWriter{t: t}, nil)) }

// testWriter logs to the test until it ends.
type testWriter struct {
	t    testing.TB
	mu   sync.Mutex
	done bool
	once sync.Once
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { w.t.Cleanup(func() { w.mu.Lock(); w.done = true; w.mu.Unlock() }) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.done {
		w.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

var twoGateways = users{"g/a": "pa", "g/b": "pb", "g/dot.ted": "pd"}

func startEmbedded(t *testing.T, cfg broker.EmbeddedConfig) (*broker.Embedded, chan message) {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.Addr, cfg.Log = "127.0.0.1:0", quiet(t)
	if cfg.Credentials == nil {
		cfg.Credentials = twoGateways
	}
	e, err := broker.StartEmbedded(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	heard := make(chan message, 1000)
	if err := e.Subscribe(func(topic string, payload []byte) { heard <- message{topic, string(payload)} }); err != nil {
		t.Fatal(err)
	}
	return e, heard
}

func clientOptions(addr, user, password, id string) *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetUsername(user).SetPassword(password).
		SetClientID(id).SetProtocolVersion(4).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second).SetOrderMatters(true)
}

func dial(o *mqtt.ClientOptions) (mqtt.Client, error) {
	c := mqtt.NewClient(o)
	tok := c.Connect()
	if !tok.WaitTimeout(10 * time.Second) {
		return nil, fmt.Errorf("no answer to CONNECT")
	}
	return c, tok.Error()
}

func mustDial(t *testing.T, o *mqtt.ClientOptions) mqtt.Client {
	t.Helper()
	c, err := dial(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func publish(t *testing.T, c mqtt.Client, topic string, qos byte, payload any) {
	t.Helper()
	tok := c.Publish(topic, qos, false, payload)
	if !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
		t.Fatalf("publishing to %s: %v", topic, tok.Error())
	}
}

func hear(t *testing.T, heard <-chan message) message {
	t.Helper()
	select {
	case m := <-heard:
		return m
	case <-time.After(5 * time.Second):
		t.Fatal("nothing heard")
		return message{}
	}
}

func TestGatewaySpeaksBelowItsOwnNodeOnly(t *testing.T) {
	r := newRefusals()
	e, heard := startEmbedded(t, broker.EmbeddedConfig{OnReject: r.on})
	c := mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "g/a"))
	foreign := []string{"spBv1.0/g/DDATA/b/x", "spBv1.0/g/NBIRTH/b", "spBv1.0/g/NCMD/a", "spBv1.0/STATE/weishao",
		"spBv1.0/g/DDATA/a", "spBv1.0/g/DDATA/a/x/y", "other", "$JS/API/STREAM/LIST", "$MQTT/sess/x"}
	for _, topic := range foreign {
		for qos := range byte(2) {
			publish(t, c, topic, qos, "forged")
			r.wait(t, "g/a foreign_topic")
		}
	}
	own := []string{"spBv1.0/g/NBIRTH/a", "spBv1.0/g/DBIRTH/a/x.y", "spBv1.0/g/NDATA/a", "spBv1.0/g/DDATA/a/x.y", "spBv1.0/g/DDEATH/a/x.y", "spBv1.0/g/NDEATH/a"}
	for _, topic := range own {
		publish(t, c, topic, 0, topic)
	}
	for _, topic := range own { // and nothing of the forged, which came first
		if got, want := hear(t, heard), (message{topic, topic}); got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	}
}

func TestForeignWillIsBlocked(t *testing.T) {
	r := newRefusals()
	e, heard := startEmbedded(t, broker.EmbeddedConfig{OnReject: r.on})
	die := func(topic string) {
		var conn net.Conn
		o := clientOptions(e.Addr(), "g/a", "pa", "g/a").SetWill(topic, "dead", 0, false)
		o.SetCustomOpenConnectionFn(func(_ *urlT, _ mqtt.ClientOptions) (net.Conn, error) {
			var err error
			conn, err = net.Dial("tcp", e.Addr())
			return conn, err
		})
		mustDial(t, o)
		_ = conn.Close() // no DISCONNECT: the will is due
	}
	die("spBv1.0/g/NDEATH/b")
	r.wait(t, "g/a foreign_topic")
	die("spBv1.0/g/NDEATH/a")
	if got, want := hear(t, heard), (message{"spBv1.0/g/NDEATH/a", "dead"}); got != want {
		t.Fatalf("heard %q, want %q", got, want)
	}
}

func TestNobodyInByDefault(t *testing.T) {
	r := newRefusals()
	t.Cleanup(func() { // when the broker is closed, it has said all
		for counted, n := range r.n {
			if !strings.HasSuffix(counted, " auth") {
				t.Errorf("%d refused sign-ins were counted as %q too", n, counted)
			}
		}
	})
	e, _ := startEmbedded(t, broker.EmbeddedConfig{OnReject: r.on,
		Credentials: users{"g/a": "pa", "g/b": "pb", "g/*": "p", "*/*": "p", "hub": "p", "state": "p", "g/a/b": "p"}})
	for _, tc := range []struct{ user, password, counted string }{
		{"", "", " auth"}, {"g/a", "wrong", "g/a auth"}, {"g/nobody", "pa", "g/nobody auth"}, {"hub", "", " auth"}, {"log", "", " auth"}, {"state", "p", " auth"},
		{"g/*", "p", " auth"}, {"*/*", "p", " auth"}, {"g/a/b", "p", " auth"}, {"hub", "p", " auth"},
	} {
		if _, err := dial(clientOptions(e.Addr(), tc.user, tc.password, "some-id")); err == nil {
			t.Errorf("user %q was let in", tc.user)
		}
		r.wait(t, tc.counted)
	}
}

func TestClientIDOfAnotherIsRefused(t *testing.T) {
	r := newRefusals()
	e, heard := startEmbedded(t, broker.EmbeddedConfig{OnReject: r.on})
	a := mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "visitor"))
	refused := func(user, password, id string) {
		t.Helper()
		if _, err := dial(clientOptions(e.Addr(), user, password, id)); err == nil {
			t.Errorf("%s was let in as client %q", user, id)
		}
		r.wait(t, user+" auth")
	}
	refused("g/b", "pb", "visitor")   // held by g/a now
	refused("g/b", "pb", "g/a")       // the name of another, connected or not
	refused("g/b", "pb", "g/dot:ted") // the same where the name has a dot
	publish(t, a, "spBv1.0/g/NDATA/a", 0, "still here")
	if got := hear(t, heard); got.payload != "still here" {
		t.Fatalf("heard %q", got)
	}
	mustDial(t, clientOptions(e.Addr(), "g/dot.ted", "pd", telemetry.ClientID("g/dot.ted")))
	// One's own ID may be taken over: a gateway that lost its link comes back.
	mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "visitor"))
	// And once its holder has gone, the ID is free.
	other := mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "free"))
	other.Disconnect(100)
	deadline := time.Now().Add(5 * time.Second)
	for {
		if _, err := dial(clientOptions(e.Addr(), "g/b", "pb", "free")); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the ID of a connection that has ended is still refused")
		}
	}
}

func TestHostileClientIDDoesNotConfuseTheCounts(t *testing.T) {
	r := newRefusals()
	e, _ := startEmbedded(t, broker.EmbeddedConfig{OnReject: r.on})
	for _, id := range []string{`%s%d%v`, `"-mid:1-"`, `x"mid:99`, `Publish%20Violation`} {
		c := mustDial(t, clientOptions(e.Addr(), "g/a", "pa", id))
		publish(t, c, "spBv1.0/g/NDATA/b", 0, "forged")
		r.wait(t, "g/a foreign_topic")
		if tok := c.Subscribe("spBv1.0/#", 0, nil); tok.WaitTimeout(5*time.Second) && tok.(*mqtt.SubscribeToken).Result()["spBv1.0/#"] != 0x80 {
			t.Error("a gateway may listen to all")
		}
		r.wait(t, "g/a foreign_topic")
	}
}

func TestOversizedPayloadIsCounted(t *testing.T) {
	r := newRefusals()
	e, heard := startEmbedded(t, broker.EmbeddedConfig{OnReject: r.on})
	c := mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "g/a"))
	c.Publish("spBv1.0/g/NDATA/a", 0, false, bytes.Repeat([]byte{1}, 10<<20))
	r.wait(t, "g/a too_large")
	c = mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "g/a"))
	publish(t, c, "spBv1.0/g/NDATA/a", 0, bytes.Repeat([]byte{1}, 500<<10))
	if got := hear(t, heard); len(got.payload) != 500<<10 {
		t.Fatalf("heard %d bytes", len(got.payload))
	}
}

func TestTopicWithSpaceIsCounted(t *testing.T) {
	r := newRefusals()
	e, _ := startEmbedded(t, broker.EmbeddedConfig{OnReject: r.on})
	c := mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "g/a"))
	c.Publish("spBv1.0/g/NDATA/a b", 0, false, "x")
	r.wait(t, "g/a protocol")
}

func TestCommandsReachTheirGatewayOnly(t *testing.T) {
	e, _ := startEmbedded(t, broker.EmbeddedConfig{})
	got := make(chan message, 10)
	listen := func(user, password, node string) {
		c := mustDial(t, clientOptions(e.Addr(), user, password, telemetry.ClientID(user)))
		filters := map[string]byte{"spBv1.0/g/NCMD/" + node: 0, "spBv1.0/g/NCMD/" + node + "/#": 1, "spBv1.0/g/DCMD/" + node + "/#": 0}
		tok := c.SubscribeMultiple(filters, func(_ mqtt.Client, m mqtt.Message) { got <- message{node + " " + m.Topic(), string(m.Payload())} })
		if !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
			t.Fatal(tok.Error())
		}
		for f, code := range tok.(*mqtt.SubscribeToken).Result() {
			if code == 0x80 {
				t.Fatalf("may not subscribe to %s", f)
			}
		}
	}
	listen("g/a", "pa", "a")
	listen("g/dot.ted", "pd", "dot.ted")
	for _, node := range []string{"b", "a", "dot.ted"} {
		if err := e.Publish("spBv1.0/g/NCMD/"+node, []byte("to "+node)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for len(seen) < 2 {
		m := hear(t, got)
		if node := strings.TrimPrefix(m.payload, "to "); m.topic != node+" spBv1.0/g/NCMD/"+node {
			t.Fatalf("heard %q", m)
		}
		seen[m.topic] = true
	}
}

func TestStateIsRetained(t *testing.T) {
	dir := t.TempDir()
	e, err := broker.StartEmbedded(broker.EmbeddedConfig{Dir: dir, Addr: "127.0.0.1:0", Credentials: twoGateways, Log: quiet(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broker.StartEmbedded(broker.EmbeddedConfig{Dir: dir, Log: quiet(t)}); err == nil {
		t.Fatal("two processes on one directory")
	}
	waitState(t, e.Addr(), `{"online":true`)
	addr := e.Addr()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e2, err := broker.StartEmbedded(broker.EmbeddedConfig{Dir: dir, Addr: addr, Credentials: twoGateways, Log: quiet(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer e2.Close()
	waitState(t, addr, `{"online":true`)
}

func waitState(t *testing.T, addr, want string) {
	t.Helper()
	got := make(chan message, 10)
	c := mustDial(t, clientOptions(addr, "g/a", "pa", "g/a"))
	defer c.Disconnect(0)
	c.Subscribe("spBv1.0/STATE/weishao", 1, func(_ mqtt.Client, m mqtt.Message) { got <- message{m.Topic(), string(m.Payload())} })
	for !strings.HasPrefix(hear(t, got).payload, want) {
	}
}

func TestOrderWithinAClient(t *testing.T) {
	e, heard := startEmbedded(t, broker.EmbeddedConfig{})
	c := mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "g/a"))
	topics := []string{"spBv1.0/g/NBIRTH/a", "spBv1.0/g/DBIRTH/a/x", "spBv1.0/g/DDATA/a/x", "spBv1.0/g/DDATA/a/y", "spBv1.0/g/NDATA/a"}
	for i := range 500 {
		publish(t, c, topics[i%len(topics)], 0, fmt.Sprint(i))
	}
	for i := range 500 {
		if got, want := hear(t, heard), (message{topics[i%len(topics)], fmt.Sprint(i)}); got != want {
			t.Fatalf("message %d: heard %q, want %q", i, got, want)
		}
	}
}

func TestKick(t *testing.T) {
	e, _ := startEmbedded(t, broker.EmbeddedConfig{})
	lost := make(chan error, 1)
	mustDial(t, clientOptions(e.Addr(), "g/a", "pa", "g/a").SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err }))
	e.Kick("g/a")
	select {
	case <-lost:
	case <-time.After(5 * time.Second):
		t.Fatal("still connected")
	}
}

func TestTLSIsRequiredWhereGiven(t *testing.T) {
	cert := selfSigned(t)
	e, heard := startEmbedded(t, broker.EmbeddedConfig{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if _, err := dial(clientOptions(e.Addr(), "g/a", "pa", "g/a")); err == nil {
		t.Fatal("let in without TLS")
	}
	o := clientOptions(e.Addr(), "g/a", "pa", "g/a").SetTLSConfig(&tls.Config{InsecureSkipVerify: true})
	o.Servers = nil
	o.AddBroker("ssl://" + e.Addr())
	c := mustDial(t, o)
	got := make(chan message, 10)
	c.Subscribe("spBv1.0/STATE/weishao", 1, func(_ mqtt.Client, m mqtt.Message) { got <- message{m.Topic(), string(m.Payload())} })
	if m := hear(t, got); !strings.HasPrefix(m.payload, `{"online":true`) {
		t.Fatalf("state %q", m)
	}
	publish(t, c, "spBv1.0/g/NDATA/a", 0, "secret")
	if m := hear(t, heard); m.payload != "secret" {
		t.Fatalf("heard %q", m)
	}
}
