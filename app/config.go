package app

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// HubConfig is the hub's configuration file. Relative paths are relative to
// the file. A worked example with every key is docs/hub.yaml.
type HubConfig struct {
	Pos     conf.Pos               `yaml:"-"`
	Data    string                 `yaml:"data"` // folder of log, incidents, history; default ./data
	HTTP    HTTPConfig             `yaml:"http"`
	MQTT    MQTTConfig             `yaml:"mqtt"`   // the embedded broker
	Broker  *BrokerConfig          `yaml:"broker"` // another broker in its place
	Site    conf.At[string]        `yaml:"site"`   // site file; default: none, every device is unknown
	Rules   []conf.At[string]      `yaml:"rules"`  // files or folders; default: the shipped pack
	Log     LogConfig              `yaml:"log"`
	History HistoryConfig          `yaml:"history"`
	Page    map[string]ChannelConf `yaml:"channels"` // by name, as people's `pages` name them

	// Set by the demo and by tests, never by the file.
	Clock     telemetry.Clock `yaml:"-"`
	Placement string          `yaml:"-"` // for devices that neither site nor birth places
	SiteFile  *record.File    `yaml:"-"` // goes before Site
}

// HTTPConfig is where pages and API are served.
type HTTPConfig struct {
	Addr      conf.At[string] `yaml:"addr"` // default 127.0.0.1:8080
	URL       conf.At[string] `yaml:"url"`  // how people reach it, for links in pages sent; default http://ADDR
	Cert      conf.At[string] `yaml:"cert"`
	Key       conf.At[string] `yaml:"key"`
	BehindTLS bool            `yaml:"behind_tls_proxy"` // marks cookies Secure
}

// MQTTConfig is the embedded broker's listener.
type MQTTConfig struct {
	Pos  conf.Pos        `yaml:"-"`
	Addr conf.At[string] `yaml:"addr"` // default 127.0.0.1:1883
	Cert conf.At[string] `yaml:"cert"`
	Key  conf.At[string] `yaml:"key"`

	URL      conf.At[string] `yaml:"url"`       // how gateways reach it, for enrolment; default its address, under this machine's name
	ClientCA conf.At[string] `yaml:"client_ca"` // authorities of gateways' certificates, which then every gateway must have
}

// BrokerConfig is a broker that the hub connects to instead of its own.
type BrokerConfig struct {
	Pos      conf.Pos        `yaml:"-"`
	URL      conf.At[string] `yaml:"url"` // tcp://host:1883 or ssl://host:8883
	Username string          `yaml:"username"`
	Password conf.At[string] `yaml:"password_file"`
	CA       conf.At[string] `yaml:"ca"`
}

// LogConfig bounds the log.
type LogConfig struct {
	MaxAge   conf.At[conf.Duration] `yaml:"max_age"`   // default 14d, at least 1d
	MaxBytes conf.At[string]        `yaml:"max_bytes"` // default no limit, such as 20GB
	maxBytes int64
}

// HistoryConfig chooses the time-series store: embedded unless Influx is given.
type HistoryConfig struct {
	Influx *InfluxConfig `yaml:"influx"`
}

// InfluxConfig is an InfluxDB v2.
type InfluxConfig struct {
	Pos    conf.Pos        `yaml:"-"`
	URL    conf.At[string] `yaml:"url"`
	Org    string          `yaml:"org"`
	Bucket conf.At[string] `yaml:"bucket"`
	Token  conf.At[string] `yaml:"token_file"`
}

// ChannelConf is one way to page somebody: a shoutrrr URL or a signed webhook.
// URLs hold secrets, so each can be in a file of its own.
type ChannelConf struct {
	Pos     conf.Pos        `yaml:"-"`
	URL     conf.At[string] `yaml:"url"`
	URLFile conf.At[string] `yaml:"url_file"`
	Webhook conf.At[string] `yaml:"webhook"`
	Secret  conf.At[string] `yaml:"secret_file"` // of the webhook's signature
}

// Bounds of the log's age: below a day an outage over a weekend would be
// forgotten before anyone could look at it.
const (
	defaultLogAge = 14 * 24 * time.Hour
	minLogAge     = 24 * time.Hour
)

// LoadHubConfig reads a hub's file; mistakes come as conf.Errors.
func LoadHubConfig(path string) (*HubConfig, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the hub's configuration: %w (see `weishao hub --help` for an example)", err)
	}
	var c HubConfig
	if err := conf.Decode(path, data, &c); err != nil {
		return nil, err
	}
	c.resolve(filepath.Dir(path))
	if err := c.check(); err != nil {
		return nil, err
	}
	return &c, nil
}

