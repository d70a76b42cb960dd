package harness

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// Peer is an MQTT client with a gateway's credentials that says what a test has it
// say, one message at a time: as one of our gateways does, or as a foreign node.
type Peer struct {
	Credentials
	Ours bool
	URL  string

	client  mqtt.Client
	epoch   record.Epoch
	run     uint64
	next    uint64 // sequence of the next reading
	counter uint8  // Sparkplug's message counter
	clock   int64  // of the last reading, Unix ms
	rebirth atomic.Int64
}

// PeerMetrics are what each device of a Peer announces: two quantities that rules
// watch, and one of which nobody knows.
var PeerMetrics = []string{"temperature", "gas.ch4", "mystery"}

// NewPeer makes one that is not connected yet. url is "tcp://host:port".
func NewPeer(t testing.TB, c Credentials, url string, ours bool) *Peer {
	t.Helper()
	return &Peer{Credentials: c, Ours: ours, URL: url, epoch: record.Epoch{1, 2, 3, 4}, run: 1<<32 | 7, next: 1}
}

// Options are how it connects.
func (p *Peer) Options() *mqtt.ClientOptions {
	return mqtt.NewClientOptions().AddBroker(p.URL).SetProtocolVersion(4).SetCleanSession(true).
		SetClientID(telemetry.ClientID(p.Username)).SetUsername(p.Username).SetPassword(p.Password).
		SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(Patience).SetWriteTimeout(Patience)
}

// Connect connects and hears commands.
func (p *Peer) Connect(t testing.TB) {
	t.Helper()
	p.client = mqtt.NewClient(p.Options())
	if err := finish(p.client.Connect()); err != nil {
		t.Fatalf("%s connects: %v", p.Username, err)
	}
	t.Cleanup(func() { p.client.Disconnect(0) })
	heard := p.client.Subscribe(sparkplug.NodeTopic(sparkplug.NCMD, p.Group, p.Node), 0, func(_ mqtt.Client, m mqtt.Message) {
		var payload sparkplug.Payload
		if payload.Decode(m.Payload()) == nil && payload.Find(sparkplug.MetricRebirth).True() {
			p.rebirth.Add(1)
		}
	})
	if err := finish(heard); err != nil {
		t.Fatal(err)
	}
}

// Client is its present connection.
func (p *Peer) Client() mqtt.Client { return p.client }

// Lost answers nil when the broker has ended the connection.
func (p *Peer) Lost() error {
	if p.client.IsConnectionOpen() {
		return fmt.Errorf("the broker lets %s stay", p.Username)
	}
	return nil
}

// Rebirths is how often the hub asked for certificates of birth.
func (p *Peer) Rebirths() int64 { return p.rebirth.Load() }

func finish(t mqtt.Token) error {
	if !t.WaitTimeout(Patience) {
		return fmt.Errorf("no answer within %v", Patience)
	}
	return t.Error()
}

// Say publishes anything anywhere. Whether it arrives is for the broker to decide.
func (p *Peer) Say(t testing.TB, topic string, payload []byte) {
	t.Helper()
	if err := finish(p.client.Publish(topic, 0, false, payload)); err != nil {
		t.Fatalf("%s publishes to %s: %v", p.Username, topic, err)
	}
}

// Birth sends the certificates of the node and of its devices.
func (p *Peer) Birth(t testing.TB, devices ...string) {
	t.Helper()
	now := time.Now().UnixMilli()
	birth := sparkplug.NodeBirth{Timestamp: now, Ours: p.Ours, Epoch: p.epoch, Version: "test",
		Runs: []record.Run{{ID: p.run, Epoch: p.epoch, Kind: record.Live, Oldest: 1, Next: p.next}}}
	p.Say(t, sparkplug.NodeTopic(sparkplug.NBIRTH, p.Group, p.Node), sparkplug.AppendNodeBirth(nil, &birth))
	p.counter = 1
	for _, d := range devices {
		b := sparkplug.DeviceBirth{Timestamp: now, Seq: p.counter, Placement: "room_smoke", IntervalMS: 60_000}
		for i, name := range PeerMetrics {
			b.Metrics = append(b.Metrics, sparkplug.Announced{Name: name, Alias: sparkplug.AliasFirst + uint64(i), HasAlias: true, Datatype: sparkplug.Double})
		}
		p.Say(t, p.topic(d), sparkplug.AppendDeviceBirth(nil, &b))
		p.counter++
	}
}

func (p *Peer) topic(device string) string {
	return sparkplug.DeviceTopic(sparkplug.DBIRTH, p.Group, p.Node, device)
}

// DataTopic is where a device's readings go.
func (p *Peer) DataTopic(device string) string {
	return sparkplug.DeviceTopic(sparkplug.DDATA, p.Group, p.Node, device)
}

// Now is a time for a reading, later than that of the reading before.
func (p *Peer) Now() int64 {
	p.clock = max(time.Now().UnixMilli(), p.clock+1)
	return p.clock
}

// Reading is a message with one reading of one of PeerMetrics, the next in its run.
// Tell moves the run on.
func (p *Peer) Reading(metric string, at int64, value float64) []byte {
	if !p.Ours {
		return (&sparkplug.Payload{Timestamp: at, HasTimestamp: true, Seq: uint64(p.counter), HasSeq: true, Metrics: []sparkplug.Metric{{
			Name: []byte(metric), HasName: true, Timestamp: at, HasTimestamp: true, Datatype: sparkplug.Double, Kind: sparkplug.KindDouble, Float: value,
		}}}).Append(nil)
	}
	alias := uint64(sparkplug.AliasFirst)
	for i, name := range PeerMetrics {
		if name == metric {
			alias += uint64(i)
		}
	}
	return sparkplug.AppendData(nil, &sparkplug.Data{Timestamp: at, Seq: p.counter, Run: p.run, First: p.next,
		Points: []sparkplug.Point{{Alias: alias, Time: at, Value: value}}})
}

// Tell sends a reading of a device.
func (p *Peer) Tell(t testing.TB, device, metric string, at int64, value float64) {
	t.Helper()
	p.Say(t, p.DataTopic(device), p.Reading(metric, at, value))
	p.Skip()
}

// Skip moves the run on behind a reading that was sent by Say.
func (p *Peer) Skip() {
	p.next++
	p.counter++
}
