package mqttwire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/internal/conf"
)

// Broker says how to reach a broker.
type Broker struct {
	URL          conf.At[string] `yaml:"url"` // tcp://HOST:1883 (default 127.0.0.1) or ssl://HOST:8883
	Username     conf.At[string] `yaml:"username"`
	PasswordFile conf.At[string] `yaml:"password_file"` // holds the password and nothing else
}

// get is the broker of a configuration, shared by all wires that say the same of it.
func (b *brokers) get(c Broker, errs *conf.Errors) *broker {
	at, file := c.URL.Pos, c.PasswordFile
	u, err := url.Parse(cmp.Or(c.URL.V, "tcp://127.0.0.1:1883"))
	if err != nil || u.Host == "" || u.Scheme != "tcp" && u.Scheme != "ssl" || u.User != nil {
		errs.Add(at, "%q is not a broker's URL: write tcp://HOST:1883 or ssl://HOST:8883", c.URL.V)
		return nil
	}
	var password string
	if file.V != "" {
		path := file.V
		if !filepath.IsAbs(path) {
			path = filepath.Join(b.dir, path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			errs.Add(file.Pos, "password_file: %v", err)
			return nil
		}
		password = strings.TrimSpace(string(text))
	}
	c.URL.Pos, c.Username.Pos, c.PasswordFile.Pos = conf.Pos{}, conf.Pos{}, conf.Pos{}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.list[c] == nil {
		b.list[c] = &broker{url: u.String(), username: c.Username.V, password: password, heard: map[string]string{}, away: errors.New("not connected yet")}
	}
	return b.list[c]
}

// broker is one broker, with a connection while it is held.
type broker struct {
	url, username, password string

	mu     sync.Mutex
	topics []string
	held   int
	first  chan struct{} // closed when the first connection of run is there, or was refused
	stop   context.CancelFunc
	ended  chan struct{}     // closed when what stop stops has ended
	client mqtt.Client       // nil: away
	heard  map[string]string // last payload by topic, of this connection
	away   error             // why there is no client
}

const (
	connectLimit = 10 * time.Second
	firstAgain   = 500 * time.Millisecond
	lastAgain    = 15 * time.Second
	maxPayload   = 64 << 10
)

func (b *broker) listen(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topics = append(b.topics, topic)
}

// hold keeps a connection until release is called as often as hold was.
func (b *broker) hold() (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held++; b.held == 1 {
		ctx, stop := context.WithCancel(context.Background())
		before, ended, first := b.ended, make(chan struct{}), make(chan struct{})
		b.stop, b.ended, b.first = stop, ended, first
		go func() {
			defer close(ended)
			if before != nil { // its end would be taken for this one's
				<-before
			}
			b.run(ctx, sync.OnceFunc(func() { close(first) }))
		}()
	}
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.held--; b.held == 0 {
			b.stop()
		}
	})
}

// settled waits for the first connection, or its failure, no longer than ctx lasts:
// an actuator that starts with the gateway is not in trouble yet.
func (b *broker) settled(ctx context.Context) {
	b.mu.Lock()
	first := b.first
	b.mu.Unlock()
	if first == nil {
		return // nobody connects
	}
	select {
	case <-first:
	case <-ctx.Done():
	}
}

func (b *broker) publish(ctx context.Context, topic, payload string, retain bool) error {
	b.settled(ctx)
	b.mu.Lock()
	c, away := b.client, b.away
	b.mu.Unlock()
	if c == nil {
		return away
	}
	return finish(ctx, c.Publish(topic, 1, retain, payload))
}

// last is what was heard last on a topic.
func (b *broker) last(ctx context.Context, topic string) (string, error) {
	b.settled(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == nil {
		return "", b.away
	}
	payload, ok := b.heard[topic]
	if !ok {
		return "", errNothing
	}
	return payload, nil
}

// run holds one connection after the other. Each has a client of its own.
func (b *broker) run(ctx context.Context, settled func()) {
	defer settled()
	for again := firstAgain; ctx.Err() == nil; again = min(2*again, lastAgain) {
		began := time.Now()
		err := b.connection(ctx, settled)
		b.mu.Lock()
		b.client, b.heard, b.away = nil, map[string]string{}, fmt.Errorf("no connection to %s: %w", b.url, err)
		b.mu.Unlock()
		settled()
		if time.Since(began) > lastAgain {
			again = firstAgain
		}
		select {
		case <-ctx.Done():
		case <-time.After(again/2 + rand.N(again/2)):
		}
	}
}

func (b *broker) connection(ctx context.Context, settled func()) error {
	lost := make(chan error, 1)
	c := mqtt.NewClient(b.options(lost))
	defer c.Disconnect(100)
	limited, stop := context.WithTimeout(ctx, connectLimit)
	defer stop()
	if err := finish(limited, c.Connect()); err != nil {
		return err
	}
	b.mu.Lock()
	topics := b.topics
	b.mu.Unlock()
	for _, topic := range topics {
		if err := finish(limited, c.Subscribe(topic, 1, nil)); err != nil {
			return fmt.Errorf("%s: %w", topic, err)
		}
	}
	b.mu.Lock()
	b.client = c
	b.mu.Unlock()
	settled()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-lost:
		return err
	}
}

func (b *broker) options(lost chan<- error) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions().AddBroker(b.url).
		SetClientID(fmt.Sprintf("weishao-act-%08x", rand.Uint32())).
		SetUsername(b.username).SetPassword(b.password).
		SetProtocolVersion(4).SetCleanSession(true).
		SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(connectLimit).SetWriteTimeout(connectLimit).
		SetKeepAlive(15 * time.Second).SetPingTimeout(10 * time.Second).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { b.received(m) }).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			select {
			case lost <- err:
			default:
			}
		})
	if strings.HasPrefix(b.url, "ssl:") {
		o.SetTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	return o
}

func (b *broker) received(m mqtt.Message) {
	payload := m.Payload()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard[m.Topic()] = string(payload[:min(len(payload), maxPayload)])
}

// finish waits for a token no longer than ctx lasts.
func finish(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return fmt.Errorf("the broker does not answer: %w", ctx.Err())
	}
}
