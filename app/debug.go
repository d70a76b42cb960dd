package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"
)

// debugEnv names an address on this machine where the hub serves its profiles.
// It is not part of the configuration: profiles tell a hub's insides to whoever
// may connect, so nobody is to leave it on by accident.
const debugEnv = "WEISHAO_DEBUG_ADDR"

// serveDebug serves profiles until ctx ends, if the environment asks for it.
func serveDebug(ctx context.Context, log *slog.Logger) error {
	addr := os.Getenv(debugEnv)
	if addr == "" {
		return nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%s: %w", debugEnv, err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		l.Close()
		return fmt.Errorf("%s: %s can be reached from outside; name a loopback address, such as 127.0.0.1:6060", debugEnv, l.Addr())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { s.Close() })
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("profiles are not served any more", "err", err)
		}
	}()
	log.Warn("profiles are served", "addr", l.Addr().String())
	return nil
}
