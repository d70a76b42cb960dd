package mqttsensor

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed mosquitto.conf
var mosquittoConf string

//go:embed mosquitto.acl
var mosquittoACL string

// Mosquitto describes the Eclipse Mosquitto 2 that a gateway's sensors talk to.
type Mosquitto struct {
	Listen       []string // port and address; default "1883 127.0.0.1"
	PasswordFile string   // made by mosquitto_passwd
	ACLFile      string   // where the rendered rules will stand
	Reader       string   // the gateway's user name; default "weishao"
	Sensors      []MosquittoUser
}

// MosquittoUser is a bridge or a sensor.
type MosquittoUser struct {
	User   string
	Topics []string // filters of what it publishes and is commanded by: "zigbee2mqtt/#"
}

// Render writes Mosquitto's configuration and its access rules. A name or a filter that
// would not stay in its line is an error.
func (m Mosquitto) Render() (conf, acl string, err error) {
	if len(m.Listen) == 0 {
		m.Listen = []string{"1883 127.0.0.1"}
	}
	if m.Reader == "" {
		m.Reader = "weishao"
	}
	words := append([]string{m.PasswordFile, m.ACLFile, m.Reader}, m.Listen...)
	for _, s := range m.Sensors {
		words = append(append(words, s.User), s.Topics...)
	}
	for _, w := range words {
		if w == "" || strings.ContainsAny(w, "\n\r\x00") {
			return "", "", fmt.Errorf("mqttsensor: %q cannot stand in Mosquitto's configuration", w)
		}
	}
	data := struct {
		Mosquitto
		MaxPayload int
	}{m, MaxPayload}
	if conf, err = render("mosquitto.conf", mosquittoConf, data); err != nil {
		return "", "", err
	}
	acl, err = render("mosquitto.acl", mosquittoACL, data)
	return conf, acl, err
}

func render(name, text string, data any) (string, error) {
	t, err := template.New(name).Parse(text)
	if err != nil {
		return "", fmt.Errorf("mqttsensor: template %s: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("mqttsensor: template %s: %w", name, err)
	}
	return b.String(), nil
}
