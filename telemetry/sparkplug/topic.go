package sparkplug

import (
	"fmt"
	"strings"

	"weishao.dev/weishao/telemetry"
)

// Namespace is the first level of every Sparkplug B topic.
const Namespace = "spBv1.0"

// HostID is the name under which the hub announces itself by STATE.
const HostID = "weishao"

// MessageType is the kind of a message, as its topic names it.
type MessageType uint8

const (
	NBIRTH MessageType = iota + 1 // node's certificate of birth
	NDEATH                        // node's certificate of death, usually its will
	NDATA                         // metrics of the node itself
	NCMD                          // command to a node
	DBIRTH                        // device's certificate of birth
	DDEATH                        // device's certificate of death
	DDATA                         // metrics of a device
	DCMD                          // command to a device
	STATE                         // host application online or not
)

var typeNames = [...]string{NBIRTH: "NBIRTH", NDEATH: "NDEATH", NDATA: "NDATA", NCMD: "NCMD",
	DBIRTH: "DBIRTH", DDEATH: "DDEATH", DDATA: "DDATA", DCMD: "DCMD", STATE: "STATE"}

func (t MessageType) String() string {
	if t == 0 || int(t) >= len(typeNames) {
		return fmt.Sprintf("MessageType(%d)", uint8(t))
	}
	return typeNames[t]
}

// OfDevice reports whether messages of this type name a device.
func (t MessageType) OfDevice() bool { return t >= DBIRTH && t <= DCMD }

func parseType(s string) MessageType {
	for t := NBIRTH; t <= STATE; t++ {
		if typeNames[t] == s {
			return t
		}
	}
	return 0
}

// Topic is a topic name taken apart. Group, Node and Device satisfy
// telemetry.ValidName; Device is empty unless Type.OfDevice. For STATE only
// Host is set.
type Topic struct {
	Type                MessageType
	Group, Node, Device string
	Host                string
}

// ParseTopic takes a topic name apart without allocating: the parts alias s.
// Names that telemetry.ValidName refuses are refused here, other people's too,
// since such a name could speak for other nodes on a broker that maps topics to
// subjects.
func ParseTopic(s string) (Topic, error) {
	ns, rest, _ := strings.Cut(s, "/")
	if ns != Namespace {
		return Topic{}, topicError(s, "the first level is not "+Namespace)
	}
	first, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return Topic{}, topicError(s, "too few levels: want "+Namespace+"/group/type/node[/device]")
	}
	if first == "STATE" {
		if !telemetry.ValidName(rest) {
			return Topic{}, nameError(s, "host", rest)
		}
		return Topic{Type: STATE, Host: rest}, nil
	}
	typeName, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return Topic{}, topicError(s, "too few levels: want "+Namespace+"/group/type/node[/device]")
	}
	node, device, hasDevice := strings.Cut(rest, "/")
	t := Topic{Type: parseType(typeName), Group: first, Node: node, Device: device}
	switch {
	case t.Type == 0 || t.Type == STATE:
		return Topic{}, topicError(s, fmt.Sprintf("%s is not a message type", short(typeName)))
	case !telemetry.ValidName(t.Group):
		return Topic{}, nameError(s, "group", t.Group)
	case !telemetry.ValidName(t.Node):
		return Topic{}, nameError(s, "node", t.Node)
	case t.Type.OfDevice() && !hasDevice:
		return Topic{}, topicError(s, t.Type.String()+" needs a device")
	case !t.Type.OfDevice() && hasDevice:
		return Topic{}, topicError(s, t.Type.String()+" has no device")
	case hasDevice && !telemetry.ValidName(t.Device):
		return Topic{}, nameError(s, "device", t.Device)
	}
	return t, nil
}

// String is the topic's name; ParseTopic gives the topic back.
func (t Topic) String() string {
	if t.Type == STATE {
		return Namespace + "/STATE/" + t.Host
	}
	s := Namespace + "/" + t.Group + "/" + t.Type.String() + "/" + t.Node
	if t.Type.OfDevice() {
		s += "/" + t.Device
	}
	return s
}

// NodeID is "group/node".
func (t Topic) NodeID() string { return telemetry.NodeID(t.Group, t.Node) }

// DeviceID is "group/node/device".
func (t Topic) DeviceID() string { return telemetry.DeviceID(t.Group, t.Node, t.Device) }

// NodeTopic is the topic of a node's message of the given type.
func NodeTopic(t MessageType, group, node string) string {
	return Topic{Type: t, Group: group, Node: node}.String()
}

// DeviceTopic is the topic of a device's message of the given type.
func DeviceTopic(t MessageType, group, node, device string) string {
	return Topic{Type: t, Group: group, Node: node, Device: device}.String()
}

// StateTopic is where the hub announces itself, retained.
const StateTopic = Namespace + "/STATE/" + HostID

// HostFilters are the subscriptions by which a hub hears every node and device,
// but not its own commands.
func HostFilters() []string {
	filters := make([]string, 0, 6)
	for _, t := range []MessageType{NBIRTH, NDEATH, NDATA} {
		filters = append(filters, Namespace+"/+/"+t.String()+"/+")
	}
	for _, t := range []MessageType{DBIRTH, DDEATH, DDATA} {
		filters = append(filters, Namespace+"/+/"+t.String()+"/+/+")
	}
	return filters
}

// NodeFilters are the subscriptions of one node: its commands, its devices'
// commands, and the hub's state.
func NodeFilters(group, node string) []string {
	return []string{NodeTopic(NCMD, group, node), DeviceTopic(DCMD, group, node, "+"), StateTopic}
}

func topicError(topic, text string) error {
	return fmt.Errorf("topic %s: %s", short(topic), text)
}

func nameError(topic, what, name string) error {
	return topicError(topic, fmt.Sprintf("%s name %s is not 1 to 64 letters, digits, '.', '_' or '-'", what, short(name)))
}

// short quotes what may be hostile and long for an error text.
func short(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q...", s[:80])
	}
	return fmt.Sprintf("%q", s)
}
