package eventlog

import (
	"context"
	"log/slog"
	"time"

	"weishao.dev/weishao/hub/broker"
)

// SetTimeout shortens the wait for a server that does not answer.
func (l *Log) SetTimeout(d time.Duration) { l.timeout = d }

// OpenForTest is OpenDir that makes the log.
func OpenForTest(ctx context.Context, dir string, log *slog.Logger) (*Dir, error) {
	srv, err := broker.StartEmbedded(broker.EmbeddedConfig{Dir: dir, Log: log})
	if err != nil {
		return nil, err
	}
	l, err := Open(ctx, srv.LogConn(), Config{Log: log})
	return &Dir{Log: l, server: srv}, err
}
