package e2e

import (
	"net"
	"net/url"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// wire is the connection of an MQTT client, to be cut as by an accident.
type wire struct{ net.Conn }

func (w *wire) open(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
	c, err := net.Dial("tcp", u.Host)
	w.Conn = c
	return c, err
}
