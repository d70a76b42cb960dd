package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// ExternalConfig names a broker and how to sign in there.
type ExternalConfig struct {
	URL                string // "tcp://host:1883" or "ssl://host:8883"
	Username, Password string
	ClientID           string      // must be the hub's alone; default "weishao-hub"
	TLS                *tls.Config // for ssl://; nil trusts the system's authorities
	Clock              telemetry.Clock
	Log                *slog.Logger // must not be nil
}

// External is a Conn over the network to any MQTT 3.1.1 broker. It connects,
// and connects again after a loss, for as long as it is open; each time with a
// new client, since what a client library keeps over a reconnect is not ours to
// rely on.
type External struct {
	cfg    ExternalConfig
	cancel context.CancelFunc
	done   chan struct{}

	mu         sync.Mutex
	client     mqtt.Client // nil while there is no connection
	handler    func(topic string, payload []byte)
	notify     func(connected bool)
	subscribed chan struct{} // closed once handler is set

	handling sync.Mutex // held while handler runs
	closed   bool       // guarded by handling
}

var _ Conn = (*External)(nil)

// Bounds of waiting.
const (
	connectTimeout = 10 * time.Second
	answerTimeout  = 10 * time.Second // for a SUBACK or PUBACK
	backoffMin     = 250 * time.Millisecond
	backoffMax     = 15 * time.Second
	goodbyeMS      = 250 // for the DISCONNECT to leave
)

// StartExternal begins to connect and returns at once.
func StartExternal(cfg ExternalConfig) *External {
	if cfg.ClientID == "" {
		cfg.ClientID = "weishao-hub"
	}
	ctx, cancel := context.WithCancel(context.Background())
	x := &External{cfg: cfg, cancel: cancel, done: make(chan struct{}), subscribed: make(chan struct{})}
	go x.run(ctx)
	return x
}

// run holds one session after the other until ctx ends.
func (x *External) run(ctx context.Context) {
	defer close(x.done)
	wait := backoffMin
	for ctx.Err() == nil {
		up, err := x.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if up > backoffMax {
			wait = backoffMin
		}
		x.cfg.Log.Warn("no connection to the broker", "url", x.cfg.URL, "error", err, "next_attempt_in", wait)
		// Half of it at random: hubs and gateways that lost one broker do not all
		// come back in the same moment.
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(2*wait, backoffMax)
	}
}

// session is one connection from its start to its end, and how long it was up.
func (x *External) session(ctx context.Context) (up time.Duration, err error) {
	lost := make(chan error, 1)
	stamp := x.cfg.Clock.NowMS()
	cli := mqtt.NewClient(x.options(stamp, lost))
	defer cli.Disconnect(goodbyeMS)
	if err := finish(ctx, cli.Connect(), connectTimeout+answerTimeout); err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	began := time.Now()
	online := func() error {
		return finish(ctx, cli.Publish(sparkplug.StateTopic, 1, true, statePayload(true, stamp)), answerTimeout)
	}
	repeat := make(chan struct{}, 1)
	if err := x.watchState(ctx, cli, repeat); err != nil {
		return 0, err
	}
	subscribed := x.subscribed
	for {
		select {
		case <-subscribed:
			if err := x.subscribe(ctx, cli); err != nil {
				return 0, err
			}
			subscribed = nil
		default:
		}
		// A Sparkplug host hears the nodes before it says that it is online.
		if err := online(); err != nil {
			return time.Since(began), fmt.Errorf("announcing the hub: %w", err)
		}
		x.set(cli)
		select {
		case <-subscribed:
		case <-repeat:
		case err := <-lost:
			x.set(nil)
			return time.Since(began), fmt.Errorf("connection lost: %w", err)
		case <-ctx.Done():
			x.set(nil)
			// A clean goodbye sends no will, so say it ourselves.
			bye, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return time.Since(began), finish(bye, cli.Publish(sparkplug.StateTopic, 1, true, statePayload(false, stamp)), time.Second)
		}
	}
}

