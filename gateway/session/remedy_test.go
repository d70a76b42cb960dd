package session

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

func TestRemedy(t *testing.T) {
	for _, test := range []struct {
		url  string
		err  error
		want string
	}{
		{"ssl://h:8883", x509.UnknownAuthorityError{}, "mqtt.ca"},
		{"ssl://h:8883", x509.HostnameError{Certificate: &x509.Certificate{}}, "mqtt.url"},
		{"tcp://h:1883", packets.ErrorRefusedNotAuthorised, "gateway-enrol"},
		{"tcp://h:1883", packets.ErrorRefusedBadUsernameOrPassword, "gateway-enrol"},
		{"tcp://h:1883", io.EOF, "ssl://"},
		{"ssl://h:8883", io.EOF, ""},
		{"tcp://h:1883", syscall.ECONNREFUSED, "start the hub"},
		{"tcp://h:1883", errors.New("a cable was pulled"), ""},
	} {
		got := remedy(test.url, fmt.Errorf("connect: %w : %w", packets.ErrorNetworkError, test.err))
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s, %v: got %q, want %q", test.url, test.err, got, test.want)
		}
	}
}
