package broker

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"weishao.dev/weishao/telemetry/sparkplug"
)

//go:embed mosquitto.conf
var mosquittoConf string

//go:embed mosquitto.acl
var mosquittoACL string

// Mosquitto describes an Eclipse Mosquitto 2 in front of the hub.
type Mosquitto struct {
	Listen       string   // "1883" or "8883 192.0.2.1": port and, if any, address
	PasswordFile string   // made by mosquitto_passwd
	ACLFile      string   // where the rendered rules will stand
	CertFile     string   // with KeyFile: TLS
	KeyFile      string   //
	HubUser      string   // default "weishao-hub"
	Gateways     []string // user names, "group/node"
}

// Render writes Mosquitto's configuration and its access rules: the same rules
// that the embedded broker holds gateways to. Mosquitto's %u pattern cannot
// take a user name apart, so each gateway has its own lines; render again when
// one is enrolled, and send Mosquitto a SIGHUP.
func (m Mosquitto) Render() (conf, acl string, err error) {
	if m.HubUser == "" {
		m.HubUser = "weishao-hub"
	}
	data := struct {
		Mosquitto
		MaxPayload  int
		HostFilters []string
		StateTopic  string
		Nodes       []mosquittoNode
	}{m, MaxPayload, sparkplug.HostFilters(), sparkplug.StateTopic, nil}
	for _, user := range m.Gateways {
		group, node, ok := nodeName(user)
		if !ok {
			return "", "", fmt.Errorf("broker: %q cannot be a gateway: want group/node of letters, digits, '.', '_' or '-'", user)
		}
		data.Nodes = append(data.Nodes, mosquittoNode{User: user, Write: ownTopics(group, node), Read: ownCommands(group, node)})
	}
	if conf, err = render("mosquitto.conf", mosquittoConf, data); err != nil {
		return "", "", err
	}
	acl, err = render("mosquitto.acl", mosquittoACL, data)
	return conf, acl, err
}

type mosquittoNode struct {
	User        string
	Write, Read []string
}

func render(name, text string, data any) (string, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return "", fmt.Errorf("broker: template %s: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("broker: template %s: %w", name, err)
	}
	return b.String(), nil
}
