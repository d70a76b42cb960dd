package harness

import (
	"fmt"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// Sender speaks as our own gateway does, over a real MQTT client, and says exactly what
// a test wants: readings with any time, in any order. It keeps what is not
// acknowledged and sends it again to a hub that has come back.
type Sender struct {
	c       Credentials
	broker  string
	epoch   record.Epoch
	devices []SenderDevice

	mu      sync.Mutex
	client  mqtt.Client
	next    uint64
	acked   uint64
	waiting []senderMessage // oldest first
}

// SenderDevice has one metric.
type SenderDevice struct {
	Name, Placement, Metric string
	Interval                time.Duration
}

type senderMessage struct {
	topic   string
	last    uint64
	payload []byte
}

// senderRun is the only run of a Sender.
const senderRun = 1<<32 | 7

// NewSender connects and is born. It lives until the test ends.
func NewSender(t testing.TB, c Credentials, broker string, devices ...SenderDevice) *Sender {
	t.Helper()
	s := &Sender{c: c, broker: broker, epoch: record.Epoch(uuid.New()), devices: devices, next: 1}
	s.Connect(t)
	t.Cleanup(func() { s.client.Disconnect(0) })
	return s
}

// Connect opens the session, after the hub was away too, and sends the births and
// what is not acknowledged.
func (s *Sender) Connect(t testing.TB) {
	t.Helper()
	Eventually(t, "node "+s.c.Node+" connects", s.connect)
}

func (s *Sender) connect() error {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + s.broker).SetUsername(s.c.Username).SetPassword(s.c.Password).
		SetClientID(s.c.Username).SetAutoReconnect(false).SetProtocolVersion(4).SetWriteTimeout(time.Minute)
	client := mqtt.NewClient(o)
	for _, token := range []func() mqtt.Token{
		client.Connect,
		func() mqtt.Token {
			return client.Subscribe(sparkplug.NodeTopic(sparkplug.NCMD, s.c.Group, s.c.Node), 0, s.command)
		},
	} {
		if tok := token(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
			client.Disconnect(0)
			return fmt.Errorf("MQTT: %w", tok.Error())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client = client
	s.birth()
	s.resend()
	return nil
}

// command takes what the hub says, on a goroutine of paho's: it waits for nothing.
func (s *Sender) command(_ mqtt.Client, m mqtt.Message) {
	var p sparkplug.Payload
	if p.Decode(m.Payload()) != nil {
		return
	}
	c, err := sparkplug.CommandOf(&p)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range c.Committed {
		if r.Run == senderRun {
			s.acked = max(s.acked, r.Seq)
		}
	}
	for len(s.waiting) > 0 && s.waiting[0].last <= s.acked {
		s.waiting = s.waiting[1:]
	}
	if c.Rebirth {
		s.birth()
	}
	if c.Rebirth || c.Resend {
		s.resend()
	}
}

func (s *Sender) birth() {
	now := time.Now().UnixMilli()
	b := sparkplug.NodeBirth{Timestamp: now, Ours: true, Epoch: s.epoch, Version: "test",
		Runs: []record.Run{{ID: senderRun, Epoch: s.epoch, Kind: record.Live, Oldest: s.acked + 1, Next: s.next}}}
	s.client.Publish(sparkplug.NodeTopic(sparkplug.NBIRTH, s.c.Group, s.c.Node), 0, false, sparkplug.AppendNodeBirth(nil, &b))
	for i, d := range s.devices {
		b := sparkplug.DeviceBirth{Timestamp: now, Model: "test", Placement: d.Placement, IntervalMS: d.Interval.Milliseconds(),
			Metrics: []sparkplug.Announced{{Name: d.Metric, Alias: sparkplug.AliasFirst + uint64(i)}}}
		s.client.Publish(sparkplug.DeviceTopic(sparkplug.DBIRTH, s.c.Group, s.c.Node, d.Name), 0, false, sparkplug.AppendDeviceBirth(nil, &b))
	}
}

func (s *Sender) resend() {
	for _, m := range s.waiting {
		s.client.Publish(m.topic, 0, false, m.payload)
	}
}

// Send publishes readings of a device, by its number, as one message.
func (s *Sender) Send(device int, points ...telemetry.Point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := sparkplug.Data{Timestamp: time.Now().UnixMilli(), Run: senderRun, First: s.next}
	for _, p := range points {
		d.Points = append(d.Points, sparkplug.Point{Alias: sparkplug.AliasFirst + uint64(device), Time: p.Time, Value: p.Value, Quality: p.Quality})
	}
	s.next += uint64(len(points))
	topic := sparkplug.DeviceTopic(sparkplug.DDATA, s.c.Group, s.c.Node, s.devices[device].Name)
	m := senderMessage{topic, s.next - 1, sparkplug.AppendData(nil, &d)}
	s.waiting = append(s.waiting, m)
	s.client.Publish(m.topic, 0, false, m.payload)
}

// Waiting is how many readings are not acknowledged.
func (s *Sender) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.next - 1 - s.acked)
}

// Committed answers nil when the hub has all.
func (s *Sender) Committed() error {
	if w := s.Waiting(); w > 0 {
		return fmt.Errorf("%d readings are not acknowledged", w)
	}
	return nil
}
