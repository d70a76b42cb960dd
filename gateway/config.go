package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

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

// Outbox says where readings are kept until the hub has them.
type Outbox struct {
	Pos            conf.Pos               `yaml:"-"`
	Dir            conf.At[string]        `yaml:"dir"`             // default ./outbox
	CommitInterval conf.At[conf.Duration] `yaml:"commit_interval"` // what a power cut may cost; default 1s, 10ms to 1m
	MaxBytes       conf.At[string]        `yaml:"max_bytes"`       // default 120MB
	MaxAge         conf.At[conf.Duration] `yaml:"max_age"`         // default 14d, at least 1h

	maxBytes int64
}

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
			return nil, conf.Errors{{Pos: c.MQTT.PasswordFile.Pos, Text: fmt.Sprintf("password_file: %v: `weishao-gateway enrol` writes it", err)}}
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
