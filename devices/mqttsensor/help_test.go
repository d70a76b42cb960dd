package mqttsensor_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/devices/mqttsensor/esphome"
	"weishao.dev/weishao/devices/mqttsensor/tasmota"
	"weishao.dev/weishao/devices/mqttsensor/zigbee2mqtt"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// maker is a kind of device.
type maker interface {
	Device(devices.Info, mqttsensor.Parts) (devices.Device, error)
}

// build makes a device of a kind from the YAML of its own keys.
func build(kind, text string, info devices.Info, parts mqttsensor.Parts) (devices.Device, error) {
	own := map[string]maker{"zigbee2mqtt": &zigbee2mqtt.Own{}, "tasmota": &tasmota.Own{}, "esphome": &esphome.Own{}}[kind]
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return nil, err
	}
	var err error
	switch own := own.(type) {
	case *zigbee2mqtt.Own:
		err = conf.DecodeNode("x.yaml", root.Content[0], own)
	case *tasmota.Own:
		err = conf.DecodeNode("x.yaml", root.Content[0], own)
	case *esphome.Own:
		err = conf.DecodeNode("x.yaml", root.Content[0], own)
	}
	if err != nil {
		return nil, err
	}
	return own.Device(info, parts)
}

func parts(t testing.TB) mqttsensor.Parts {
	return mqttsensor.Parts{Brokers: mqttsensor.NewBrokers(slog.New(slog.DiscardHandler)), Catalogue: telemetry.NewCatalogue(telemetry.LEL{}), Dir: t.TempDir()}
}

// fed is a device of a kind that is given messages without a broker.
func fed(t testing.TB, kind, text string) *mqttsensor.Fed {
	t.Helper()
	d, err := build(kind, text, devices.Info{ID: "x"}, parts(t))
	if err != nil {
		t.Fatal(err)
	}
	return mqttsensor.Feed(d, noon)
}

// say writes points as "contact=1 voltage=253 power!no_response contact=0?suspect",
// sorted, with a time that is not now as "@-5m0s".
func say(points []telemetry.Point, now time.Time) string {
	var list []string
	for _, p := range points {
		s := fmt.Sprintf("%s=%g", p.Metric, p.Value)
		switch {
		case p.Quality.Fault() && p.Value != 0:
			s += "!" + p.Quality.String() + " with a number"
		case p.Quality.Fault():
			s = p.Metric + "!" + p.Quality.String()
		case p.Quality != telemetry.Good:
			s += "?" + p.Quality.String()
		}
		if d := time.UnixMilli(p.Time).Sub(now); d != 0 {
			s += "@" + d.String()
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// check compares what came of a message with what must have.
func check(t *testing.T, f *mqttsensor.Fed, what string, points []telemetry.Point, want string) {
	t.Helper()
	if got := say(points, f.Now); got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
