package e2e

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
)

// manager is a service manager's socket, and what came over it.
type manager struct {
	path string
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &manager{path, conn}
}

func (m *manager) env() []string {
	return []string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=600000"}
}

// hears waits for a datagram with that line.
func (m *manager) hears(t *testing.T, prefix string) {
	t.Helper()
	buf := make([]byte, 4096)
	if err := m.conn.SetReadDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			t.Fatalf("never heard %s: %v", prefix, err)
		}
		for line := range strings.SplitSeq(string(buf[:n]), "\n") {
			if strings.HasPrefix(line, prefix) {
				return
			}
		}
	}
}

// Both programs tell the service manager that they are ready, alive, how they do,
// and that they stop.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	ofHub, ofGateway := newManager(t), newManager(t)
	h := harness.NewHub(t, "", ofHub.env()...)
	g := harness.NewGateway(t, h.Enrol(t, "g", "n"), h.MQTT, quietKitchen, "", ofGateway.env()...)
	g.Restart(t)
	for _, m := range []*manager{ofHub, ofGateway} {
		m.hears(t, "READY=1")
		m.hears(t, "WATCHDOG=1")
		m.hears(t, "WATCHDOG=1")
	}
	ofHub.hears(t, "STATUS=ready; pages on http://"+h.HTTP)
	ofGateway.hears(t, "STATUS=connected to the hub; ")
	g.Stop(t)
	ofGateway.hears(t, "STOPPING=1")
	h.Stop(t)
	ofHub.hears(t, "STOPPING=1")
}
