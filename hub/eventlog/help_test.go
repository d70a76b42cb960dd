package eventlog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

var discard = slog.New(slog.DiscardHandler)

// startServer is a real JetStream server with nothing around it.
func startServer(t testing.TB, dir string) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{ServerName: "test", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, SyncAlways: true, MaxPayload: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server is not ready")
	}
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	return srv
}

func connect(t testing.TB, srv nats.InProcessConnProvider) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func open(t testing.TB, nc *nats.Conn) *eventlog.Log {
	t.Helper()
	l, err := eventlog.Open(t.Context(), nc, eventlog.Config{Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// numbered is a record that can be told from others.
func numbered(n int) *record.Record {
	return &record.Record{Arrival: int64(1000 + n), Entries: []record.Entry{&record.Readings{
		Device: "g/n/d", First: uint64(n), Points: []telemetry.Point{{Metric: "co", Time: int64(n), Value: float64(n)}}}}}
}

func numberOf(r *record.Record) int { return int(r.Entries[0].(*record.Readings).First) }

// fault says what becomes of the next append on its way.
type fault int32

const (
	none         fault = iota
	loseQuestion       // the connection dies before the server has the record
	loseAnswer         // it dies when the server has the record, before the answer
)

// faulty hands out connections to a server that die on demand.
type faulty struct {
	srv  *server.Server
	next atomic.Int32 // a fault; taken by the first append that is written
}

func (f *faulty) InProcessConn() (net.Conn, error) {
	c, err := f.srv.InProcessConn()
	if err != nil {
		return nil, err
	}
	return &faultyConn{Conn: c, f: f}, nil
}

type faultyConn struct {
	net.Conn
	f *faulty
}

var errCut = errors.New("cut")

func (c *faultyConn) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte("HPUB weishao.log.0")) {
		return c.Conn.Write(p)
	}
	switch fault(c.f.next.Swap(int32(none))) {
	case loseQuestion:
		_ = c.Conn.Close()
		return 0, errCut
	case loseAnswer:
		_, _ = c.Conn.Write(p) // a pipe: the server has read it when this returns
		_ = c.Conn.Close()
		return 0, errCut
	}
	return c.Conn.Write(p)
}
