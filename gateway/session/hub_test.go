package session

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats-server/v2/server"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// startBroker runs a real broker and gives its MQTT address.
func startBroker(t testing.TB) string {
	t.Helper()
	o := &server.Options{ServerName: "test", Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()}
	o.MQTT.Host, o.MQTT.Port = "127.0.0.1", -1
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the broker does not start")
	}
	return fmt.Sprintf("127.0.0.1:%d", o.MQTT.Port)
}

// link is a TCP link that can be cut.
type link struct {
	target string
	l      net.Listener
	mu     sync.Mutex
	down   bool
	conns  map[net.Conn]bool
	wg     sync.WaitGroup
}

func startLink(t *testing.T, target string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{target: target, l: l, conns: map[net.Conn]bool{}}
	k.wg.Go(k.accept)
	t.Cleanup(func() { _ = l.Close(); k.cut(); k.wg.Wait() })
	return k
}

func (k *link) url() string { return "tcp://" + k.l.Addr().String() }

func (k *link) accept() {
	for {
		a, err := k.l.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", k.target)
		k.mu.Lock()
		if err != nil || k.down {
			_ = a.Close()
			if b != nil {
				_ = b.Close()
			}
			k.mu.Unlock()
			continue
		}
		k.conns[a], k.conns[b] = true, true
		k.mu.Unlock()
		for _, p := range [][2]net.Conn{{a, b}, {b, a}} {
			k.wg.Go(func() {
				_, _ = io.Copy(p[0], p[1])
				_ = p[0].Close()
				_ = p[1].Close()
			})
		}
	}
}

// cut closes all connections and lets no new one through until restore.
func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = true
	for c := range k.conns {
		_ = c.Close()
	}
	clear(k.conns)
}

func (k *link) restore() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = false
}

// arrived is one reading as the hub took it.
type arrived struct {
	Run     uint64
	Seq     uint64
	Device  string
	Metric  string
	Point   telemetry.Point
	Backlog bool
}

// hub is what the real one is on the wire: go-back-N per run, acknowledged at will.
type hub struct {
	t      testing.TB
	client mqtt.Client

	mu        sync.Mutex
	births    []sparkplug.NodeBirth
	devices   map[string]sparkplug.DeviceBirth
	dead      []string // NDEATH and DDEATH topics
	bdSeqDied uint64
	committed map[uint64]uint64
	got       []arrived
	replayed  int
	mute      bool                        // acknowledge nothing
	drop      func(d sparkplug.Data) bool // lose this message
	bad       []string
	changed   chan struct{}
	lastSeq   int // Sparkplug's message counter; -1 before a birth
}

func startHub(t testing.TB, broker string) *hub {
	t.Helper()
	h := &hub{t: t, devices: map[string]sparkplug.DeviceBirth{}, committed: map[uint64]uint64{}, changed: make(chan struct{}, 1), lastSeq: -1}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + broker).SetClientID("hub").SetAutoReconnect(false)
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { h.take(m.Topic(), m.Payload()) })
	h.client = mqtt.NewClient(o)
	for _, tok := range []func() mqtt.Token{
		h.client.Connect,
		func() mqtt.Token { return h.client.Subscribe("spBv1.0/#", 0, nil) },
	} {
		if tok := tok(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
			t.Fatal("hub: ", tok.Error())
		}
	}
	t.Cleanup(func() { h.client.Disconnect(100) })
	return h
}

