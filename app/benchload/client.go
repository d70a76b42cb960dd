package benchload

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// What our own gateways do: so many readings may wait for their acknowledgement,
// and after so long without one they are sent again.
const (
	window     = 20_000
	ackTimeout = 5 * time.Second
)

// group is the bench's gateways'.
const group = "bench"

// Runs of a gateway of the load.
const (
	liveRun  = 1<<32 | 7
	alarmRun = 2<<32 | 9
)

// gatewayLoad is one gateway: one connection, one goroutine.
type gatewayLoad struct {
	node    string
	client  mqtt.Client
	book    *book
	sources []*source
	hazards []*hazard // planned, in order
	alias   uint64    // next to give out
	aliases map[*hazard]uint64

	next      uint64 // sequence of the live run
	alarms    uint64 // sequence of the alarm run
	waiting   []sent // live messages that are not acknowledged, oldest first
	free      [][]byte
	resent    uint64
	progress  time.Time
	acked     atomic.Uint64
	ackedRed  atomic.Uint64 // of the alarm run
	resend    atomic.Bool
	rebirth   atomic.Bool
	moved     chan struct{}
	data      sparkplug.Data
	born      []sparkplug.DeviceBirth
	perMsg    int
	messages  uint64
	beginning time.Time
}

// source is a device of the load.
type source struct {
	name, topic string
	table       *table
	offset      time.Duration // into the table
	alias       uint64
	last        int64 // time of the last sample, Unix ms
}

// sent is a message that may have to be sent again.
type sent struct {
	first   uint64
	n       int
	topic   string
	payload []byte
}

func newGatewayLoad(node string, perMsg int, b *book) *gatewayLoad {
	return &gatewayLoad{node: node, book: b, perMsg: perMsg, alias: sparkplug.AliasFirst, aliases: map[*hazard]uint64{},
		next: 1, alarms: 1, moved: make(chan struct{}, 1)}
}

// addSource plans a device of the load.
func (g *gatewayLoad) addSource(name string, t *table, offset time.Duration) {
	s := &source{name: name, topic: sparkplug.DeviceTopic(sparkplug.DDATA, group, g.node, name), table: t, offset: offset, alias: g.alias}
	birth := sparkplug.DeviceBirth{Model: "bench", Placement: t.kind.placement, IntervalMS: 60_000}
	for i, m := range t.metrics {
		birth.Metrics = append(birth.Metrics, sparkplug.Announced{Name: m, Alias: g.alias + uint64(i)})
	}
	g.alias += metricsOf
	g.sources, g.born = append(g.sources, s), append(g.born, birth)
}

// addHazard plans one.
func (g *gatewayLoad) addHazard(h *hazard) {
	g.aliases[h] = g.alias
	g.hazards = append(g.hazards, h)
	g.alias++
}

// connect opens the session and sends the births.
func (g *gatewayLoad) connect(broker, username, password string) error {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + broker).SetUsername(username).SetPassword(password).
		SetClientID(username).SetAutoReconnect(false).SetProtocolVersion(4).SetWriteTimeout(time.Minute)
	g.client = mqtt.NewClient(o)
	if err := done(g.client.Connect()); err != nil {
		return fmt.Errorf("gateway %s: %w", g.node, err)
	}
	if err := done(g.client.Subscribe(sparkplug.NodeTopic(sparkplug.NCMD, group, g.node), 0, g.command)); err != nil {
		return fmt.Errorf("gateway %s: %w", g.node, err)
	}
	return g.birth()
}

// done waits for a token of paho.
func done(t mqtt.Token) error {
	if !t.WaitTimeout(time.Minute) {
		return fmt.Errorf("no answer within a minute")
	}
	return t.Error()
}

