package harness

import (
	"fmt"
	"net"
	"testing"
)

// NewOpenMosquitto starts a Mosquitto without our templates, which lets everybody in
// and everything through. It ends with the test.
func NewOpenMosquitto(t testing.TB) *Mosquitto {
	t.Helper()
	m := &Mosquitto{Addr: FreeAddr(t), dir: t.TempDir()}
	_, port, err := net.SplitHostPort(m.Addr)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\n", port)
	m.run(t, text)
	return m
}
