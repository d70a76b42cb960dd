// Package broker is where the hub meets MQTT: a broker of its own inside the
// process (Embedded), or any other one on the network (External), behind one
// narrow interface, Conn.
//
// What it promises:
//
//   - Messages reach the subscriber in the order in which the broker took them
//     from one client; between clients there is no order. The handler runs on one
//     goroutine and must not block: what it cannot take it drops and counts. The
//     end-to-end acknowledgement of the outbox brings it again.
//   - Nobody is in by default. The embedded broker lets in who Credentials know,
//     and each gateway may publish below its own node only and hear its own
//     commands only. For Mosquitto, RenderMosquitto writes the same rules.
//   - What the embedded broker refuses is counted by kind and gateway and told to
//     Config.OnReject: no subscriber ever sees those messages.
//   - The hub's Sparkplug STATE is retained on the broker while the hub is
//     connected, and turns to offline by the will when it is not.
//
// Publish is best effort, at QoS 0: nil says that the message was handed to the
// broker, not that anybody heard it.
package broker

import (
	"errors"

	"weishao.dev/weishao/telemetry"
)

// Conn is the hub's connection to a broker.
type Conn interface {
	// Subscribe hands every message of every Sparkplug node and device (births,
	// deaths and data, not commands) to h, on one goroutine. The payload is h's to
	// keep. It may be called once. On a lost connection the subscription comes back
	// with it.
	Subscribe(h func(topic string, payload []byte)) error
	// Publish sends one message at QoS 0, not retained. ErrNotConnected: it was
	// not sent.
	Publish(topic string, payload []byte) error
	// Connected says whether the broker can be reached now.
	Connected() bool
	// NotifyState has f called with every change of Connected, and at once with
	// its present state. f must not block. It may be called once.
	NotifyState(f func(connected bool))
	// Close ends the connection, announces the hub offline, and waits for its
	// goroutines; no handler runs after it.
	Close() error
}

// ErrNotConnected says that there is no broker to send to at the moment.
var ErrNotConnected = errors.New("broker: not connected")

// Kinds of refusal beside telemetry.BadTopic (a publication or subscription
// outside a gateway's own topics) and telemetry.BadSize.
const (
	BadAuth     telemetry.Bad = "auth"     // unknown name, wrong password, or a client ID that is another's
	BadProtocol telemetry.Bad = "protocol" // not MQTT 3.1.1, or a topic with spaces
)
