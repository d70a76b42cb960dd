package gateway

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/life"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Config is a gateway's configuration. Relative paths are relative to the file.
// testdata/gateway.yaml is a worked example.
type Config struct {
	Pos         conf.Pos               `yaml:"-"`
	Group       conf.At[string]        `yaml:"group"`
	Node        conf.At[string]        `yaml:"node"`
	MQTT        MQTT                   `yaml:"mqtt"`
	Outbox      Outbox                 `yaml:"outbox"`
	Rules       []conf.At[string]      `yaml:"rules"`       // files, or folders of *.yaml, that say what is urgent; default the shipped pack
	Metrics     conf.At[string]        `yaml:"metrics"`     // loopback address on which /metrics is served; default: not served
	Supervision Supervision            `yaml:"supervision"` // how the gateway reports itself
	State       conf.At[string]        `yaml:"state"`       // folder of what has to survive a restart beside the outbox; default state in the folder that the outbox is in
	Control     conf.At[string]        `yaml:"control"`     // socket by which people on this machine speak to the gateway; default control.sock in State
	Actuators   []yaml.Node            `yaml:"actuators"`   // see package actuator; decoded by whoever wires the gateway
	ClockWait   conf.At[conf.Duration] `yaml:"clock_wait"`  // how long readings wait for a clock that may not be set; default 1m, 0s: not
	Nodes       []yaml.Node            `yaml:"devices"`     // see Device; decoded by Load and New
	Devices     []Device               `yaml:"-"`
	Version     string                 `yaml:"-"` // of the program, for the birth certificate
}

// MQTT says how to reach the hub's broker.
type MQTT struct {
	Pos          conf.Pos        `yaml:"-"`
	URL          conf.At[string] `yaml:"url"`           // tcp://host:1883 or ssl://host:8883; default tcp://127.0.0.1:1883
	Username     conf.At[string] `yaml:"username"`      // also the client ID; default group/node
	PasswordFile conf.At[string] `yaml:"password_file"` // holds the password and nothing else
	CA           conf.At[string] `yaml:"ca"`            // certificates to trust; default the system's
	Cert         conf.At[string] `yaml:"cert"`          // the gateway's own, with its key
	Key          conf.At[string] `yaml:"key"`
	MaxReadings  conf.At[int]    `yaml:"max_readings_per_message"` // default 50, at most 1000
	BacklogRate  conf.At[int]    `yaml:"backlog_rate"`             // readings per second, default 100000

	Password string `yaml:"-"` // given by a demo or a test instead of a file
}

// Outbox says where readings are kept until the hub has them.
type Outbox struct {
	Pos            conf.Pos               `yaml:"-"`
	Dir            conf.At[string]        `yaml:"dir"`             // default ./outbox
	CommitInterval conf.At[conf.Duration] `yaml:"commit_interval"` // what a power cut may cost; default 1s, 10ms to 1m
	MaxBytes       conf.At[string]        `yaml:"max_bytes"`       // default 120MB
	MaxAge         conf.At[conf.Duration] `yaml:"max_age"`         // default 14d, at least 1h

	maxBytes int64
}

// Device is what every device's mapping has. The keys beside these are its kind's
// own and are in Own.
type Device struct {
	Pos       conf.Pos               `yaml:"-"`
	ID        conf.At[string]        `yaml:"id"`   // name within the gateway
	Kind      conf.At[string]        `yaml:"kind"` // "simulated", "replay", ...
	Model     string                 `yaml:"model"`
	Serial    string                 `yaml:"serial"`
	Placement string                 `yaml:"placement"`
	Interval  conf.At[conf.Duration] `yaml:"interval"` // between two samples, 10ms to 24h; what it means is up to the kind

	Report map[string]Report `yaml:"report"` // by metric; what is not there is sent as it is measured
	Lives  life.Own          `yaml:",inline"`

	Own yaml.Node `yaml:"-"`

	calibrated bool // the file has its calibration
}

// Info is the part of a device's announcement that the configuration gives.
func (d *Device) Info() devices.Info {
	return devices.Info{ID: d.ID.V, Model: d.Model, Serial: d.Serial, Placement: d.Placement, Interval: time.Duration(d.Interval.V)}
}

// DecodeOwn reads the kind's own keys, strictly, into the struct that into points
// to. The error is of type conf.Errors.
func (d *Device) DecodeOwn(into any) error {
	return conf.DecodeNode(d.Pos.File, &d.Own, into, commonKeys...)
}

// commonKeys are those that devices of every kind have.
var commonKeys = []string{"id", "kind", "model", "serial", "placement", "interval", "report", "life", "stuck", "drift"}

// Factory makes the device of one kind. Its errors say file, line and column, as
// those of Device.DecodeOwn do. dir is the configuration's folder, against which
// relative paths are meant. It must not wait for the part to answer: that is Run's.
type Factory func(d *Device, dir string) (devices.Device, error)

// Load reads a configuration file; mistakes come as conf.Errors, all at once. kinds
// are the kinds of devices there are.
func Load(path string, kinds map[string]Factory) (*Config, error) { return LoadWith(path, "", kinds) }

