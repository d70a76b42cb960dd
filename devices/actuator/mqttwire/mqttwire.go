// Package mqttwire moves actuators by MQTT: a smart plug or a relay of Tasmota,
// Zigbee2MQTT or ESPHome behind a local broker.
//
// An output publishes one of two payloads to a topic, at QoS 1. The broker's word that
// it has it says nothing about the plug: give such an actuator a feedback, which is
// the plug's own state. An input is the last payload on a topic since the connection
// began: without a retained message, or before the first one, it is an error, and so
// is a payload that is neither of the two. A plug that dies leaves its last word: with
// alive, the topic of its last will, what it said counts only while that says online.
//
// Wires that name the same broker share a connection, MQTT 3.1.1 with a clean session,
// which is there while an actuator runs. At its start an output or input waits for the
// first one. A connection that is lost is made again with back-off; until then they are
// errors at once, and nothing is kept to be published later: the actuator does that,
// with what is true then.
package mqttwire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Wires are those over MQTT; dir is the folder against which paths are meant.
func Wires(dir string) actuator.Wires {
	b := &brokers{dir: dir, list: map[Broker]*broker{}}
	return actuator.Wires{
		Output: func(p *actuator.Part) (actuator.Output, error) {
			var own Output
			if err := p.Decode(&own); err != nil {
				return nil, err
			}
			return own.output(b, p.Pos)
		},
		Input: func(p *actuator.Part) (actuator.Input, error) {
			var own Input
			if err := p.Decode(&own); err != nil {
				return nil, err
			}
			return own.input(b, p.Pos)
		},
	}
}

// Wire is what outputs and inputs have in common.
type Wire struct {
	Broker Broker          `yaml:"broker"`
	Topic  conf.At[string] `yaml:"topic"` // to publish to, or to listen to
	Act    string          `yaml:"act"`   // the payload while it acts; default ON
	Rest   string          `yaml:"rest"`  // and while it rests; default OFF
}

// Output are the keys of an output.
type Output struct {
	Wire   `yaml:",inline"`
	Retain bool `yaml:"retain"` // whether the broker keeps it for a plug that is away
}

// Input are the keys of an input.
type Input struct {
	Wire  `yaml:",inline"`
	Field string          `yaml:"field"` // of a payload that is a JSON object, such as state
	Alive conf.At[string] `yaml:"alive"` // a topic that says online or offline, such as tele/NAME/LWT; default none
}

func (w *Wire) fill(at conf.Pos, b *brokers) (*broker, conf.Errors) {
	var errs conf.Errors
	if w.Act == "" {
		w.Act = "ON"
	}
	if w.Rest == "" {
		w.Rest = "OFF"
	}
	if w.Topic.V == "" {
		errs.Add(at, "topic is missing: cmnd/NAME/POWER of Tasmota, zigbee2mqtt/NAME/set/state of Zigbee2MQTT")
	}
	checkTopic(w.Topic, &errs)
	if w.Act == w.Rest {
		errs.Add(at, "act and rest are both %q", w.Act)
	}
	return b.get(w.Broker, &errs), errs
}

func checkTopic(t conf.At[string], errs *conf.Errors) {
	if strings.ContainsAny(t.V, "+#\x00") || len(t.V) > 65535 {
		errs.Add(t.Pos, "%q is not the topic of one thing", t.V)
	}
}

func (o *Output) output(b *brokers, at conf.Pos) (actuator.Output, error) {
	br, errs := o.fill(at, b)
	return &output{br, *o}, errs.Err()
}

func (i *Input) input(b *brokers, at conf.Pos) (actuator.Input, error) {
	br, errs := i.fill(at, b)
	checkTopic(i.Alive, &errs)
	if len(errs) == 0 {
		br.listen(i.Topic.V)
		if i.Alive.V != "" {
			br.listen(i.Alive.V)
		}
	}
	return &input{br, *i}, errs.Err()
}

type output struct {
	broker *broker
	own    Output
}

func (o *output) String() string { return o.own.Topic.V + " at " + o.broker.url }

func (o *output) Set(ctx context.Context, act bool) error {
	payload := o.own.Rest
	if act {
		payload = o.own.Act
	}
	return o.broker.publish(ctx, o.own.Topic.V, payload, o.own.Retain)
}

func (o *output) Holding(d devices.Device) devices.Device { return &held{d, o.broker} }

type input struct {
	broker *broker
	own    Input
}

func (i *input) String() string { return i.own.Topic.V + " at " + i.broker.url }

var (
	errNothing = errors.New("nothing has been said on its topic since the connection began")
	errOffline = errors.New("its last will says that it is offline")
)

// alive is an error unless the topic of the last will says online.
func (i *input) alive(ctx context.Context) error {
	if i.own.Alive.V == "" {
		return nil
	}
	payload, err := i.broker.last(ctx, i.own.Alive.V)
	if err != nil {
		return err
	}
	switch online, ok := mqttsensor.Online([]byte(payload)); {
	case !ok:
		return fmt.Errorf("the payload on %s is neither online nor offline", i.own.Alive.V)
	case !online:
		return errOffline
	}
	return nil
}

func (i *input) Get(ctx context.Context) (bool, error) {
	if err := i.alive(ctx); err != nil {
		return false, err
	}
	payload, err := i.broker.last(ctx, i.own.Topic.V)
	if err != nil {
		return false, err
	}
	text := strings.TrimSpace(payload)
	if i.own.Field != "" {
		var object map[string]any
		if err := json.Unmarshal([]byte(payload), &object); err != nil {
			return false, fmt.Errorf("the payload on %s is not a JSON object", i.own.Topic.V)
		}
		text = fmt.Sprint(object[i.own.Field])
	}
	switch text {
	case i.own.Act:
		return true, nil
	case i.own.Rest:
		return false, nil
	}
	return false, fmt.Errorf("the payload on %s is neither %s nor %s", i.own.Topic.V, i.own.Act, i.own.Rest)
}

func (i *input) Holding(d devices.Device) devices.Device { return &held{d, i.broker} }

// held is a device that keeps a broker's connection while it runs.
type held struct {
	devices.Device
	broker *broker
}

func (h *held) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	defer h.broker.hold()()
	return h.Device.Run(ctx, clock, emit)
}

// brokers are those that wires name.
type brokers struct {
	dir  string
	mu   sync.Mutex
	list map[Broker]*broker
}
