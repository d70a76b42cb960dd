// Command preview serves the pages with made-up data, to look at them without a
// hub. It prints addresses that sign in at once; it is not for use on a network.
// POST /raise brings a new incident while a page is open.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"

	"weishao.dev/weishao/web"
	"weishao.dev/weishao/web/webtest"
)

func main() {
	addr := flag.String("http", "127.0.0.1:8090", "address to serve on")
	quiet := flag.Bool("quiet", false, "no incidents")
	flag.Parse()
	if err := run(*addr, *quiet); err != nil {
		fmt.Fprintln(os.Stderr, "preview:", err)
		os.Exit(1)
	}
}

func run(addr string, quiet bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	world := webtest.New()
	if !quiet {
		world.Sample()
	}
	s, err := web.New(world.Config())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for _, role := range []web.Role{web.Warden, web.Officer, web.Operator} {
		fmt.Printf("%-9s http://%s/as/%s\n", role, l.Addr(), role)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.HandleFunc("GET /as/{role}", func(w http.ResponseWriter, r *http.Request) {
		role := web.Role(r.PathValue("role"))
		http.SetCookie(w, &http.Cookie{Name: "weishao_session", Value: world.NewSession(role), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusSeeOther)
	})
	mux.HandleFunc("POST /raise", func(w http.ResponseWriter, r *http.Request) { world.RaiseSmoke() })
	server := &http.Server{Handler: mux}
	go func() { // ends with server.Shutdown below
		s.Run(ctx)
		server.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}
