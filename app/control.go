package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"weishao.dev/weishao/access"
	"weishao.dev/weishao/internal/unixsocket"
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
	Username string `json:"username,omitempty"`
	Password string `json:"password"`
	MQTT     string `json:"mqtt,omitempty"` // where gateways reach the broker
	CA       string `json:"ca,omitempty"`   // in PEM, the certificate by which the broker's is trusted, if the hub has it
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
	ca     func() string // the certificate by which it is trusted, or ""
	link   func(code string) string
	reload func(context.Context) (says string, err error)
	kick   func(gateway string) // ends its connections
	push   func(context.Context, pushRequest) (pushReply, error)
	log    *logDoor
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sign-in", unixsocket.Answer(c.signIn))
	mux.HandleFunc("POST /token", unixsocket.Answer(c.token))
	mux.HandleFunc("POST /gateway-enrol", unixsocket.Answer(c.enrol))
	mux.HandleFunc("POST /revoke", unixsocket.Answer(c.revoke))
	mux.HandleFunc("POST /reload", unixsocket.Answer(c.again))
	mux.HandleFunc("POST /gateway-push", unixsocket.Answer(c.push))
	c.log.handle(mux)
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
	return Enrolment{Group: r.Group, Node: r.Node, Username: cred.Username, Password: cred.Password, MQTT: c.mqtt(), CA: c.ca()}, nil
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

func controlSocket(dataDir string) string { return filepath.Join(dataDir, "control", socketName) }

// listenControl opens the door.
func listenControl(dataDir string) (net.Listener, error) {
	l, err := unixsocket.Listen(controlSocket(dataDir))
	if err != nil {
		return nil, fmt.Errorf("the hub's control socket: %w", err)
	}
	return l, nil
}

// callControl asks the running hub for something.
func callControl(ctx context.Context, dataDir, path string, question, reply any) error {
	err := unixsocket.Call(ctx, controlSocket(dataDir), path, question, reply)
	if errors.Is(err, unixsocket.ErrNobody) {
		return fmt.Errorf("no hub answers: start it with `weishao hub --config FILE`, and use the same FILE here (%w)", err)
	}
	return err
}
