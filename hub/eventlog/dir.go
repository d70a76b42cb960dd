package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"weishao.dev/weishao/hub/broker"
)

// Dir is a log opened from its directory by a tool, with no hub running.
type Dir struct {
	*Log
	server *broker.Embedded
}

// OpenDir opens the log in a hub's data directory, the one that
// broker.EmbeddedConfig.Dir names, as it is: the hub's settings of retention
// stay. It fails while a hub uses it, and where there is no log. Nothing listens
// and no gateway is heard meanwhile. Close it.
func OpenDir(ctx context.Context, dir string, partition int, log *slog.Logger) (*Dir, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("eventlog: %w", err)
	}
	srv, err := broker.StartEmbedded(broker.EmbeddedConfig{Dir: dir, Log: log})
	if err != nil {
		return nil, err
	}
	l, err := openExisting(ctx, srv.LogConn(), Config{Partition: partition, Log: log})
	if err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return &Dir{Log: l, server: srv}, nil
}

func openExisting(ctx context.Context, nc *nats.Conn, cfg Config) (*Log, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("eventlog: %w", err)
	}
	stream, err := js.Stream(ctx, cfg.stream())
	if err != nil {
		return nil, fmt.Errorf("eventlog: stream %s: %w", cfg.stream(), err)
	}
	return open(ctx, js, stream, cfg)
}

// Close lets the directory go.
func (d *Dir) Close() error { return d.server.Close() }