// LoadWith is Load with the parts of the configuration that stand in the file pushed,
// see Pushed; "" is none.
func LoadWith(path, pushed string, kinds map[string]Factory) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the gateway's configuration: %w", err)
	}
	var c Config
	if err := conf.Decode(path, data, &c); err != nil {
		return nil, err
	}
	from, err := c.overlay(path, pushed)
	if err != nil {
		return nil, err
	}
	var errs conf.Errors
	for i := range c.Nodes {
		d, err := splitDevice(from, &c.Nodes[i])
		if err != nil {
			collect(&errs, c.Nodes[i].Line, from, err)
			continue
		}
		if err := d.readCalibration(filepath.Dir(path)); err != nil {
			collect(&errs, d.Pos.Line, from, err)
		}
		c.Devices = append(c.Devices, d)
	}
	c.check(kinds, &errs)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	c.resolve(filepath.Dir(path))
	c.Supervision.fill()
	if c.MQTT.PasswordFile.V != "" {
		b, err := os.ReadFile(c.MQTT.PasswordFile.V)
		if err != nil {
			return nil, conf.Errors{{Pos: c.MQTT.PasswordFile.Pos, Text: fmt.Sprintf("password_file: %v", err)}}
		}
		c.MQTT.Password = strings.TrimSpace(string(b))
	}
	return &c, nil
}

func collect(errs *conf.Errors, line int, file string, err error) {
	if more, ok := errors.AsType[conf.Errors](err); ok {
		*errs = append(*errs, more...)
		return
	}
	errs.Add(conf.Pos{File: file, Line: line, Column: 1}, "%v", err)
}

// splitDevice takes a device's mapping apart into what all devices have and what its
// kind has of its own.
func splitDevice(file string, n *yaml.Node) (Device, error) {
	var d Device
	common, own := *n, *n
	common.Content, own.Content = nil, nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		part := &own
		if slices.Contains(commonKeys, n.Content[i].Value) {
			part = &common
		}
		part.Content = append(part.Content, n.Content[i], n.Content[i+1])
	}
	err := conf.DecodeNode(file, &common, &d)
	d.Own = own
	return d, err
}

// Limits of what a configuration may ask for.
const (
	minInterval = 10 * time.Millisecond
	maxInterval = 24 * time.Hour
	maxMessage  = 1000
)

func (c *Config) check(kinds map[string]Factory, errs *conf.Errors) {
	name := func(what string, v conf.At[string], at conf.Pos) {
		if v.V == "" {
			errs.Add(at, "%s is missing", what)
		} else if !telemetry.ValidName(v.V) {
			errs.Add(v.Pos, "%s %q is not 1 to 64 letters, digits, '.', '_' or '-'", what, v.V)
		}
	}
	name("group", c.Group, c.Pos)
	name("node", c.Node, c.Pos)
	c.MQTT.check(errs)
	c.Outbox.check(errs)
	checkMetrics(errs, c.Metrics)
	duration(errs, "clock_wait", c.ClockWait, 0, time.Hour)
	c.Supervision.check(errs)
	c.checkNone(errs)
	seen := map[string]conf.Pos{}
	for i := range c.Devices {
		d := &c.Devices[i]
		name("id", d.ID, d.Pos)
		if first, dup := seen[d.ID.V]; dup && d.ID.V != "" {
			errs.Add(d.ID.Pos, "device %q is given twice (first in line %d)", d.ID.V, first.Line)
		}
		seen[d.ID.V] = d.ID.Pos
		if s := c.Supervision; d.ID.V == cmp.Or(s.Device.V, heartbeatDevice) {
			errs.Add(d.ID.Pos, "the gateway reports itself by the name of %q: give the device another one, or the gateway by supervision.device", d.ID.V)
		}
		if _, known := kinds[d.Kind.V]; d.Kind.V == "" {
			errs.Add(d.Pos, "kind is missing (one of %s)", strings.Join(kindNames(kinds), ", "))
		} else if !known {
			errs.Add(d.Kind.Pos, "unknown kind %q (one of %s)%s", d.Kind.V, strings.Join(kindNames(kinds), ", "), telemetry.Suggest(d.Kind.V, kindNames(kinds)))
		}
		duration(errs, "interval", d.Interval, minInterval, maxInterval)
	}
}

// clockWait is how long a clock in doubt is waited for.
func (c *Config) clockWait() time.Duration {
	if c.ClockWait.Pos.Line == 0 {
		return defaultWait
	}
	return time.Duration(c.ClockWait.V)
}

// checkMetrics refuses an address that others than this machine could reach: what
// is served there asks nobody who they are.
func checkMetrics(errs *conf.Errors, addr conf.At[string]) {
	if addr.V == "" {
		return
	}
	host, _, err := net.SplitHostPort(addr.V)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		errs.Add(addr.Pos, "metrics %q is not an address of this machine alone: write 127.0.0.1:9617", addr.V)
	}
}