func (x *External) options(stamp int64, lost chan<- error) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions().AddBroker(x.cfg.URL).
		SetClientID(x.cfg.ClientID).SetUsername(x.cfg.Username).SetPassword(x.cfg.Password).
		SetProtocolVersion(4).SetCleanSession(true).
		SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(connectTimeout).SetWriteTimeout(answerTimeout).
		SetKeepAlive(10*time.Second).SetPingTimeout(5*time.Second).
		SetOrderMatters(true).
		SetBinaryWill(sparkplug.StateTopic, statePayload(false, stamp), 1, true).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			select {
			case lost <- err:
			default:
			}
		})
	if x.cfg.TLS != nil {
		o.SetTLSConfig(x.cfg.TLS)
	}
	return o
}

// watchState hears what is said about the hub itself: the will of a connection
// that died unnoticed may arrive after its successor's announcement.
func (x *External) watchState(ctx context.Context, cli mqtt.Client, repeat chan<- struct{}) error {
	h := func(_ mqtt.Client, m mqtt.Message) {
		s, err := sparkplug.ParseHostState(m.Payload())
		if m.Retained() || err != nil || s.Online {
			return
		}
		select {
		case repeat <- struct{}{}:
		default:
		}
	}
	return granted(ctx, cli.Subscribe(sparkplug.StateTopic, 1, h))
}

func (x *External) subscribe(ctx context.Context, cli mqtt.Client) error {
	x.mu.Lock()
	h := x.handler
	x.mu.Unlock()
	filters := map[string]byte{}
	for _, f := range sparkplug.HostFilters() {
		filters[f] = 0
	}
	return granted(ctx, cli.SubscribeMultiple(filters, func(_ mqtt.Client, m mqtt.Message) {
		// The library may still be in here when it has disconnected; Close must not
		// return before that.
		x.handling.Lock()
		defer x.handling.Unlock()
		if !x.closed {
			h(m.Topic(), m.Payload())
		}
	}))
}

// granted waits for a subscription and makes an error of a refused one: the
// library reports those as success.
func granted(ctx context.Context, t mqtt.Token) error {
	if err := finish(ctx, t, answerTimeout); err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	if s, ok := t.(*mqtt.SubscribeToken); ok {
		for filter, code := range s.Result() {
			if code == 0x80 {
				return fmt.Errorf("subscribing: the broker refuses %s: let the hub's user read it (see RenderMosquitto)", filter)
			}
		}
	}
	return nil
}

// finish waits for a token, bounded.
func finish(ctx context.Context, t mqtt.Token, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("no answer within %s", limit)
	}
}

// statePayload is the hub's Sparkplug 3 STATE. Will and announcement of one
// connection carry the same time, so that a reader can tell a late will.
func statePayload(online bool, stamp int64) []byte {
	return sparkplug.HostState{Online: online, Timestamp: stamp}.JSON()
}

// set makes cli the connection, or none, and tells who wants to know.
func (x *External) set(cli mqtt.Client) {
	x.mu.Lock()
	changed := (x.client == nil) != (cli == nil)
	x.client = cli
	notify := x.notify
	x.mu.Unlock()
	if changed && notify != nil {
		notify(cli != nil)
	}
}

// Subscribe implements Conn. It takes effect with the connection, present or
// next.
func (x *External) Subscribe(h func(topic string, payload []byte)) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.handler != nil {
		return errors.New("broker: subscribed already")
	}
	x.handler = h
	close(x.subscribed)
	return nil
}

// Publish implements Conn. It may wait for the network, up to 10 s.
func (x *External) Publish(topic string, payload []byte) error {
	x.mu.Lock()
	cli := x.client
	x.mu.Unlock()
	if cli == nil || !cli.IsConnectionOpen() {
		return ErrNotConnected
	}
	t := cli.Publish(topic, 0, false, payload)
	if !t.WaitTimeout(answerTimeout) {
		return fmt.Errorf("%w: not sent within %s", ErrNotConnected, answerTimeout)
	}
	if err := t.Error(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotConnected, err)
	}
	return nil
}

// Connected implements Conn.
func (x *External) Connected() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.client != nil && x.client.IsConnectionOpen()
}

// NotifyState implements Conn.
func (x *External) NotifyState(f func(connected bool)) {
	x.mu.Lock()
	x.notify = f
	up := x.client != nil
	x.mu.Unlock()
	f(up)
}

// Close implements Conn.
func (x *External) Close() error {
	x.cancel()
	<-x.done
	x.handling.Lock()
	defer x.handling.Unlock()
	x.closed = true
	return nil
}
