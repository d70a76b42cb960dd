package replay

import (
	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
)

// Own is what a device of kind "replay" has in a gateway's configuration beside
// what all devices have:
//
//   - id: kitchen-301
//     kind: replay
//     placement: kitchen_gas
//     file: recordings/tuesday.csv.gz
//     device: k301        # its name in the file; default the id
//     loop: true          # begin again after the end
//
// Devices of one file share its start, so that rooms of one fire stay in step.
type Own struct {
	Pos    conf.Pos        `yaml:"-"`
	File   conf.At[string] `yaml:"file"`
	Device conf.At[string] `yaml:"device"`
	Loop   bool            `yaml:"loop"`
}

// Device is one device of the file under the name and with the placement that the
// configuration gives it. name is that in the file, or its last part. The interval
// is the configuration's where it has one.
func (f *File) Device(name string, info devices.Info) (devices.Device, bool) {
	for _, p := range f.players {
		if p.info.ID != name && p.name != name {
			continue
		}
		info.Metrics = p.info.Metrics
		if info.Model == "" {
			info.Model = p.info.Model
		}
		if info.Interval <= 0 {
			info.Interval = p.info.Interval
		}
		return &player{file: f, name: p.name, info: info, rows: p.rows}, true
	}
	return nil, false
}

// Names are the devices of the file, in the order of their first rows in it.
func (f *File) Names() []string {
	names := make([]string, len(f.players))
	for i, p := range f.players {
		names[i] = p.info.ID
	}
	return names
}