func kindNames(kinds map[string]Factory) []string {
	list := make([]string, 0, len(kinds))
	for k := range kinds {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

// duration checks one that was given.
func duration(errs *conf.Errors, what string, d conf.At[conf.Duration], least, most time.Duration) {
	if v := time.Duration(d.V); d.Pos.Line != 0 && (v < least || v > most) {
		errs.Add(d.Pos, "%s %v is not between %v and %v", what, v, least, most)
	}
}

func (m *MQTT) check(errs *conf.Errors) {
	if m.URL.V != "" {
		u, err := url.Parse(m.URL.V)
		switch {
		case err != nil || u.Host == "":
			errs.Add(m.URL.Pos, "%q is not a broker's URL: write tcp://host:1883 or ssl://host:8883", m.URL.V)
		case u.Scheme != "tcp" && u.Scheme != "ssl" && u.Scheme != "ws" && u.Scheme != "wss":
			errs.Add(m.URL.Pos, "%q is no way to reach a broker: tcp, ssl, ws and wss are", u.Scheme)
		case u.User != nil:
			errs.Add(m.URL.Pos, "the password does not belong in the URL: use username and password_file")
		case (u.Scheme == "tcp" || u.Scheme == "ws") && (m.CA.V != "" || m.Cert.V != ""):
			errs.Add(m.URL.Pos, "certificates are given, but %s does not encrypt: write ssl://%s", u.Scheme, u.Host)
		}
	}
	if (m.Cert.V == "") != (m.Key.V == "") {
		errs.Add(m.Pos, "cert and key are given together or not at all")
	}
	if m.MaxReadings.Pos.Line != 0 && (m.MaxReadings.V < 1 || m.MaxReadings.V > maxMessage) {
		errs.Add(m.MaxReadings.Pos, "max_readings_per_message %d is not between 1 and %d", m.MaxReadings.V, maxMessage)
	}
	if m.BacklogRate.Pos.Line != 0 && m.BacklogRate.V < 1 {
		errs.Add(m.BacklogRate.Pos, "backlog_rate %d is not positive", m.BacklogRate.V)
	}
}

func (o *Outbox) check(errs *conf.Errors) {
	duration(errs, "commit_interval", o.CommitInterval, 10*time.Millisecond, time.Minute)
	duration(errs, "max_age", o.MaxAge, time.Hour, 10*365*24*time.Hour)
	if o.MaxBytes.V == "" {
		return
	}
	n, err := parseBytes(o.MaxBytes.V)
	switch {
	case err != nil:
		errs.Add(o.MaxBytes.Pos, "max_bytes: %v", err)
	case n < 1<<20:
		errs.Add(o.MaxBytes.Pos, "max_bytes %s is less than 1MB", o.MaxBytes.V)
	}
	o.maxBytes = n
}

var byteUnits = []struct {
	name string
	n    int64
}{{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}

// parseBytes reads a size with its unit: "120MB", "1.5GB", "64MiB".
func parseBytes(s string) (int64, error) {
	for _, u := range byteUnits {
		if num, ok := strings.CutSuffix(s, u.name); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
			if err == nil && v >= 0 && v*float64(u.n) < math.MaxInt64 {
				return int64(v * float64(u.n)), nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a size: write a number with its unit, such as 120MB or 1GB", s)
}

// resolve makes paths that are relative to the file absolute or relative to here, and fills
// in defaults.
func (c *Config) resolve(dir string) {
	if c.Outbox.Dir.V == "" {
		c.Outbox.Dir.V = "outbox"
	}
	if c.State.V == "" {
		c.State.V = filepath.Join(filepath.Dir(c.Outbox.Dir.V), "state") // what is there can be written to
	}
	if c.Control.V == "" {
		c.Control.V = filepath.Join(c.State.V, "control.sock")
	}
	paths := []*string{&c.Outbox.Dir.V, &c.State.V, &c.Control.V, &c.MQTT.PasswordFile.V, &c.MQTT.CA.V, &c.MQTT.Cert.V, &c.MQTT.Key.V}
	for i := range c.Rules {
		paths = append(paths, &c.Rules[i].V)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// tls is nil without encryption. Its errors are of type conf.Errors, or the URL's.
func (m *MQTT) tls() (*tls.Config, error) {
	u, err := url.Parse(m.URL.V)
	if err != nil || u.Scheme != "ssl" && u.Scheme != "wss" {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	if m.CA.V != "" {
		pem, err := os.ReadFile(m.CA.V)
		if err != nil {
			return nil, conf.Errors{{Pos: m.CA.Pos, Text: fmt.Sprintf("ca: %v", err)}}
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, conf.Errors{{Pos: m.CA.Pos, Text: fmt.Sprintf("ca: %s holds no certificate in PEM", m.CA.V)}}
		}
	}
	if m.Cert.V != "" {
		cert, err := tls.LoadX509KeyPair(m.Cert.V, m.Key.V)
		if err != nil {
			return nil, conf.Errors{{Pos: m.Cert.Pos, Text: fmt.Sprintf("cert: %v", err)}}
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}
