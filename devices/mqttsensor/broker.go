package mqttsensor

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Brokers are the brokers that a gateway's devices are behind, one session each.
type Brokers struct {
	log  *slog.Logger
	list map[brokerKey]*Broker
}

type brokerKey struct{ url, username, passwordFile, ca string }

// NewBrokers makes an empty list. It connects nowhere: a session is there while a
// device of it runs.
func NewBrokers(log *slog.Logger) *Brokers {
	return &Brokers{log: log, list: map[brokerKey]*Broker{}}
}

// broker finds or makes the one that a device's configuration names.
func (s *Brokers) broker(n *yaml.Node, at conf.Pos, dir string, errs *conf.Errors) *Broker {
	var c BrokerConfig
	before := len(*errs)
	c.read(n, at, dir, errs)
	key := brokerKey{c.URL.V, c.Username.V, c.PasswordFile.V, c.CA.V}
	if b := s.list[key]; b != nil || len(*errs) > before {
		return b
	}
	b := &Broker{url: c.URL.V, username: c.Username.V, password: c.password(errs), tls: c.tls(errs), log: s.log,
		taken: map[string]string{}, changed: make(chan struct{}, 1)}
	s.list[key] = b
	return b
}

// Broker is one broker and, while devices run, the session with it.
type Broker struct {
	url, username, password string
	tls                     *tls.Config
	log                     *slog.Logger

	taken map[string]string // by which device, while a configuration is read

	changed chan struct{} // has a token when devices have joined

	mu      sync.Mutex
	inboxes []*inbox
	links   uint64 // connections so far
	full    bool   // that messages were dropped has been told
	stop    context.CancelFunc
	ended   chan struct{} // closed when the session has ended
}

// join makes a device a listener; the first begins the session.
func (b *Broker) join(clock telemetry.Clock, filters []string) *inbox {
	in := newInbox(clock, filters)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inboxes = append(b.inboxes, in)
	if b.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		b.stop, b.ended = stop, make(chan struct{})
		go b.run(ctx, b.ended)
	}
	b.wake()
	return in
}

// leave undoes join; the last ends the session, and waits for that.
func (b *Broker) leave(in *inbox) {
	b.mu.Lock()
	b.inboxes = slices.DeleteFunc(b.inboxes, func(x *inbox) bool { return x == in })
	if len(b.inboxes) > 0 {
		b.mu.Unlock()
		return
	}
	stop, ended := b.stop, b.ended
	b.stop = nil
	b.mu.Unlock()
	stop()
	<-ended
}

func (b *Broker) wake() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// wanted are the topics of the devices that joined since this connection asked. One
// that is subscribed to already is among them: its retained messages come again.
func (b *Broker) wanted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, in := range b.inboxes {
		if in.link == b.links {
			continue
		}
		in.link = b.links
		for _, f := range in.filters {
			if !slices.Contains(list, f) {
				list = append(list, f)
			}
		}
	}
	return list
}

// deliver hands a message to the devices that it is for.
func (b *Broker) deliver(m Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m.Link = b.links
	for _, in := range b.inboxes {
		if in.put(m) && !b.full {
			b.full = true
			b.log.Warn("a sensor sends faster than it can be read; some of its messages are dropped", "topic", m.Topic)
		}
	}
}

// connected tells the devices that what they listen to will come, but for those of
// which the broker refused a topic.
func (b *Broker) connected(refused []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, in := range b.inboxes {
		denied := slices.ContainsFunc(in.filters, func(f string) bool { return slices.Contains(refused, f) })
		if in.link == b.links && !denied {
			in.connected(true)
		}
	}
}

// lost tells the devices that nothing will come.
func (b *Broker) lost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, in := range b.inboxes {
		in.connected(false)
	}
}

// Waiting between connections.
const (
	backoffMin = 500 * time.Millisecond
	backoffMax = 15 * time.Second
	stable     = 10 * time.Second // how long a connection lasts for the next to be made quickly
)

// run holds one connection after the other until ctx ends.
func (b *Broker) run(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	wait, told := backoffMin, outageNone
	for ctx.Err() == nil {
		up, err := b.connection(ctx, func() {
			if told != outageNone {
				b.log.Info("the sensors' broker is there again", "url", b.url)
				told = outageNone
			}
		})
		if ctx.Err() != nil {
			return
		}
		b.lost()
		if up > stable {
			wait = backoffMin
		}
		if kind := outageOf(err); kind > told { // once, unless it turns out to be a matter of configuration
			told = kind
			b.log.Warn("no connection to the sensors' broker; it is tried again", "url", b.url, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(2*wait, backoffMax)
	}
}

// outage is what is known of one, in the order of how much it tells.
type outage int

const (
	outageNone outage = iota
	outageAway
	outageRefused // the broker is there and does not let us in
)

func outageOf(err error) outage {
	for _, refusal := range []error{packets.ErrorRefusedBadUsernameOrPassword, packets.ErrorRefusedNotAuthorised, packets.ErrorRefusedIDRejected} {
		if errors.Is(err, refusal) {
			return outageRefused
		}
	}
	return outageAway
}
