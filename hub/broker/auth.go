package broker

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"

	"weishao.dev/weishao/telemetry"
)

// Credentials says who is who. The user name of a gateway is "group/node".
type Credentials interface {
	CheckGateway(username, password string) bool
}

// Names of the hub's own connections to its embedded broker. They have no slash,
// so no gateway can be called so.
const (
	userHub   = "hub"   // hears the gateways and commands them
	userLog   = "log"   // keeps the log, in an account of its own
	userState = "state" // announces the hub by MQTT
)

// The accounts keep the log's subjects and streams out of the gateways' reach,
// and give gateways a smaller limit of payload than the log's records need.
const (
	accountGateways = "GATEWAYS"
	accountLog      = "LOG"
)

// gatekeeper decides who may connect to the embedded broker, and as whom. It
// remembers which client ID belongs to which connection: MQTT lets a newcomer
// with the same client ID throw the old connection out, so a gateway could
// silence another one.
type gatekeeper struct {
	creds   Credentials
	secret  string // password of the hub's own connections, new at every start
	rejects *rejects

	requireCert bool // a gateway's certificate must have its name

	accounts map[string]*server.Account
	alive    func(connection uint64) bool

	mu    sync.Mutex
	byID  map[string]*visitor // by MQTT client ID
	conns map[uint64]*visitor // by the server's number of the connection
	sweep int                 // size of conns at which the dead are swept out
}

// visitor is one MQTT connection that was let in.
type visitor struct {
	user   string
	id     string
	conn   uint64
	closed bool // was found gone by the last sweep
}

func newGatekeeper(creds Credentials, r *rejects) *gatekeeper {
	b := make([]byte, 32)
	rand.Read(b) // never fails, says crypto/rand
	return &gatekeeper{creds: creds, secret: hex.EncodeToString(b), rejects: r,
		byID: map[string]*visitor{}, conns: map[uint64]*visitor{}, sweep: 64}
}

// Check implements server.Authentication: true lets the connection in.
func (g *gatekeeper) Check(c server.ClientAuthentication) bool {
	opts := c.GetOpts()
	switch opts.Username {
	case userHub, userLog, userState:
		return g.checkOwn(c, opts)
	}
	id, ok := mqttClientID(c)
	if !ok {
		return false // a NATS client; nothing listens for those, so it cannot come from outside
	}
	if reason := g.checkGateway(c, opts, id); reason != "" {
		g.rejects.auth(opts.Username, id, reason)
		return false
	}
	return true
}

func (g *gatekeeper) checkOwn(c server.ClientAuthentication, opts *server.ClientOpts) bool {
	if subtle.ConstantTimeCompare([]byte(opts.Password), []byte(g.secret)) != 1 {
		g.rejects.auth(opts.Username, "", "wrong secret for one of the hub's own names")
		return false
	}
	user := &server.User{Username: opts.Username, Account: g.accounts[accountGateways]}
	switch opts.Username {
	case userLog:
		user.Account = g.accounts[accountLog]
	case userState:
		user.Permissions = stateOnly()
	}
	c.RegisterUser(user)
	return true
}

// checkGateway lets a gateway in and returns "", or says why not.
func (g *gatekeeper) checkGateway(c server.ClientAuthentication, opts *server.ClientOpts, id string) string {
	group, node, ok := nodeName(opts.Username)
	if !ok {
		return "the user name is not group/node"
	}
	if !g.creds.CheckGateway(opts.Username, opts.Password) {
		return "unknown user name or wrong password"
	}
	if g.requireCert && certName(c) != opts.Username {
		return "no certificate with the user name as its common name"
	}
	if !g.claim(id, opts.Username, c.GetID()) {
		return "the client ID belongs to another gateway"
	}
	c.RegisterUser(&server.User{
		Username:    opts.Username,
		Account:     g.accounts[accountGateways],
		Permissions: permissionsOf(group, node),
	})
	return ""
}

// certName is the common name of the connection's certificate, verified in the
// handshake; "" without one.
func certName(c server.ClientAuthentication) string {
	state := c.GetTLSConnectionState()
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	return state.PeerCertificates[0].Subject.CommonName
}

// claim binds a client ID to a connection of user. It is refused while a live
// connection of another user holds it, and for good if it is the name by which
// another gateway connects.
func (g *gatekeeper) claim(id, user string, conn uint64) bool {
	if _, _, reserved := nodeName(telemetry.NodeOfClientID(id)); reserved && telemetry.NodeOfClientID(id) != user {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if v := g.byID[id]; v != nil && v.user != user && g.alive(v.conn) {
		return false
	}
	if len(g.conns) >= g.sweep {
		g.sweepOut()
	}
	v := &visitor{user: user, id: id, conn: conn}
	g.byID[id], g.conns[conn] = v, v
	return true
}

// sweepOut forgets connections that are gone. A connection's will is published
// just after it went, so it is forgotten only the second time.
func (g *gatekeeper) sweepOut() {
	for conn, v := range g.conns {
		switch {
		case g.alive(conn):
		case !v.closed:
			v.closed = true
		default:
			delete(g.conns, conn)
			if g.byID[v.id] == v {
				delete(g.byID, v.id)
			}
		}
	}
	g.sweep = max(64, 2*len(g.conns))
}

// userOf is the gateway on a connection, "" if it was never let in.
func (g *gatekeeper) userOf(conn uint64) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if v := g.conns[conn]; v != nil {
		return v.user
	}
	return ""
}

// connectionsOf lists a gateway's connections.
func (g *gatekeeper) connectionsOf(user string) []uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []uint64
	for conn, v := range g.conns {
		if v.user == user {
			list = append(list, conn)
		}
	}
	return list
}

// permissionsOf lets a gateway speak below its own node and hear its own
// commands and the hub's state.
func permissionsOf(group, node string) *server.Permissions {
	p := &server.Permissions{Publish: &server.SubjectPermission{}, Subscribe: &server.SubjectPermission{}}
	for _, t := range ownTopics(group, node) {
		p.Publish.Allow = append(p.Publish.Allow, subjectFilter(t))
	}
	for _, t := range ownCommands(group, node) {
		p.Subscribe.Allow = append(p.Subscribe.Allow, subjectFilter(t))
	}
	return p
}

// subjectFilter is subjectOf for a topic filter with "+" and "#".
func subjectFilter(filter string) string {
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		switch l {
		case "+":
			levels[i] = "*"
		case "#":
			levels[i] = ">"
		default:
			levels[i] = subjectOf(l)
		}
	}
	return strings.Join(levels, ".")
}

// mqttClientID finds the MQTT client ID of a connection that is being let in.
// The server does not hand it to an authenticator; it stands, quoted, at the end
// of the connection's name in the log: `127.0.0.1:4711 - mid:7 - "id"`.
func mqttClientID(c server.ClientAuthentication) (string, bool) {
	name, ok := c.(fmt.Stringer)
	if !ok {
		return "", false
	}
	_, rest, ok := cutConnection(name.String())
	if !ok {
		return "", false
	}
	id, err := strconv.Unquote(rest)
	return id, err == nil
}

// cutConnection takes `addr - mid:7 - rest` apart. The client chooses nothing
// of what stands before rest.
func cutConnection(s string) (conn uint64, rest string, ok bool) {
	_, s, ok = strings.Cut(s, " - mid:")
	if !ok {
		return 0, "", false
	}
	number, rest, ok := strings.Cut(s, " - ")
	if !ok {
		return 0, "", false
	}
	conn, err := strconv.ParseUint(number, 10, 64)
	return conn, rest, err == nil
}
