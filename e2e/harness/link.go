package harness

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Link is the network between a gateway and a broker: a TCP proxy that can be cut,
// made a black hole, or made slow.
type Link struct {
	Addr  string // to connect to, host:port
	proxy *toxiproxy.Proxy
}

// NewLink relays to upstream, host:port, until the test ends.
func NewLink(t testing.TB, upstream string) *Link {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // its toxics write to a logger of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l := &Link{proxy: toxiproxy.NewProxy(server, "link", "127.0.0.1:0", upstream)}
	if err := l.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	l.Addr = l.proxy.Listen
	t.Cleanup(l.proxy.Stop)
	return l
}

// Cut closes all connections and refuses new ones.
func (l *Link) Cut() { l.proxy.Stop() }

// Swallow lets connections stand and loses all that is sent over them.
func (l *Link) Swallow(t testing.TB) {
	t.Helper()
	l.add(t, "swallow-up", "timeout", "upstream", `{"timeout": 0}`)
	l.add(t, "swallow-down", "timeout", "downstream", `{"timeout": 0}`)
}

// Slow lets a number of kilobytes a second through towards the broker.
func (l *Link) Slow(t testing.TB, kilobytes int) {
	t.Helper()
	_ = l.proxy.Toxics.RemoveToxic(context.Background(), "slow") // if it is slow already
	l.add(t, "slow", "bandwidth", "upstream", fmt.Sprintf(`{"rate": %d}`, kilobytes))
}

// Mend makes the link good again: it relays, fast, and what was swallowed on a
// connection ends that connection.
func (l *Link) Mend(t testing.TB) {
	t.Helper()
	l.proxy.Toxics.ResetToxics(context.Background())
	if err := l.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted {
		t.Fatal(err)
	}
}

func (l *Link) add(t testing.TB, name, kind, stream, attributes string) {
	t.Helper()
	text := fmt.Sprintf(`{"name": %q, "type": %q, "stream": %q, "attributes": %s}`, name, kind, stream, attributes)
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
}