func (h *hub) take(topic string, payload []byte) {
	tp, err := sparkplug.ParseTopic(topic)
	if err != nil || tp.Type == sparkplug.NCMD {
		return
	}
	var p sparkplug.Payload
	if err := p.Decode(payload); err != nil {
		h.complain("%s: %v", topic, err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch tp.Type {
	case sparkplug.NBIRTH:
		n, err := sparkplug.NodeBirthOf(&p)
		if err != nil || !n.Ours {
			h.bad = append(h.bad, fmt.Sprint("NBIRTH: ", err))
		}
		h.births = append(h.births, n)
		h.devices = map[string]sparkplug.DeviceBirth{}
		h.lastSeq = 0
	case sparkplug.DBIRTH:
		h.count(p.Seq)
		h.devices[tp.Device] = sparkplug.DeviceBirthOf(&p)
	case sparkplug.NDEATH:
		h.bdSeqDied, _ = sparkplug.DeathOf(&p)
		h.dead = append(h.dead, topic)
	case sparkplug.DDEATH:
		h.count(p.Seq)
		h.dead = append(h.dead, topic)
	case sparkplug.DDATA:
		h.count(p.Seq)
		h.data(tp.Device, &p)
	}
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

func (h *hub) complain(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bad = append(h.bad, fmt.Sprintf(format, args...))
}

// count checks Sparkplug's message counter.
func (h *hub) count(seq uint64) {
	if h.lastSeq >= 0 && int(seq) != (h.lastSeq+1)%256 {
		h.bad = append(h.bad, fmt.Sprintf("message counter %d after %d", seq, h.lastSeq))
	}
	h.lastSeq = int(seq)
}

func (h *hub) declared(run uint64) *record.Run {
	if len(h.births) == 0 {
		return nil
	}
	last := h.births[len(h.births)-1]
	for i := range last.Runs {
		if last.Runs[i].ID == run {
			return &last.Runs[i]
		}
	}
	return nil
}

func (h *hub) data(device string, p *sparkplug.Payload) {
	var d sparkplug.Data
	if err := sparkplug.DataOf(p, &d); err != nil {
		h.bad = append(h.bad, err.Error())
		return
	}
	r := h.declared(d.Run)
	if r == nil {
		h.bad = append(h.bad, fmt.Sprintf("data of run %x, which was not declared", d.Run))
		return
	}
	if (r.Kind == record.Backlog) != d.Backlog {
		h.bad = append(h.bad, fmt.Sprintf("run %x is %v, its data say backlog %v", d.Run, r.Kind, d.Backlog))
	}
	if h.drop != nil && h.drop(d) {
		return
	}
	if r.Oldest > h.committed[d.Run]+1 {
		h.committed[d.Run] = r.Oldest - 1
	}
	next := h.committed[d.Run] + 1
	if d.First > next {
		h.command(sparkplug.Command{Committed: []sparkplug.Committed{{Run: d.Run, Seq: next - 1}}, Resend: true})
		return
	}
	birth := h.devices[device]
	for i, pt := range d.Points {
		seq := d.First + uint64(i)
		if seq < next {
			h.replayed++
			continue
		}
		a := arrived{Run: d.Run, Seq: seq, Device: device, Backlog: d.Backlog, Point: telemetry.Point{Time: pt.Time, Value: pt.Value, Quality: pt.Quality}}
		for _, m := range birth.Metrics {
			if m.Alias == pt.Alias {
				a.Metric = m.Name
			}
		}
		if a.Metric == "" {
			h.bad = append(h.bad, fmt.Sprintf("%s: alias %d was not announced", device, pt.Alias))
		}
		h.got = append(h.got, a)
		h.committed[d.Run] = seq
	}
	if !h.mute {
		h.command(sparkplug.Command{Committed: []sparkplug.Committed{{Run: d.Run, Seq: h.committed[d.Run]}}})
	}
}

// command sends without waiting: it is called by paho's handler too.
func (h *hub) command(c sparkplug.Command) {
	h.client.Publish("spBv1.0/beixin/NCMD/gw-17", 0, false, sparkplug.AppendCommand(nil, &c))
}

// until waits for a condition on the hub's state, held under mu.
func (h *hub) until(what string, ok func() bool) {
	h.t.Helper()
	limit := time.After(15 * time.Second)
	for {
		h.mu.Lock()
		done := ok()
		h.mu.Unlock()
		if done {
			return
		}
		select {
		case <-h.changed:
		case <-time.After(20 * time.Millisecond): // conditions of the gateway's side
		case <-limit:
			h.mu.Lock()
			defer h.mu.Unlock()
			h.t.Fatalf("not within 15 s: %s; %d births, %d readings, %d replayed, committed %v, complaints %q",
				what, len(h.births), len(h.got), h.replayed, h.committed, h.bad)
		}
	}
}

func (h *hub) noComplaints() {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.bad) > 0 {
		h.t.Errorf("the hub complains: %s", strings.Join(h.bad, "; "))
	}
}

var quiet = slog.New(slog.DiscardHandler)

func newOutbox(t testing.TB, dir string) *outbox.Outbox {
	t.Helper()
	o, err := outbox.Open(outbox.Options{Dir: dir, Log: quiet, Fingerprint: "card", SegmentBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

var kitchen = devices.Info{ID: "kitchen-301", Model: "MQ-4", Serial: "1", Placement: "kitchen_gas", Interval: time.Second, Metrics: []string{"gas.ch4"}}

func reading(i int) outbox.Batch {
	return outbox.Batch{Device: kitchen.ID, Points: []telemetry.Point{{Metric: "gas.ch4", Time: 1_700_000_000_000 + int64(i), Value: float64(i) / 4}}}
}

// startSession runs a session until the test ends or the returned stop is called.
func startSession(t testing.TB, url string, box *outbox.Outbox, change func(*Config)) (*Session, func()) {
	t.Helper()
	cfg := Config{Group: "beixin", Node: "gw-17", URL: url, Version: "test", AckTimeout: 300 * time.Millisecond, MinBackoff: 10 * time.Millisecond, MaxBackoff: 100 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, Deps{Outbox: box, Devices: []devices.Info{kitchen}, Unit: func(string) string { return "%LEL" }, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	stop := runUntil(t, s)
	return s, stop
}
