package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// MaxPayload is the largest MQTT packet that the embedded broker takes from a
// gateway, in bytes. A client that sends a larger one is disconnected.
const MaxPayload = 1 << 20

// MaxRecord is the largest record of the log, in bytes.
const MaxRecord = 8 << 20

// EmbeddedConfig sets up the broker inside the process.
type EmbeddedConfig struct {
	// Dir is where sessions, retained messages and the log live. One process at a
	// time may use it.
	Dir string
	// Addr is where MQTT clients connect, "127.0.0.1:1883"; port 0 takes a free
	// one. "" opens the log only: no MQTT, nothing listens.
	Addr string
	// TLS, if not nil, is required of every MQTT client.
	TLS *tls.Config
	// RequireCert lets only those in whose certificate, verified by TLS.ClientCAs, has
	// their user name "group/node" as its common name; TLS must ask for one and verify it
	// if it is given (the hub's own announcer has none). The password is needed too.
	RequireCert bool
	// Credentials lets gateways in. Needed with Addr.
	Credentials Credentials
	// OnReject is told of everything the broker refuses: by which gateway
	// ("group/node", or "" if that is not known) and for what. It must not block.
	OnReject func(node string, kind telemetry.Bad)
	// Log must not be nil.
	Log *slog.Logger
}

// Embedded is nats-server inside the process: an MQTT broker and the log's
// JetStream, synced to disk at every write. Nothing but MQTT listens. It is
// itself the hub's Conn to the gateways.
type Embedded struct {
	*natsConn
	cfg   EmbeddedConfig
	srv   *server.Server
	gate  *gatekeeper
	rej   *rejects
	lock  *os.File
	logNC *nats.Conn
	state *External
	addr  string
}

var _ Conn = (*Embedded)(nil)

// StartEmbedded starts the broker and returns when it takes connections.
func StartEmbedded(cfg EmbeddedConfig) (_ *Embedded, err error) {
	if cfg.RequireCert && cfg.TLS == nil {
		return nil, errors.New("broker: certificates are required of gateways, but there is no TLS")
	}
	if cfg.Addr != "" && cfg.Credentials == nil {
		return nil, errors.New("broker: MQTT needs credentials to let gateways in by")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("broker: data directory: %w", err)
	}
	e := &Embedded{cfg: cfg, rej: newRejects(cfg.Log, cfg.OnReject)}
	e.gate = newGatekeeper(cfg.Credentials, e.rej)
	e.gate.requireCert = cfg.RequireCert
	e.rej.userOf = e.gate.userOf
	defer func() {
		if err != nil {
			_ = e.Close()
		}
	}()
	if e.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	if err = e.startServer(); err != nil {
		return nil, err
	}
	if e.logNC, err = e.connect(userLog); err != nil {
		return nil, err
	}
	nc, err := e.connect(userHub)
	if err != nil {
		return nil, err
	}
	e.natsConn = &natsConn{nc: nc, dial: e.srv.InProcessConn, secret: e.gate.secret, log: cfg.Log, closed: make(chan struct{})}
	if cfg.Addr == "" {
		return e, nil
	}
	return e, e.announce()
}

// options are the server's, without users: gatekeeper is asked for each
// connection.
func (e *Embedded) options() (*server.Options, error) {
	opts := &server.Options{
		ServerName:                 "weishao",
		DontListen:                 true,
		NoSigs:                     true,
		JetStream:                  true,
		StoreDir:                   filepath.Join(e.cfg.Dir, "nats"),
		SyncAlways:                 true,
		MaxPayload:                 MaxRecord,
		CustomClientAuthentication: e.gate,
		DisableShortFirstPing:      true,
	}
	// Only the configuration's text can limit an account.
	text := fmt.Sprintf("accounts { %s { jetstream: enabled, limits { max_payload: %d } }, %s { jetstream: enabled } }",
		accountGateways, MaxPayload, accountLog)
	if err := opts.ProcessConfigString(text); err != nil {
		return nil, fmt.Errorf("broker: accounts: %w", err)
	}
	if e.cfg.Addr == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(e.cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("broker: MQTT address %q: %w", e.cfg.Addr, err)
	}
	opts.MQTT.Host = host
	if opts.MQTT.Port, err = strconv.Atoi(port); err != nil {
		return nil, fmt.Errorf("broker: MQTT address %q: the port is not a number", e.cfg.Addr)
	}
	if opts.MQTT.Port == 0 {
		opts.MQTT.Port = server.RANDOM_PORT
	}
	opts.MQTT.TLSConfig = e.cfg.TLS
	opts.MQTT.TLSTimeout = 10
	opts.MQTT.AuthTimeout = 10 // seconds; checking a password costs time on purpose
	return opts, nil
}

