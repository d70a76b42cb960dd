package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// connection is one paho client's life.
type connection struct {
	s      *Session
	client mqtt.Client
	lost   chan error
	inbox  *inbox
	lanes  *lanes

	seq        uint8 // Sparkplug's message counter
	born       time.Time
	generation uint64 // of the outbox, as declared
	config     uint64 // report of the configuration, as declared
	due        bool   // a birth is, for another reason
	goBack     bool   // with it, since the hub asked for it
	buf        []byte
	data       sparkplug.Data
}

// dial connects and subscribes.
func (s *Session) dial(ctx context.Context) (*connection, error) {
	c := &connection{s: s, lost: make(chan error, 1), inbox: newInbox(), lanes: newLanes(&s.cfg, s.deps.Outbox, s.deps.Log)}
	commands := s.topic(sparkplug.NCMD)
	o := mqtt.NewClientOptions()
	o.AddBroker(s.cfg.URL)
	o.SetClientID(telemetry.ClientID(s.cfg.Username))
	o.SetUsername(s.cfg.Username)
	o.SetPassword(s.cfg.Password)
	if s.cfg.TLS != nil {
		o.SetTLSConfig(s.cfg.TLS)
	}
	o.SetProtocolVersion(4)
	o.SetCleanSession(true)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetConnectTimeout(s.cfg.Connect)
	o.SetWriteTimeout(s.cfg.Write)
	o.SetKeepAlive(s.cfg.KeepAlive)
	o.SetPingTimeout(s.cfg.KeepAlive)
	o.SetBinaryWill(s.topic(sparkplug.NDEATH), sparkplug.AppendDeath(nil, 0, s.bdSeq), 0, false)
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		select {
		case c.lost <- err:
		default:
		}
	})
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		if m.Topic() != commands {
			return
		}
		if err := c.inbox.put(m.Payload()); err != nil {
			s.deps.Log.Warn("a command is not understood", "error", err)
		}
	})
	c.client = mqtt.NewClient(o)
	if err := c.await(ctx, c.client.Connect(), "connect"); err != nil {
		c.client.Disconnect(0)
		return nil, err
	}
	if err := c.await(ctx, c.client.Subscribe(commands, 0, nil), "subscribe to "+commands); err != nil {
		c.client.Disconnect(0)
		return nil, err
	}
	return c, nil
}

