package mqttsensor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Config are the keys that every MQTT sensor has beside what all devices have.
type Config struct {
	Topic           conf.At[string]        `yaml:"topic"`            // spaces and any letters are allowed, wildcards are not
	Broker          yaml.Node              `yaml:"broker"`           // a BrokerConfig, or the path of a file that is one; default tcp://127.0.0.1:1883
	Fields          map[string]FieldConfig `yaml:"fields"`           // what is measured, by the names that the messages have
	UnreliableClear bool                   `yaml:"unreliable_clear"` // the device's all-clear proves nothing
	StuckAfter      conf.At[conf.Duration] `yaml:"stuck_after"`      // an alarm that is on for longer is stuck; default 30m
}

// BrokerConfig says how to reach the sensors' broker. Devices that name the same one
// share a session.
type BrokerConfig struct {
	Pos          conf.Pos        `yaml:"-"`
	URL          conf.At[string] `yaml:"url"` // default tcp://127.0.0.1:1883
	Username     conf.At[string] `yaml:"username"`
	PasswordFile conf.At[string] `yaml:"password_file"` // holds the password and nothing else
	CA           conf.At[string] `yaml:"ca"`            // certificates to trust; default the system's
}

const (
	defaultURL        = "tcp://127.0.0.1:1883"
	defaultStuckAfter = 30 * time.Minute
	leastInterval     = time.Second
)

// Parts are what a device needs of the program.
type Parts struct {
	Brokers   *Brokers
	Catalogue *telemetry.Catalogue
	Dir       string // against which relative paths are meant
}

// Dialect is what a maker's package says of one device.
type Dialect struct {
	Known    func(field string) (Known, bool)
	Interval time.Duration // default: the longest that such a device is silent
	Behind   string        // which device of a topic that several share; "" if it has one

	// Speaker makes the device's Speaker once its fields are known. It may add to
	// the errors.
	Speaker func(fields []Field, errs *conf.Errors) Speaker
}

