package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// start is what a hub does with its files before it touches anything.
func start(path string) error {
	cfg, err := LoadHubConfig(path)
	if err != nil {
		return err
	}
	cfg.Data = filepath.Join(os.TempDir(), "never-made")
	h := &Hub{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	return h.readFiles(context.Background())
}

// Each file of testdata/bad has the mistake it is named after.
func TestMistakes(t *testing.T) {
	want := map[string]string{
		"empty":                  "1:1: the file is empty",
		"unknown-key":            `1:1: unknown key "htp", did you mean "http"?`,
		"key-twice":              `2:1: key "data" is given twice (first in line 1)`,
		"wrong-type":             "1:7: a mapping (key: value) belongs here",
		"addr-without-port":      `1:14: "127.0.0.1" is not an address: write host:port`,
		"mqtt-addr":              `1:14: "1883" is not an address`,
		"url":                    `1:13: "hub.example.org" is not an address that starts with http:// or https://`,
		"cert-without-key":       "2:9: http needs both cert and key",
		"key-without-cert":       "2:8: mqtt needs both cert and key",
		"cert-missing":           "1:14: the certificate testdata/bad/nowhere.pem with the key testdata/bad/nowhere.key: open",
		"cert-damaged":           "1:14: the certificate testdata/not.pem",
		"client-ca-without-tls":  "1:19: a client_ca is for TLS",
		"client-ca-missing":      "the authority's certificate: open testdata/bad/nowhere.pem",
		"mqtt-url":               `1:13: "hub:1883" is not an address that starts with tcp:// or ssl://`,
		"tls-twice":              "1:14: with cert the hub speaks https itself",
		"broker-and-mqtt":        "1:7: mqtt is the hub's own broker",
		"broker-without-url":     `1:9: "" is not an address that starts with tcp:// or ssl://`,
		"broker-scheme":          `1:15: "mqtt://127.0.0.1:1884" is not an address`,
		"broker-password":        "1:54: the broker's password: open testdata/bad/nowhere",
		"broker-ca-without-tls":  "1:43: a ca is for TLS",
		"age-without-unit":       "1:16: ",
		"age-too-short":          "1:16: a log of 1h0m0s is not possible: at least 24h0m0s",
		"bytes":                  `1:18: "20" is not a size of at least 100MB`,
		"influx-without-bucket":  "1:19: influx needs a bucket",
		"influx-token":           "1:73: the token of InfluxDB: open testdata/bad/nowhere",
		"site-missing":           "1:7: the site file: open testdata/bad/nowhere.yaml",
		"site-wrong":             `testdata/bad-site.yaml:2:1: unknown key "peple", did you mean "people"?`,
		"rules-missing":          "1:9: rules: stat testdata/bad/nowhere",
		"rules-empty":            "1:9: rules: no *.yaml file in testdata/no-rules",
		"rules-wrong":            "testdata/bad-rules.yaml:5:",
		"channel-unknown":        "testdata/site.yaml: wang is paged by \"chat\", which is not among the `channels`",
		"channel-empty":          `2:9: channel "chat" needs one of url, url_file and webhook`,
		"channel-two-ways":       `2:9: channel "chat" needs one of url, url_file and webhook`,
		"channel-url":            "2:9: channel chat: ",
		"channel-url-file":       "2:20: channel chat: open testdata/bad/nowhere",
		"webhook-without-secret": `2:9: webhook "chat" needs a secret_file`,
		"three-mistakes":         "2:16: a log of 1h0m0s",
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
		text, known := want[strings.TrimSuffix(e.Name(), ".yaml")]
		if strings.HasPrefix(text, "1:") || strings.HasPrefix(text, "2:") {
			text = path + ":" + text
		}
		if err := start(path); !known || err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v\nwant %s", e.Name(), err, text)
		}
	}
	if _, err := LoadHubConfig("testdata/nowhere.yaml"); err == nil || !strings.Contains(err.Error(), "weishao hub --help") {
		t.Errorf("no file: got %v", err)
	}
}

// All mistakes of a file are told at once.
func TestMistakesTogether(t *testing.T) {
	err := start("testdata/bad/three-mistakes.yaml")
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v, want two mistakes of the file itself, one a line", err)
	}
}

const exampleFile = "../docs/hub.yaml"

// example is docs/hub.yaml in a folder where the files are that it names, with
// its alternatives in use or not.
func example(t *testing.T, alternatives bool) *HubConfig {
	t.Helper()
	b, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if alternatives {
		text = regexp.MustCompile(`(?m)^( *)#(\S)`).ReplaceAllString(text, "$1$2")
		text = regexp.MustCompile(`(?ms)^mqtt:.*?^\n`).ReplaceAllString(text, "")
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"hub.yaml": text, "sms.secret": "secret\n", "leader.url": "ntfy://ntfy.example.org/leader\n", "broker.password": "p\n", "influx.token": "t\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := LoadHubConfig(filepath.Join(dir, "hub.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// docs/hub.yaml works as it stands, has every key there is, and shows the
// defaults.
func TestEveryKeyIsDocumented(t *testing.T) {
	cfg := example(t, false)
	if s, err := readSecrets(cfg); err != nil || len(s.channels) != 3 {
		t.Errorf("%d channels, %v, want 3", len(s.channels), err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hub.yaml"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty, err := LoadHubConfig(filepath.Join(dir, "hub.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		Data, HTTP, MQTT string
		Age              any
	}
	of := func(c *HubConfig) shown {
		return shown{filepath.Base(c.Data), c.HTTP.Addr.V, c.MQTT.Addr.V, c.Log.MaxAge.V}
	}
	if got, want := of(cfg), of(empty); got != want {
		t.Errorf("the file shows %v, the defaults are %v", got, want)
	}
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range yamlKeys(reflect.TypeFor[HubConfig]()) {
		if !regexp.MustCompile(`(?m)(^[ #-]*|[{,] ?)` + key + `:`).Match(text) {
			t.Errorf("%s does not show the key %q", exampleFile, key)
		}
	}
}

// What stands in docs/hub.yaml as an alternative works too.
func TestAlternativesOfTheExample(t *testing.T) {
	cfg := example(t, true)
	s, err := readSecrets(cfg)
	if err != nil || len(s.channels) != 4 || s.broker != "p" || s.influx != "t" {
		t.Errorf("%d channels, broker %q, influx %q, %v", len(s.channels), s.broker, s.influx, err)
	}
	if cfg.Broker == nil || cfg.History.Influx == nil || cfg.Site.V == "" || len(cfg.Rules) != 1 || cfg.HTTP.Cert.V == "" || cfg.Log.maxBytes != 20e9 {
		t.Errorf("not all alternatives are in use: %+v", cfg)
	}
}

// yamlKeys are the keys of a configuration's struct and of those within it.
func yamlKeys(t reflect.Type) (list []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for field := range t.Fields() {
		if key := field.Tag.Get("yaml"); key != "" && key != "-" {
			list = append(append(list, key), yamlKeys(field.Type)...)
		}
	}
	return list
}
