package mqttsensor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	connectTimeout = 10 * time.Second
	answerTimeout  = 10 * time.Second // for a SUBACK
	keepAlive      = 15 * time.Second
	filtersAtOnce  = 50 // in one SUBSCRIBE
	qos            = 1
)

// connection lives as long as one does, and says for how long it was there. online is
// called when it is.
func (b *Broker) connection(ctx context.Context, online func()) (up time.Duration, err error) {
	lost := make(chan error, 1)
	c := mqtt.NewClient(b.options(lost))
	defer c.Disconnect(0)
	if err := finish(ctx, c.Connect(), connectTimeout+answerTimeout); err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	b.mu.Lock()
	b.links++
	b.full = false
	b.mu.Unlock()
	began := time.Now()
	var denied []string
	for {
		no, err := b.subscribe(ctx, c)
		if err != nil {
			return time.Since(began), err
		}
		denied = append(denied, no...)
		online()
		b.connected(denied)
		select {
		case <-ctx.Done():
			return time.Since(began), ctx.Err()
		case err := <-lost:
			return time.Since(began), fmt.Errorf("connection lost: %w", err)
		case <-b.changed:
		}
	}
}

// options are those of a client for one connection. The client ID is new each time:
// there is no session to go on with, and nobody else's to take over.
func (b *Broker) options(lost chan<- error) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions().AddBroker(b.url).
		SetClientID(fmt.Sprintf("weishao-%08x", rand.Uint32())).
		SetUsername(b.username).SetPassword(b.password).
		SetProtocolVersion(4).SetCleanSession(true).
		SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(connectTimeout).SetWriteTimeout(answerTimeout).
		SetKeepAlive(keepAlive).SetPingTimeout(keepAlive).
		SetOrderMatters(true).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { b.received(m) }).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			if err == nil {
				err = errors.New("the broker closed it")
			}
			select {
			case lost <- err:
			default:
			}
		})
	if b.tls != nil {
		o.SetTLSConfig(b.tls)
	}
	return o
}

// received hands a message on. What is too long is cut, so that it is no valid message
// any more: nobody sends a state of that size.
func (b *Broker) received(m mqtt.Message) {
	payload := m.Payload()
	if len(payload) > MaxPayload {
		payload = payload[:MaxPayload+1]
	}
	b.deliver(Message{Topic: m.Topic(), Payload: payload, Retained: m.Retained()})
}

// subscribe asks for the topics that are wanted, and gives those that are refused.
func (b *Broker) subscribe(ctx context.Context, c mqtt.Client) (denied []string, err error) {
	for part := range slices.Chunk(b.wanted(), filtersAtOnce) {
		filters := map[string]byte{}
		for _, f := range part {
			filters[f] = qos
		}
		t := c.SubscribeMultiple(filters, nil)
		if err := finish(ctx, t, answerTimeout); err != nil {
			return nil, fmt.Errorf("subscribing: %w", err)
		}
		answer, _ := t.(*mqtt.SubscribeToken)
		for topic, code := range answer.Result() {
			if code > 2 {
				b.log.Warn("the sensors' broker refuses a topic; see its access rules", "url", b.url, "username", b.username, "topic", topic)
				denied = append(denied, topic)
			}
		}
	}
	return denied, nil
}

// finish waits for a token for no longer than ctx and most.
func finish(ctx context.Context, t mqtt.Token, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-timer.C:
		return fmt.Errorf("no answer within %v", most)
	case <-ctx.Done():
		return ctx.Err()
	}
}