func (e *Embedded) startServer() error {
	opts, err := e.options()
	if err != nil {
		return err
	}
	if e.srv, err = server.NewServer(opts); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	e.gate.alive = func(conn uint64) bool { return e.srv.GetClient(conn) != nil }
	e.gate.accounts = map[string]*server.Account{}
	for _, name := range []string{accountGateways, accountLog} {
		acc, err := e.srv.LookupAccount(name)
		if err != nil {
			return fmt.Errorf("broker: account %s: %w", name, err)
		}
		e.gate.accounts[name] = acc
	}
	e.srv.SetLoggerV2(e.rej, false, false, false)
	e.srv.Start()
	if text := e.rej.fatalText(); text != "" {
		return fmt.Errorf("broker: %s", text)
	}
	if !e.srv.ReadyForConnections(10 * time.Second) {
		return errors.New("broker: not ready after 10 s")
	}
	if e.cfg.Addr != "" {
		e.addr = net.JoinHostPort(opts.MQTT.Host, strconv.Itoa(opts.MQTT.Port))
	}
	return nil
}

// connect opens one of the hub's own connections, inside the process.
func (e *Embedded) connect(user string) (*nats.Conn, error) {
	nc, err := nats.Connect("",
		nats.InProcessServer(e.srv),
		nats.UserInfo(user, e.gate.secret),
		nats.Name("weishao-"+user),
		nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			e.cfg.Log.Error("connection inside the process", "user", user, "error", err)
		}))
	if err != nil {
		return nil, fmt.Errorf("broker: connecting inside the process as %s: %w", user, err)
	}
	return nc, nil
}

// announce publishes the hub's STATE by MQTT: what is published on the NATS side
// is not retained.
func (e *Embedded) announce() error {
	host, port, err := net.SplitHostPort(e.addr)
	if err != nil {
		return fmt.Errorf("broker: own address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	cfg := ExternalConfig{
		URL:      "tcp://" + net.JoinHostPort(host, port),
		Username: userState, Password: e.gate.secret, ClientID: "weishao-state",
		Log: e.cfg.Log,
	}
	if e.cfg.TLS != nil {
		cfg.URL = "ssl://" + net.JoinHostPort(host, port)
		cfg.TLS = pinOwn(e.cfg.TLS)
	}
	e.state = StartExternal(cfg)
	return nil
}

// pinOwn accepts exactly the certificates that the server side presents: the
// connection is to ourselves, under whatever address, so names say nothing.
func pinOwn(srv *tls.Config) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection below is stricter
		VerifyConnection: func(cs tls.ConnectionState) error {
			certs := srv.Certificates
			if srv.GetCertificate != nil {
				c, err := srv.GetCertificate(&tls.ClientHelloInfo{ServerName: cs.ServerName})
				if err != nil {
					return err
				}
				certs = append(certs[:len(certs):len(certs)], *c)
			}
			for _, c := range certs {
				if len(c.Certificate) > 0 && string(c.Certificate[0]) == string(cs.PeerCertificates[0].Raw) {
					return nil
				}
			}
			return errors.New("broker: the certificate at our own address is not ours")
		},
	}
}

// stateOnly lets the announcer publish and hear the hub's state, nothing else.
func stateOnly() *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{subjectOf(sparkplug.StateTopic)}},
		Subscribe: &server.SubjectPermission{Allow: []string{subjectOf(sparkplug.StateTopic)}},
	}
}

// Addr is where MQTT clients connect, with the port that was taken.
func (e *Embedded) Addr() string { return e.addr }

// LogConn is the connection that the log is kept by. Embedded closes it.
func (e *Embedded) LogConn() *nats.Conn { return e.logNC }

// Kick disconnects a gateway, for when its credentials were withdrawn.
func (e *Embedded) Kick(node string) {
	for _, conn := range e.gate.connectionsOf(node) {
		_ = e.srv.DisconnectClientByID(conn) // gone already is as good
	}
}

// Close announces the hub offline, disconnects everybody and stops the server.
// The log must be closed before.
func (e *Embedded) Close() error {
	var errs []error
	if e.state != nil {
		errs = append(errs, e.state.Close())
	}
	if e.natsConn != nil {
		errs = append(errs, e.natsConn.Close())
	}
	if e.logNC != nil {
		e.logNC.Close()
	}
	if e.srv != nil {
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}
	if e.lock != nil {
		errs = append(errs, e.lock.Close())
	}
	return errors.Join(errs...)
}
