package broker

import (
	"strings"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// nats-server maps MQTT topics to NATS subjects: the level separator '/'
// becomes '.', a '.' in a name becomes "//". Sparkplug topics have neither empty
// levels nor wildcards in names (telemetry.ValidName), so the rest of its rules
// never applies here.

// subjectOf is the NATS subject of a topic without empty levels.
func subjectOf(topic string) string {
	var b strings.Builder
	b.Grow(len(topic) + 4)
	for i := 0; i < len(topic); i++ {
		switch c := topic[i]; c {
		case '/':
			b.WriteByte('.')
		case '.':
			b.WriteString("//")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// topicOf undoes subjectOf.
func topicOf(subject string) string {
	var b strings.Builder
	b.Grow(len(subject))
	for i := 0; i < len(subject); i++ {
		switch c := subject[i]; {
		case c == '.':
			b.WriteByte('/')
		case c == '/' && i+1 < len(subject) && subject[i+1] == '/':
			b.WriteByte('.')
			i++
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// nodeName is a user name taken apart, "group/node". ok is false if it is no
// such name: then nobody may use it, whatever the credentials say.
func nodeName(username string) (group, node string, ok bool) {
	group, node, ok = strings.Cut(username, "/")
	return group, node, ok && telemetry.ValidName(group) && telemetry.ValidName(node)
}

// ownTopics are the topics a gateway may publish to, with "+" for its devices.
func ownTopics(group, node string) []string {
	topics := make([]string, 0, 6)
	for _, t := range []sparkplug.MessageType{sparkplug.NBIRTH, sparkplug.NDEATH, sparkplug.NDATA} {
		topics = append(topics, sparkplug.NodeTopic(t, group, node))
	}
	for _, t := range []sparkplug.MessageType{sparkplug.DBIRTH, sparkplug.DDEATH, sparkplug.DDATA} {
		topics = append(topics, sparkplug.DeviceTopic(t, group, node, "+"))
	}
	return topics
}

// ownCommands are the filters a gateway may subscribe to. Other people's clients
// ask for ".../NCMD/node/#", which nats-server checks as two filters: with and
// without the last level.
func ownCommands(group, node string) []string {
	ncmd := sparkplug.NodeTopic(sparkplug.NCMD, group, node)
	dcmd := sparkplug.DeviceTopic(sparkplug.DCMD, group, node, "#")
	return []string{ncmd, ncmd + "/#", strings.TrimSuffix(dcmd, "/#"), dcmd, sparkplug.Namespace + "/STATE/#"}
}
