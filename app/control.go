package app

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
	"strings"
	"time"

	"weishao.dev/weishao/access"
	"weishao.dev/weishao/telemetry"
)

// The running hub's own door: HTTP over a Unix socket in the data folder that
// only its owner may open (0600). Whoever can open it may make users and enrol
// gateways, just as whoever can read the data folder could.
const socketName = "hub.sock"

// signInRequest asks for a one-time link, and makes the user where there is none.
type signInRequest struct {
	User string `json:"user"`
	Role string `json:"role"`
}

type tokenRequest struct {
	User string `json:"user"`
}

type enrolRequest struct {
	Group string `json:"group"`
	Node  string `json:"node"`
}

// Enrolment is what `weishao gateway-enrol` prints, once.
type Enrolment struct {
	Group    string `json:"group"`
	Node     string `json:"node"`
	Username string `json:"username"`
	Password string `json:"password"`
	MQTT     string `json:"mqtt,omitempty"` // the broker's address as this hub knows it
}

type secretReply struct {
	Secret string `json:"secret"`
}

// revokeRequest names one of the two.
type revokeRequest struct {
	User    string `json:"user,omitempty"`
	Gateway string `json:"gateway,omitempty"` // "group/node"
}

type reloadReply struct {
	Says string `json:"says"`
}

// control serves the door.
type control struct {
	access *access.Store
	mqtt   func() string // the broker's address
	link   func(code string) string
	reload func(context.Context) (says string, err error)
	kick   func(gateway string) // ends its connections
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sign-in", answer(c.signIn))
	mux.HandleFunc("POST /token", answer(c.token))
	mux.HandleFunc("POST /gateway-enrol", answer(c.enrol))
	mux.HandleFunc("POST /revoke", answer(c.revoke))
	mux.HandleFunc("POST /reload", answer(c.again))
	return mux
}

func (c *control) signIn(ctx context.Context, r signInRequest) (secretReply, error) {
	if err := c.access.EnsureUser(ctx, r.User, access.Role(r.Role)); err != nil {
		return secretReply{}, err
	}
	code, err := c.access.NewSignIn(ctx, r.User)
	if err != nil {
		return secretReply{}, err
	}
	return secretReply{c.link(code)}, nil
}

func (c *control) again(ctx context.Context, _ struct{}) (reloadReply, error) {
	says, err := c.reload(ctx)
	return reloadReply{says}, err
}

func (c *control) token(ctx context.Context, r tokenRequest) (secretReply, error) {
	tok, err := c.access.NewToken(ctx, r.User)
	return secretReply{tok}, err
}

func (c *control) enrol(ctx context.Context, r enrolRequest) (Enrolment, error) {
	for _, n := range []string{r.Group, r.Node} {
		if !telemetry.ValidName(n) {
			return Enrolment{}, fmt.Errorf("%q cannot name a group or a node: 1 to 64 letters, digits, '.', '_' or '-'", n)
		}
	}
	cred, err := c.access.EnrolGateway(ctx, r.Group, r.Node)
	if err != nil {
		return Enrolment{}, err
	}
	c.kick(cred.Username) // whoever has the old password
	return Enrolment{Group: r.Group, Node: r.Node, Username: cred.Username, Password: cred.Password, MQTT: c.mqtt()}, nil
}

// revoke shuts a person or a gateway out, and ends what they have open.
func (c *control) revoke(ctx context.Context, r revokeRequest) (struct{}, error) {
	if r.User != "" {
		return struct{}{}, c.access.RemoveUser(ctx, r.User)
	}
	group, node, _ := strings.Cut(r.Gateway, "/")
	if err := c.access.RevokeGateway(ctx, group, node); err != nil {
		return struct{}{}, err
	}
	c.kick(r.Gateway)
	return struct{}{}, nil
}

// answer turns a function into a handler: JSON in, JSON or {"error"} out.
func answer[Q, A any](f func(context.Context, Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&q); err != nil {
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

// listenControl opens the door. The umask-free way to 0600: the socket is made
// in a folder of 0700.
func listenControl(dataDir string) (net.Listener, error) {
	dir := filepath.Join(dataDir, "control")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.Listen("unix", short)
	if err != nil {
		return nil, fmt.Errorf("the hub's control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// shortPath works round the 108 bytes that a Unix socket's path may have: a
// longer one goes by way of an open descriptor of its folder.
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

// callControl asks the running hub for something.
func callControl(ctx context.Context, dataDir, path string, question, reply any) error {
	socket := filepath.Join(dataDir, "control", socketName)
	client := http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			short, done, err := shortPath(socket)
			if err != nil {
				return nil, err
			}
			defer done()
			return new(net.Dialer).DialContext(ctx, "unix", short)
		}},
	}
	defer client.CloseIdleConnections()
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://hub"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no hub answers at %s: start it with `weishao hub --config FILE`, and use the same FILE here (%w)", socket, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return errors.New(string(bytes.TrimSpace(text)))
	}
	return json.NewDecoder(resp.Body).Decode(reply)
}
