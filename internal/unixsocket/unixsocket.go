// Package unixsocket is a program's own door: HTTP over a Unix socket that only its
// owner may open. Whoever can open it may do what the program's owner may.
package unixsocket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// ErrInUse says that another process listens there.
var ErrInUse = errors.New("another process listens there")

// Listen opens the door at path, in place of one that a process left behind. The
// umask-free way to 0600: the socket is made in a folder of 0700, if the folder has to
// be made.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	if c, err := net.Dial("unix", short); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", short)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// shortPath works round the 108 bytes that a Unix socket's path may have: a longer
// one goes by way of an open descriptor of its folder.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) < 100 {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { dir.Close() }, nil
}

// ErrNobody says that nobody listens.
var ErrNobody = errors.New("nobody answers")

// callTimeout bounds a question and its reply.
const callTimeout = 10 * time.Second

// Call posts a question to a path of the door and reads the reply. What the other side
// refuses is an error with its text.
func Call(ctx context.Context, socket, path string, question, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := Stream(ctx, socket, path, question)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(reply)
}

// Stream is Call for a reply that may take as long as ctx lasts, as bytes. Close it.
func Stream(ctx context.Context, socket, path string, question any) (io.ReadCloser, error) {
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			short, done, err := shortPath(socket)
			if err != nil {
				return nil, err
			}
			defer done()
			return new(net.Dialer).DialContext(ctx, "unix", short)
		}},
	}
	body, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://door"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w at %s (%w)", ErrNobody, socket, errors.Unwrap(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return nil, errors.New(string(bytes.TrimSpace(text)))
	}
	return resp.Body, nil
}

// Answer turns a function into a handler: JSON in, JSON or an error's text out.
func Answer[Q, A any](f func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a, err := f(r.Context(), q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a) // the peer has gone: nothing to do
	}
}