// Device makes the device of a configuration; at is where it stands. Errors are of
// type conf.Errors.
func (c *Config) Device(at conf.Pos, info devices.Info, d Dialect, parts Parts) (devices.Device, error) {
	var errs conf.Errors
	c.checkTopic(at, &errs)
	if len(c.Fields) == 0 {
		errs.Add(at, "fields is missing: name what this device measures, such as fields: {smoke: {}}")
	}
	list := fields(c.Fields, d.Known, parts.Catalogue, &errs)
	stuckAfter := defaultStuckAfter
	if c.StuckAfter.Pos.Line != 0 {
		if stuckAfter = time.Duration(c.StuckAfter.V); stuckAfter < 0 {
			errs.Add(c.StuckAfter.Pos, "stuck_after %v is negative; 0s is never", stuckAfter)
		}
	}
	if info.Interval == 0 {
		info.Interval = d.Interval
	} else if info.Interval < leastInterval {
		errs.Add(at, "interval %v is less than %v: it is the longest time that the sensor says nothing", info.Interval, leastInterval)
	}
	broker := parts.Brokers.broker(&c.Broker, at, parts.Dir, &errs)
	var speaker Speaker
	if len(errs) == 0 {
		speaker = d.Speaker(list, &errs)
		c.alone(broker, d.Behind, info.ID, &errs)
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	for _, f := range list {
		info.Metrics = append(info.Metrics, f.Metric.Name)
	}
	return &device{info: info, broker: broker, speaker: speaker,
		rules: rules{metrics: info.Metrics, interval: info.Interval, stuckAfter: stuckAfter, unreliable: c.UnreliableClear}}, nil
}

// alone reports a field that another device takes: of an entry that was copied, and
// shows one flat's sensor as another's.
func (c *Config) alone(b *Broker, behind, device string, errs *conf.Errors) {
	for name, f := range c.Fields {
		what := c.Topic.V + "\x00" + behind + "\x00" + name
		if before, taken := b.taken[what]; taken && before != device {
			errs.Add(f.Pos, "field %q of %s is taken by %s: give each sensor its own topic, or the field to one of them", name, c.Topic.V, before)
			continue
		}
		b.taken[what] = device
	}
}

// maxTopic is MQTT's own limit.
const maxTopic = 65_535

func (c *Config) checkTopic(at conf.Pos, errs *conf.Errors) {
	switch t := c.Topic.V; {
	case t == "":
		errs.Add(at, "topic is missing: where this device's messages are")
	case strings.ContainsAny(t, "+#"):
		errs.Add(c.Topic.Pos, "topic %q has a wildcard: one device, one topic", t)
	case strings.ContainsRune(t, 0) || !utf8.ValidString(t) || len(t) > maxTopic:
		errs.Add(c.Topic.Pos, "topic %q cannot be an MQTT topic", t)
	case strings.HasPrefix(t, "/") || strings.HasSuffix(t, "/") || strings.Contains(t, "//"):
		errs.Add(c.Topic.Pos, "topic %q has an empty level: take out the / that is too much", t)
	}
}

// read reads the mapping, or the file that the node names.
func (b *BrokerConfig) read(n *yaml.Node, at conf.Pos, dir string, errs *conf.Errors) {
	b.Pos = at
	switch {
	case n.Kind == 0: // not given
	case n.Kind == yaml.ScalarNode:
		path := resolve(dir, n.Value)
		data, err := os.ReadFile(path)
		if err != nil {
			errs.Add(conf.Pos{File: at.File, Line: n.Line, Column: n.Column}, "broker: %v", err)
			return
		}
		collect(errs, conf.Decode(path, data, b))
		dir = filepath.Dir(path)
	default:
		collect(errs, conf.DecodeNode(at.File, n, b))
	}
	if b.URL.V == "" {
		b.URL = conf.At[string]{V: defaultURL, Pos: b.Pos}
	}
	b.PasswordFile.V, b.CA.V = resolve(dir, b.PasswordFile.V), resolve(dir, b.CA.V)
	b.check(errs)
}

func collect(errs *conf.Errors, err error) {
	if more, ok := err.(conf.Errors); ok {
		*errs = append(*errs, more...)
	}
}

func resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

var schemes = []string{"tcp", "ssl", "ws", "wss"}

func (b *BrokerConfig) check(errs *conf.Errors) {
	u, err := url.Parse(b.URL.V)
	switch {
	case err != nil || u.Host == "":
		errs.Add(b.URL.Pos, "%q is not a broker's URL: write %s", b.URL.V, defaultURL)
	case !slices.Contains(schemes, u.Scheme):
		errs.Add(b.URL.Pos, "%q is no way to reach a broker: %s are", u.Scheme, strings.Join(schemes, ", "))
	case u.User != nil:
		errs.Add(b.URL.Pos, "the password does not belong in the URL: use username and password_file")
	case b.CA.V != "" && !encrypted(u):
		errs.Add(b.URL.Pos, "a certificate is given, but %s does not encrypt: write ssl://%s", u.Scheme, u.Host)
	}
	if b.PasswordFile.V != "" && b.Username.V == "" {
		errs.Add(b.PasswordFile.Pos, "username is missing: MQTT has no password without one")
	}
}

func encrypted(u *url.URL) bool { return u.Scheme == "ssl" || u.Scheme == "wss" }

// password reads the file that holds it.
func (b *BrokerConfig) password(errs *conf.Errors) string {
	if b.PasswordFile.V == "" {
		return ""
	}
	text, err := os.ReadFile(b.PasswordFile.V)
	if err != nil {
		errs.Add(b.PasswordFile.Pos, "password_file: %v", err)
	}
	return strings.TrimSpace(string(text))
}

// tls is nil without encryption.
func (b *BrokerConfig) tls(errs *conf.Errors) *tls.Config {
	u, err := url.Parse(b.URL.V)
	if err != nil || !encrypted(u) {
		return nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	if b.CA.V == "" {
		return t
	}
	pem, err := os.ReadFile(b.CA.V)
	t.RootCAs = x509.NewCertPool()
	if err == nil && !t.RootCAs.AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s holds no certificate in PEM", b.CA.V)
	}
	if err != nil {
		errs.Add(b.CA.Pos, "ca: %v", err)
	}
	return t
}
