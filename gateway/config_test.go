package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// fakeKind is a device whose only key of its own is its metric.
func fakeKind(d *Device, _ string) (devices.Device, error) {
	var own struct {
		Metric conf.At[string] `yaml:"metric"`
	}
	if err := d.DecodeOwn(&own); err != nil {
		return nil, err
	}
	info := d.Info()
	info.Metrics = []string{own.Metric.V}
	return devices.Poll(info, func(context.Context, time.Time) ([]telemetry.Point, error) {
		return []telemetry.Point{{Metric: own.Metric.V, Value: 1}}, nil
	}), nil
}

var kinds = map[string]Factory{"fake": fakeKind}

func TestWorkedExample(t *testing.T) {
	c, err := Load("testdata/gateway.yaml", kinds)
	if err != nil {
		t.Fatal(err)
	}
	if c.MQTT.Password != "0123456789abcdef" || c.Outbox.Dir.V != "testdata/outbox" || c.Outbox.maxBytes != 120_000_000 || len(c.Devices) != 2 {
		t.Errorf("%+v", c)
	}
	c.Outbox.Dir.V = t.TempDir()
	g, err := New(c, Deps{Log: quiet, Kinds: kinds})
	if err != nil {
		t.Fatal(err)
	}
	want := devices.Info{ID: "kitchen-301", Model: "MQ-4", Serial: "0042", Placement: "kitchen_gas", Interval: 10 * time.Second, Metrics: []string{"gas.ch4"}}
	if got := g.probes[0].info; got.ID != want.ID || got.Model != want.Model || got.Serial != want.Serial || got.Placement != want.Placement || got.Interval != want.Interval || got.Metrics[0] != "gas.ch4" {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// Each file of testdata/bad has the mistake it is named after; what is said about it
// stands in this table.
func TestMistakes(t *testing.T) {
	want := map[string]string{
		"unknown-key":           `3:1: unknown key "nodde", did you mean "node"?`,
		"no-group":              "1:1: group is missing",
		"bad-node":              `2:7: node "*" is not`,
		"no-devices":            "1:1: there are no devices",
		"device-named-gateway":  `4:10: the gateway reports itself by the name of "gateway"`,
		"supervision":           "3:25: interval 1s is not between 5s and 1h0m0s",
		"alone":                 `1:1: there are no devices`,
		"device-twice":          `5:10: device "a" is given twice (first in line 4)`,
		"device-name":           `3:16: id "a/b" is not`,
		"device-no-kind":        "3:11: kind is missing (one of fake)",
		"device-kind":           `3:25: unknown kind "fakr" (one of fake), did you mean "fake"?`,
		"device-own-key":        `3:45: unknown key "metrc", did you mean "metric"?`,
		"interval-without-unit": `3:41: "1" is not a duration`,
		"interval-impossible":   "3:41: interval 0s is not between 10ms and 24h0m0s",
		"url":                   `3:13: "localhost" is not a broker's URL`,
		"url-port":              "3:13: 18883883 is no port: they are 1 to 65535",
		"url-scheme":            `3:13: "http" is no way to reach a broker`,
		"url-password":          "3:13: the password does not belong in the URL",
		"ca-without-tls":        "3:13: certificates are given, but tcp does not encrypt",
		"cert-without-key":      "3:7: cert and key are given together",
		"password-file":         "3:23: password_file: open testdata/bad/nowhere",
		"readings-per-message":  "3:34: max_readings_per_message 0 is not between 1 and 1000",
		"backlog-rate":          "3:22: backlog_rate -1 is not positive",
		"max-bytes":             `3:21: max_bytes: "120" is not a size`,
		"max-bytes-small":       "3:21: max_bytes 10KB is less than 1MB",
		"max-age":               "3:19: max_age 1s is not between",
		"metrics":               `3:10: metrics "0.0.0.0:9617" is not an address of this machine alone`,
		"ca":                    "3:36: ca: open testdata/bad/nowhere",
		"commit-interval":       "3:27: commit_interval 1h0m0s is not between 10ms and 1m0s",
	}
	entries, err := os.ReadDir("testdata/bad")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, %d expectations", len(entries), len(want))
	}
	for _, e := range entries {
		path := filepath.Join("testdata/bad", e.Name())
		c, err := Load(path, kinds)
		if err == nil { // the device's own keys are read when it is built
			c.Outbox.Dir.V = t.TempDir()
			_, err = New(c, Deps{Log: quiet, Kinds: kinds})
		}
		text := path + ":" + want[strings.TrimSuffix(e.Name(), ".yaml")]
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v, want %s", e.Name(), err, text)
		}
		if _, ok := errors.AsType[conf.Errors](err); !ok {
			t.Errorf("%s: %T is not conf.Errors", e.Name(), err)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]int64{"120MB": 120e6, "1.5GB": 1.5e9, "64 MiB": 64 << 20, "3KB": 3000} {
		if got, err := parseBytes(s); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "12", "MB", "-1MB", "1TB", "NaNMB", "1e300GB"} {
		if got, err := parseBytes(s); err == nil {
			t.Errorf("%q was taken as %d", s, got)
		}
	}
}

// Secrets that everybody may read are told of.
func TestLooseSecrets(t *testing.T) {
	dir := t.TempDir()
	secret := func(name string, mode os.FileMode) conf.At[string] {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return conf.At[string]{V: path}
	}
	m := MQTT{PasswordFile: secret("password", 0o644), Key: secret("key", 0o604)}
	if got := m.Loose(); len(got) != 2 {
		t.Errorf("of two that are loose: %v", got)
	}
	m = MQTT{PasswordFile: secret("password", 0o600), Key: secret("key", 0o640)}
	if got := m.Loose(); got != nil {
		t.Errorf("of two that are not: %v", got)
	}
}
