package edge

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/internal/conf"
)

// listenMetrics opens the address at once, so that one that is taken is told before
// the gateway runs. What it returns serves until its context ends.
func listenMetrics(addr conf.At[string], g *gateway.Gateway, log *slog.Logger) (func(context.Context), error) {
	l, err := net.Listen("tcp", addr.V)
	if err != nil {
		return nil, conf.Errors{{Pos: addr.Pos, Text: "metrics: " + err.Error()}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = g.Status().WriteMetrics(w) // whoever asked has gone
	})
	srv := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	log.Info("metrics are served", "addr", l.Addr().String())
	return func(ctx context.Context) {
		stop := context.AfterFunc(ctx, func() { srv.Close() })
		defer stop()
		if err := srv.Serve(l); ctx.Err() == nil {
			log.Error("metrics are served no longer", "error", err)
		}
	}, nil
}