// await waits for a token for no longer than ctx and the configured time.
func (c *connection) await(ctx context.Context, t mqtt.Token, what string) error {
	timer := time.NewTimer(c.s.cfg.Connect)
	defer timer.Stop()
	select {
	case <-t.Done():
		if err := t.Error(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: no answer within %v", what, c.s.cfg.Connect)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run sends until the connection is lost or ctx ends.
func (c *connection) run(ctx context.Context) error {
	defer c.lanes.close()
	c.s.deps.Outbox.Reconnected()
	if err := c.birth(); err != nil {
		c.client.Disconnect(0)
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, err := c.step()
		if err != nil {
			c.client.Disconnect(0)
			return err
		}
		if wait == 0 { // there may be more to send
			select {
			case <-ctx.Done():
				return c.goodbye()
			case err := <-c.lost:
				return c.down(err)
			default:
				continue
			}
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return c.goodbye()
		case err := <-c.lost:
			return c.down(err)
		case <-c.inbox.signal:
		case <-c.s.news:
		case <-c.s.deps.Outbox.Changed():
		case <-timer.C:
		}
	}
}

func (c *connection) down(err error) error {
	c.client.Disconnect(0)
	if err == nil {
		err = errors.New("the broker closed the connection")
	}
	return fmt.Errorf("connection lost: %w", err)
}

// farewell is how long a session that is stopped may still send and be told what is
// committed, so that a stop on purpose leaves little or nothing for later.
const farewell = time.Second

// goodbye ends a session on purpose. A clean disconnect takes the will back, so the
// certificate of death is published.
func (c *connection) goodbye() error {
	defer c.client.Disconnect(250)
	end := time.Now().Add(farewell)
	for {
		wait, err := c.step()
		left := time.Until(end)
		if err != nil || left <= 0 || wait > 0 && !c.birthDue() && c.lanes.drained() {
			break
		}
		if wait == 0 {
			continue
		}
		select {
		case <-c.inbox.signal:
		case <-c.lost:
			return nil
		case <-time.After(min(wait, left)):
		}
	}
	return c.death()
}

// idle is how long step lets the connection rest when there is nothing to wait for.
const idle = time.Minute

// step acts on what the hub said, and sends one message. It returns how long to wait
// if nothing happens; 0 if there may be more to do now.
func (c *connection) step() (time.Duration, error) {
	c.s.turned()
	now := time.Now()
	c.obey(c.inbox.take(), now)
	if c.birthDue() {
		if rest := c.born.Add(birthPause).Sub(now); rest > 0 {
			return rest, nil
		}
		if err := c.birth(); err != nil {
			return 0, err
		}
	}
	wait := c.lanes.expire(now)
	l, chunk, ok, again := c.lanes.next(now)
	c.note()
	if ok {
		return 0, c.send(l, chunk)
	}
	if c.lanes.drained() {
		if err := c.buryGhosts(); err != nil {
			return 0, err
		}
	}
	for _, w := range []time.Duration{again, idle} {
		if wait == 0 || w > 0 && w < wait {
			wait = w
		}
	}
	return wait, nil
}

// birthDue reports whether what was declared is not so any more, or the hub asks for it
// again. Until it is declared nothing is sent, so nothing is known of what there is to send.
func (c *connection) birthDue() bool {
	return c.due || c.s.deps.Outbox.Generation() != c.generation || c.s.reported().change != c.config
}

// obey acts on the hub's commands.
func (c *connection) obey(o orders, now time.Time) {
	for run, seq := range o.committed {
		c.lanes.committed(run, seq, now)
		if o.resend[run] && c.lanes.resend(run, seq, now) {
			c.due = true
		}
	}
	if len(o.committed) > 0 {
		c.s.mu.Lock()
		c.s.status.LastAck = now
		c.s.mu.Unlock()
	}
	if o.resendAll {
		c.lanes.rewindAll(now)
	}
	if o.newEpoch {
		c.s.deps.Outbox.NewEpoch()
	}
	if o.config != "" && c.s.deps.Configure != nil {
		c.s.deps.Configure(o.config)
	}
	c.due = c.due || o.rebirth || o.newEpoch
	c.goBack = c.goBack || o.rebirth
}

// note keeps the status.
func (c *connection) note() {
	total, _ := c.lanes.inFlight()
	c.s.mu.Lock()
	c.s.status.InFlight = total
	c.s.status.Rewinds += c.lanes.rewinds
	c.s.status.Committed += c.lanes.acked
	c.s.mu.Unlock()
	c.lanes.rewinds, c.lanes.acked = 0, 0
}

// send publishes readings, and before them a birth certificate if the device or a
// metric of theirs was not announced.
func (c *connection) send(l *lane, chunk outbox.Chunk) error {
	a, known := c.s.names.devices[chunk.Device]
	if !known {
		a = c.s.names.device(chunk.Device)
		a.ghost = true
	}
	announce := false
	c.data = sparkplug.Data{Run: l.run, First: chunk.First, Backlog: l.kind == record.Backlog, Points: c.data.Points[:0]}
	for _, p := range chunk.Points {
		alias, isNew := c.s.names.metric(a, p.Metric)
		announce = announce || isNew
		c.data.Points = append(c.data.Points, sparkplug.Point{Alias: alias, Time: p.Time, Value: p.Value, Quality: p.Quality})
	}
	if announce {
		if err := c.deviceBirth(chunk.Device, a); err != nil {
			return err
		}
	}
	c.seq++
	c.data.Seq, c.data.Timestamp = c.seq, c.s.deps.Clock.NowMS()
	c.buf = sparkplug.AppendData(c.buf[:0], &c.data)
	if err := c.publish(c.s.deviceTopic(sparkplug.DDATA, chunk.Device), c.buf); err != nil {
		return err
	}
	if trimOnPublish() {
		c.s.deps.Outbox.Committed(l.run, chunk.First+uint64(len(chunk.Points))-1)
	}
	c.s.mu.Lock()
	c.s.status.Messages++
	c.s.status.Readings += uint64(len(chunk.Points))
	c.s.mu.Unlock()
	return nil
}

// publish hands a message to paho and waits until it is written. That it was
// written says nothing about where it went.
func (c *connection) publish(topic string, payload []byte) error {
	t := c.client.Publish(topic, 0, false, payload)
	if !t.WaitTimeout(c.s.cfg.Write) {
		return fmt.Errorf("publish to %s: not written within %v", topic, c.s.cfg.Write)
	}
	if err := t.Error(); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return nil
}