// command takes what the hub says, on a goroutine of paho's.
func (g *gatewayLoad) command(_ mqtt.Client, m mqtt.Message) {
	var p sparkplug.Payload
	if p.Decode(m.Payload()) != nil {
		return
	}
	c, err := sparkplug.CommandOf(&p)
	if err != nil {
		return
	}
	for _, r := range c.Committed {
		switch r.Run {
		case liveRun:
			g.acked.Store(max(g.acked.Load(), r.Seq))
		case alarmRun:
			g.ackedRed.Store(max(g.ackedRed.Load(), r.Seq))
		}
	}
	if c.Resend {
		g.resend.Store(true)
	}
	if c.Rebirth {
		g.rebirth.Store(true)
	}
	select {
	case g.moved <- struct{}{}:
	default:
	}
}

// epochs tells the gateways of this process from all others.
var epochs = uuid.New()

func (g *gatewayLoad) birth() error {
	epoch := record.Epoch(uuid.NewSHA1(epochs, []byte(g.node)))
	now := time.Now().UnixMilli()
	n := sparkplug.NodeBirth{Timestamp: now, Ours: true, Epoch: epoch, Version: "bench", Runs: []record.Run{
		{ID: alarmRun, Epoch: epoch, Kind: record.Alarm, Oldest: g.ackedRed.Load() + 1, Next: g.alarms},
		{ID: liveRun, Epoch: epoch, Kind: record.Live, Oldest: g.acked.Load() + 1, Next: g.next},
	}}
	if err := done(g.client.Publish(sparkplug.NodeTopic(sparkplug.NBIRTH, group, g.node), 0, false, sparkplug.AppendNodeBirth(nil, &n))); err != nil {
		return err
	}
	for i, s := range g.sources {
		g.born[i].Timestamp = now
		if err := g.announce(s.name, &g.born[i]); err != nil {
			return err
		}
	}
	for _, h := range g.hazards {
		b := sparkplug.DeviceBirth{Timestamp: now, Model: "bench", Placement: "kitchen_gas", IntervalMS: (24 * time.Hour).Milliseconds(),
			Metrics: []sparkplug.Announced{{Name: "gas.ch4", Alias: g.aliases[h]}}}
		if err := g.announce(h.name, &b); err != nil {
			return err
		}
	}
	return nil
}

func (g *gatewayLoad) announce(device string, b *sparkplug.DeviceBirth) error {
	return done(g.client.Publish(sparkplug.DeviceTopic(sparkplug.DBIRTH, group, g.node, device), 0, false, sparkplug.AppendDeviceBirth(nil, b)))
}

// run sends, from begin until end, rate messages a second (0: as fast as they are
// acknowledged), and then waits until all of it is acknowledged.
func (g *gatewayLoad) run(ctx context.Context, begin, end time.Time, rate float64) error {
	g.beginning, g.progress = begin, begin
	for i := 0; ; {
		now := time.Now()
		g.fire(now)
		if err := g.obey(ctx, now); err != nil {
			return err
		}
		if !now.Before(end) {
			break
		}
		due := begin
		if rate > 0 {
			due = begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		}
		if wait := due.Sub(now); wait > 0 {
			g.rest(ctx, min(wait, end.Sub(now)))
			continue
		}
		if g.next-1-g.acked.Load() > window {
			g.rest(ctx, min(end.Sub(now), ackTimeout))
			continue
		}
		g.send(g.sources[i%len(g.sources)], now)
		i++
	}
	return g.finish(ctx)
}

// rest waits for an acknowledgement, the next hazard, or so long.
func (g *gatewayLoad) rest(ctx context.Context, d time.Duration) {
	if len(g.hazards) > 0 {
		d = min(d, time.Until(g.hazards[0].at))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-g.moved:
	case <-t.C:
	}
}

