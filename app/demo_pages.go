package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/internal/durable"
)

// pageDesk stands in for the wardens' phones: the receiver of a signed webhook on
// the loopback, which checks the signature as any receiver should and prints the
// page on the terminal.
type pageDesk struct {
	out    *teller
	log    *slog.Logger
	secret string
	file   string // of the secret, for the hub's configuration
	url    string
	server *http.Server
}

func openPageDesk(dir string, out *teller, log *slog.Logger) (*pageDesk, error) {
	d := &pageDesk{out: out, log: log, secret: rand.Text(), file: filepath.Join(dir, "terminal.secret")}
	if err := durable.WriteFile(d.file, []byte(d.secret+"\n"), 0o600); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.url = "http://" + l.Addr().String() + "/page"
	d.server = &http.Server{Handler: d, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	go func() {
		if err := d.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("pages cannot be printed any more", "err", err)
		}
	}()
	return d, nil
}

func (d *pageDesk) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = d.server.Shutdown(ctx) // the process ends anyway
}

// channel is how the hub is told of the desk.
func (d *pageDesk) channel() ChannelConf {
	return ChannelConf{Webhook: conf.At[string]{V: d.url}, Secret: conf.At[string]{V: d.file}}
}

// signedWithin is how old a page's signature may be.
const signedWithin = 5 * time.Minute

func (d *pageDesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "the page could not be read", http.StatusBadRequest)
		return
	}
	if err := notify.Verify(d.secret, r.Header, body, time.Now(), signedWithin); err != nil {
		d.log.Warn("a page was refused", "err", err)
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	var m notify.Message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.out.page(m)
	io.WriteString(w, "printed on the terminal")
}
