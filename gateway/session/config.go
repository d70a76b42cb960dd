package session

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
)

// Config says where to and how. Durations are wall time.
type Config struct {
	Group, Node string
	URL         string // tcp://host:1883, ssl://host:8883, ws://..., as paho takes them
	Username    string // also the client ID, see telemetry.ClientID; default "group/node"
	Password    string
	TLS         *tls.Config // nil without TLS
	Version     string      // of the program, for the birth certificate

	MaxReadings int           // in one DDATA; default 50
	BacklogRate int           // readings per second of backlog; default 100,000
	Window      int           // readings in flight; default 20,000
	AckTimeout  time.Duration // default 5 s
	MaxTimeout  time.Duration // what AckTimeout doubles to; default 60 s
	MinBackoff  time.Duration // between connections; default 0.5 s
	MaxBackoff  time.Duration // default 30 s
	Connect     time.Duration // to connect and subscribe; default 10 s
	Write       time.Duration // for one message; default 10 s
	KeepAlive   time.Duration // default 15 s
}

// Deps are the parts that a session works with; all are required but Unit and Configure.
type Deps struct {
	Outbox  *outbox.Outbox
	Devices []devices.Info
	Unit    func(metric string) string // of the catalogue; for birth certificates
	Clock   telemetry.Clock
	Log     *slog.Logger

	// Configure is handed parts of a configuration that the hub pushes. It must not
	// block. nil: they are ignored.
	Configure func(text string)
}

func (c *Config) fill() error {
	if !telemetry.ValidName(c.Group) || !telemetry.ValidName(c.Node) {
		return fmt.Errorf("session: %q is not a group and node: each is 1 to 64 letters, digits, '.', '_' or '-'", c.Group+"/"+c.Node)
	}
	if c.URL == "" {
		return errors.New("session: no broker URL given")
	}
	if c.Username == "" {
		c.Username = telemetry.NodeID(c.Group, c.Node)
	}
	def(&c.MaxReadings, 50)
	def(&c.BacklogRate, 100_000)
	def(&c.Window, 20_000)
	def(&c.AckTimeout, 5*time.Second)
	def(&c.MaxTimeout, max(time.Minute, c.AckTimeout))
	def(&c.MinBackoff, 500*time.Millisecond)
	def(&c.MaxBackoff, 30*time.Second)
	def(&c.Connect, 10*time.Second)
	def(&c.Write, 10*time.Second)
	def(&c.KeepAlive, 15*time.Second)
	return nil
}

func def[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Status is what people see of a session.
type Status struct {
	Connected bool
	Since     time.Time // of the connection, or of its loss
	LastError string    // why the last connection ended or was not made
	LastAck   time.Time // when the hub last told how far it has committed; each birth is answered so
	Connects  uint64
	Births    uint64
	Messages  uint64 // DDATA
	Readings  uint64 // in them, those sent again included
	Committed uint64 // of what was sent, as the hub has told
	Rewinds   uint64 // times that sending went back
	InFlight  int    // readings sent and not acknowledged
}