// obey does what the hub has asked for, and forgets what it has committed.
func (g *gatewayLoad) obey(ctx context.Context, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	acked := g.acked.Load()
	n := 0
	for n < len(g.waiting) && g.waiting[n].first+uint64(g.waiting[n].n)-1 <= acked {
		g.free = append(g.free, g.waiting[n].payload)
		n++
	}
	if n > 0 {
		g.waiting = g.waiting[n:]
		g.progress = now
	}
	if g.rebirth.Swap(false) {
		if err := g.birth(); err != nil {
			return err
		}
		g.resend.Store(true)
	}
	if len(g.waiting) > 0 && now.Sub(g.progress) > ackTimeout || g.resend.Swap(false) {
		g.progress = now
		for _, m := range g.waiting {
			g.client.Publish(m.topic, 0, false, m.payload)
			g.resent += uint64(m.n)
		}
	}
	return nil
}

// send publishes the next message of a device.
func (g *gatewayLoad) send(s *source, now time.Time) {
	g.fill(s, now)
	var buf []byte
	if n := len(g.free); n > 0 {
		buf, g.free = g.free[n-1][:0], g.free[:n-1]
	}
	buf = sparkplug.AppendData(buf, &g.data)
	if len(g.waiting) == 0 {
		g.progress = now
	}
	g.waiting = append(g.waiting, sent{g.data.First, len(g.data.Points), s.topic, buf})
	g.client.Publish(s.topic, 0, false, buf)
	g.next += uint64(len(g.data.Points))
	g.messages++
}

// fill makes the samples since the device's last message, as many as the message
// takes, evenly spaced.
func (g *gatewayLoad) fill(s *source, now time.Time) {
	at := now.UnixMilli()
	samples := int64((g.perMsg + metricsOf - 1) / metricsOf)
	if s.last == 0 {
		s.last = at - samples*100
	}
	at = max(at, s.last+samples)
	step := (at - s.last) / samples
	g.data = sparkplug.Data{Timestamp: at, Run: liveRun, First: g.next, Points: g.data.Points[:0]}
	for i := range g.perMsg {
		k := int64(i/metricsOf) + 1
		t := at - (samples-k)*step
		v := s.table.at(s.offset + time.Duration(t-g.beginning.UnixMilli())*time.Millisecond)
		g.data.Points = append(g.data.Points, sparkplug.Point{Alias: s.alias + uint64(i%metricsOf), Time: t, Value: v[i%metricsOf], Quality: telemetry.Good})
	}
	s.last = at
}

// fire publishes the hazards that are due, ahead of everything, in the alarm run.
func (g *gatewayLoad) fire(now time.Time) {
	for len(g.hazards) > 0 && !g.hazards[0].at.After(now) {
		h := g.hazards[0]
		g.hazards = g.hazards[1:]
		d := sparkplug.Data{Timestamp: now.UnixMilli(), Run: alarmRun, First: g.alarms}
		for _, p := range hazardPoints(time.Now()) {
			d.Points = append(d.Points, sparkplug.Point{Alias: g.aliases[h], Time: p.Time, Value: p.Value})
		}
		g.alarms += uint64(len(d.Points))
		g.messages++
		payload := sparkplug.AppendData(nil, &d)
		g.book.publish(h)
		g.client.Publish(sparkplug.DeviceTopic(sparkplug.DDATA, group, g.node, h.name), 0, false, payload)
	}
}

// patience is how long the end may wait for acknowledgements that do not come.
const patience = time.Minute

// finish waits until everything is acknowledged; what never is shows as lost.
func (g *gatewayLoad) finish(ctx context.Context) error {
	limit := time.Now().Add(patience)
	for len(g.waiting) > 0 || g.ackedRed.Load() < g.alarms-1 {
		now := time.Now()
		if now.After(limit) {
			return nil
		}
		if err := g.obey(ctx, now); err != nil {
			return err
		}
		if len(g.waiting) > 0 || g.ackedRed.Load() < g.alarms-1 {
			g.rest(ctx, time.Second)
		}
	}
	return nil
}

// sequences are the last sequence of each run.
func (g *gatewayLoad) sequences(into map[stream]uint64) (total uint64) {
	node := telemetry.NodeID(group, g.node)
	into[stream{node, liveRun}] = g.next - 1
	into[stream{node, alarmRun}] = g.alarms - 1
	return g.next + g.alarms - 2
}
