package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"weishao.dev/weishao/hub/broker"
	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// patienceOfTests is how long something that must happen is waited for.
const patienceOfTests = 10 * time.Second

type everyone struct{}

func (everyone) CheckGateway(string, string) bool { return true }

// hub is the real thing: embedded broker, log on disk, ingest.
type hub struct {
	t      testing.TB
	dir    string
	broker *broker.Embedded
	log    *eventlog.Log
	in     *Ingest
	cancel context.CancelFunc
	ended  chan error
}

func startHub(t testing.TB, dir string, change ...func(*Config)) *hub {
	t.Helper()
	h := &hub{t: t, dir: dir, ended: make(chan error, 1)}
	quiet := slog.New(slog.DiscardHandler)
	var err error
	reject := func(node string, kind telemetry.Bad) {
		if h.in != nil {
			h.in.Reject(node, kind)
		}
	}
	if h.broker, err = broker.StartEmbedded(broker.EmbeddedConfig{Dir: dir, Addr: "127.0.0.1:0", Credentials: everyone{}, OnReject: reject, Log: quiet}); err != nil {
		t.Fatal(err)
	}
	if h.log, err = eventlog.Open(t.Context(), h.broker.LogConn(), eventlog.Config{Log: quiet}); err != nil {
		t.Fatal(err)
	}
	s := site.Empty()
	cfg := Config{Log: h.log, Conn: h.broker, Site: s, Snapshot: filepath.Join(dir, "ingest.json"),
		Metrics: prometheus.NewRegistry(), Logger: quiet}
	for _, f := range change {
		f(&cfg)
	}
	if h.in, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	h.in.acks.rebirthEvery = 20 * time.Millisecond // tests have no second to wait
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	go func() { h.ended <- h.in.Run(ctx) }()
	t.Cleanup(h.stop)
	return h
}

// stop ends the hub cleanly; again is nothing.
func (h *hub) stop() {
	if h.cancel == nil {
		return
	}
	h.cancel()
	h.cancel = nil
	if err := <-h.ended; err != nil {
		h.t.Errorf("ingest ended with %v", err)
	}
	if err := h.broker.Close(); err != nil {
		h.t.Error(err)
	}
}

// records reads the whole log as it is now, decoded for keeping.
func (h *hub) records() []*record.Record {
	h.t.Helper()
	var list []*record.Record
	for rec, err := range h.log.ReadTo(h.t.Context(), 1, h.log.Last()) {
		if err != nil {
			h.t.Fatal(err)
		}
		kept := new(record.Record)
		if err := record.Decode(record.AppendRecord(nil, rec), kept); err != nil {
			h.t.Fatal(err)
		}
		kept.Seq = rec.Seq
		list = append(list, kept)
	}
	return list
}

// entries gives the log's entries of one type.
func entries[E record.Entry](h *hub) []E {
	h.t.Helper()
	var list []E
	for _, rec := range h.records() {
		for _, e := range rec.Entries {
			if e, ok := e.(E); ok {
				list = append(list, e)
			}
		}
	}
	return list
}

// sequences lists what the log has of a run, in log order.
func (h *hub) sequences(run uint64) []uint64 {
	h.t.Helper()
	var list []uint64
	for _, r := range entries[*record.Readings](h) {
		if r.Run == run {
			for i := range r.Points {
				list = append(list, r.First+uint64(i))
			}
		}
	}
	return list
}

func (h *hub) bad(kind telemetry.Bad) float64 {
	return testutil.ToFloat64(h.in.metrics.bad.WithLabelValues(string(kind)))
}

// eventually waits until ok says so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patienceOfTests)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(2 * time.Millisecond) // between two looks
	}
}

func from1(n uint64) []uint64 {
	var list []uint64
	for s := uint64(1); s <= n; s++ {
		list = append(list, s)
	}
	return list
}

// gateway speaks our conventions over a real MQTT client.
type gateway struct {
	t        testing.TB
	client   mqtt.Client
	name     string // of the node; its group is g
	epoch    record.Epoch
	bdSeq    uint64
	commands chan sparkplug.Command
}