// resolve fills in defaults and makes paths relative to the file absolute.
func (c *HubConfig) resolve(dir string) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if c.Data == "" {
		c.Data = "data"
	}
	if c.HTTP.Addr.V == "" {
		c.HTTP.Addr.V = "127.0.0.1:8080"
	}
	if c.MQTT.Addr.V == "" {
		c.MQTT.Addr.V = "127.0.0.1:1883"
	}
	if c.Log.MaxAge.V == 0 {
		c.Log.MaxAge.V = conf.Duration(defaultLogAge)
	}
	for _, p := range []*string{&c.Data, &c.Site.V, &c.HTTP.Cert.V, &c.HTTP.Key.V, &c.MQTT.Cert.V, &c.MQTT.Key.V, &c.MQTT.ClientCA.V} {
		abs(p)
	}
	for i := range c.Rules {
		abs(&c.Rules[i].V)
	}
	if c.Broker != nil {
		abs(&c.Broker.Password.V)
		abs(&c.Broker.CA.V)
	}
	if c.History.Influx != nil {
		abs(&c.History.Influx.Token.V)
	}
	for name, ch := range c.Page {
		abs(&ch.URLFile.V)
		abs(&ch.Secret.V)
		c.Page[name] = ch
	}
}

func (c *HubConfig) check() error {
	var errs conf.Errors
	for _, a := range []conf.At[string]{c.HTTP.Addr, c.MQTT.Addr} {
		if _, _, err := net.SplitHostPort(a.V); err != nil {
			errs.Add(a.Pos, "%q is not an address: write host:port, such as 127.0.0.1:8080", a.V)
		}
	}
	pair := func(what string, cert, key conf.At[string]) {
		if (cert.V == "") != (key.V == "") {
			at := cert
			if cert.V == "" {
				at = key
			}
			errs.Add(at.Pos, "%s needs both cert and key", what)
		}
	}
	pair("http", c.HTTP.Cert, c.HTTP.Key)
	pair("mqtt", c.MQTT.Cert, c.MQTT.Key)
	if c.MQTT.URL.V != "" {
		checkURL(&errs, c.MQTT.URL, "tcp", "ssl", "ws", "wss")
	}
	if c.MQTT.ClientCA.V != "" && c.MQTT.Cert.V == "" {
		errs.Add(c.MQTT.ClientCA.Pos, "a client_ca is for TLS: give mqtt a cert and a key")
	}
	if c.HTTP.URL.V != "" {
		checkURL(&errs, c.HTTP.URL, "http", "https")
	}
	if c.HTTP.BehindTLS && c.HTTP.Cert.V != "" {
		errs.Add(c.HTTP.Cert.Pos, "with cert the hub speaks https itself: leave behind_tls_proxy out")
	}
	if c.Broker != nil {
		c.checkBroker(&errs)
	}
	if i := c.History.Influx; i != nil {
		checkURL(&errs, at(i.URL, i.Pos), "http", "https")
		if i.Bucket.V == "" {
			errs.Add(i.Pos, "influx needs a bucket")
		}
	}
	if age := time.Duration(c.Log.MaxAge.V); age < minLogAge {
		errs.Add(c.Log.MaxAge.Pos, "a log of %s is not possible: at least %s, so that an outage is not forgotten before it is over", age, minLogAge)
	}
	if b := c.Log.MaxBytes; b.V != "" {
		n, err := conf.ParseBytes(b.V)
		if err != nil || n < 100<<20 {
			errs.Add(b.Pos, "%q is not a size of at least 100MB: write 20GB", b.V)
		}
		c.Log.maxBytes = n
	}
	for name, ch := range c.Page {
		ch.check(name, &errs)
	}
	return errs.Err()
}

func (c *HubConfig) checkBroker(errs *conf.Errors) {
	b := c.Broker
	checkURL(errs, at(b.URL, b.Pos), "tcp", "ssl")
	if c.MQTT.Pos.Line != 0 {
		errs.Add(c.MQTT.Pos, "mqtt is the hub's own broker, broker another one: give one of them")
	}
	if b.CA.V != "" && strings.HasPrefix(b.URL.V, "tcp:") {
		errs.Add(b.CA.Pos, "a ca is for TLS: begin the url with ssl://")
	}
}

func (ch ChannelConf) check(name string, errs *conf.Errors) {
	ways := 0
	for _, v := range []string{ch.URL.V, ch.URLFile.V, ch.Webhook.V} {
		if v != "" {
			ways++
		}
	}
	if ways != 1 {
		errs.Add(ch.Pos, "channel %q needs one of url, url_file and webhook", name)
	}
	if ch.Webhook.V != "" {
		checkURL(errs, ch.Webhook, "http", "https")
		if ch.Secret.V == "" {
			errs.Add(ch.Pos, "webhook %q needs a secret_file, by which the receiver knows that a page is ours", name)
		}
	}
}

func checkURL(errs *conf.Errors, a conf.At[string], schemes ...string) {
	u, err := url.Parse(a.V)
	if err == nil && u.Host != "" {
		if slices.Contains(schemes, u.Scheme) {
			return
		}
	}
	errs.Add(a.Pos, "%q is not an address that starts with %s://", a.V, strings.Join(schemes, ":// or "))
}

func at(a conf.At[string], mapping conf.Pos) conf.At[string] {
	if a.Pos.Line == 0 {
		a.Pos = mapping
	}
	return a
}

// secret reads a file that holds one secret; surrounding space is not part of it.
func secret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}
