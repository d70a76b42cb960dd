package gateway

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/life"
	"weishao.dev/weishao/internal/conf"
)

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
