package session

import (
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// remedy says what can be done about a connection that cannot be made; "" where only
// waiting helps.
func remedy(url string, err error) string {
	open := strings.HasPrefix(url, "tcp:") || strings.HasPrefix(url, "ws:")
	switch {
	case as[x509.UnknownAuthorityError](err):
		return "give the certificate of the authority that signed the broker's as mqtt.ca"
	case as[x509.HostnameError](err):
		return "reach the broker in mqtt.url by a name that its certificate is for"
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "enrol the gateway again: `weishao gateway-enrol` at the hub, `weishao-gateway enrol` here; if the hub asks for certificates, give mqtt.cert and mqtt.key"
	case errors.Is(err, io.EOF) && open:
		return "if the broker speaks TLS, begin mqtt.url with ssl://"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: start the hub, or correct mqtt.url"
	}
	return ""
}

func as[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