func (h *hub) gateway(name string) *gateway {
	h.t.Helper()
	g := &gateway{t: h.t, name: name, epoch: record.Epoch{15: 1}, commands: make(chan sparkplug.Command, 10_000)}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + h.broker.Addr()).SetUsername("g/" + name).SetPassword("p").
		SetClientID("g/" + name).SetAutoReconnect(false).SetProtocolVersion(4).SetOrderMatters(true)
	g.client = mqtt.NewClient(o)
	g.wait(g.client.Connect())
	h.t.Cleanup(func() { g.client.Disconnect(0) })
	g.wait(g.client.Subscribe(sparkplug.NodeTopic(sparkplug.NCMD, "g", name), 0, func(_ mqtt.Client, m mqtt.Message) {
		var p sparkplug.Payload
		if err := p.Decode(m.Payload()); err != nil {
			g.t.Error(err)
			return
		}
		c, err := sparkplug.CommandOf(&p)
		if err != nil {
			g.t.Error(err)
		}
		g.commands <- c
	}))
	return g
}

func (g *gateway) wait(tok mqtt.Token) {
	g.t.Helper()
	if !tok.WaitTimeout(patienceOfTests) || tok.Error() != nil {
		g.t.Fatalf("MQTT: %v", tok.Error())
	}
}

func (g *gateway) publish(kind sparkplug.MessageType, device string, payload []byte) {
	g.t.Helper()
	topic := sparkplug.NodeTopic(kind, "g", g.name)
	if kind.OfDevice() {
		topic = sparkplug.DeviceTopic(kind, "g", g.name, device)
	}
	g.wait(g.client.Publish(topic, 0, false, payload))
}

func live(id, parent, next uint64) record.Run {
	return record.Run{ID: id, Parent: parent, Kind: record.Live, Oldest: 1, Next: next}
}

func backlog(id, parent, oldest, next uint64) record.Run {
	return record.Run{ID: id, Parent: parent, Kind: record.Backlog, Oldest: oldest, Next: next}
}

// birth announces the node with those runs, in the gateway's epoch unless they
// have another, and the device d with its metrics.
func (g *gateway) birth(runs ...record.Run) {
	g.t.Helper()
	for i := range runs {
		if runs[i].Epoch.IsZero() {
			runs[i].Epoch = g.epoch
		}
	}
	g.publish(sparkplug.NBIRTH, "", sparkplug.AppendNodeBirth(nil, &sparkplug.NodeBirth{Timestamp: time.Now().UnixMilli(),
		Ours: true, BdSeq: g.bdSeq, HasBdSeq: true, Epoch: g.epoch, Version: "test", Runs: runs}))
	g.announce()
}

func (g *gateway) announce() {
	g.t.Helper()
	g.publish(sparkplug.DBIRTH, "d", sparkplug.AppendDeviceBirth(nil, &sparkplug.DeviceBirth{Timestamp: time.Now().UnixMilli(), Model: "m",
		Metrics: []sparkplug.Announced{{Name: "co", Alias: 16}, {Name: "temperature", Alias: 17, Unit: "°C"}, {Name: "nonsense", Alias: 18}}}))
}

// data sends n readings of a run, from sequence first on; value is the sequence.
func (g *gateway) data(run, first, n uint64) {
	g.t.Helper()
	d := sparkplug.Data{Timestamp: time.Now().UnixMilli(), Run: run, First: first}
	for s := first; s < first+n; s++ {
		d.Points = append(d.Points, sparkplug.Point{Alias: 16, Time: time.Now().UnixMilli(), Value: float64(s % 5000)})
	}
	g.points(d)
}

func (g *gateway) points(d sparkplug.Data) {
	g.t.Helper()
	g.publish(sparkplug.DDATA, "d", sparkplug.AppendData(nil, &d))
}

// command waits for a command that fits.
func (g *gateway) command(what string, fits func(c sparkplug.Command) bool) sparkplug.Command {
	g.t.Helper()
	timer := time.NewTimer(patienceOfTests)
	defer timer.Stop()
	for {
		select {
		case c := <-g.commands:
			if fits(c) {
				return c
			}
		case <-timer.C:
			g.t.Fatalf("no command came: %s", what)
		}
	}
}

// acked waits until a run is acknowledged up to seq.
func (g *gateway) acked(run, seq uint64) {
	g.t.Helper()
	g.command(fmt.Sprintf("run %d committed up to %d", run, seq), func(c sparkplug.Command) bool {
		return slices.Contains(c.Committed, sparkplug.Committed{Run: run, Seq: seq})
	})
}
