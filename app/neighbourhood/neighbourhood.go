// Package neighbourhood is what `weishao demo` shows: three buildings of Beixin
// Street with some sixty devices on two gateways, four wardens on a roster, and a
// story for the first minutes (story.go).
//
// The inventory is site.yaml, as a user would write it. What a device measures
// follows from its placement there and from a seed made of its ID, so that every
// run of the demo is the same by the clock since its start. All of it is simulated;
// the models are package sim's.
//
// Nothing here has a goroutine, except a Link while it runs.
package neighbourhood

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/simulated"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

//go:embed site.yaml
var siteYAML []byte

// SiteFile is the neighbourhood's site file.
func SiteFile() record.File { return record.File{Name: "neighbourhood/site.yaml", Data: siteYAML} }

// WardensFile is the neighbourhood's site file without the buildings: its people
// and their roster, for a recording from rooms that no site knows.
func WardensFile() record.File {
	people, _, _ := bytes.Cut(siteYAML, []byte("        buildings:\n"))
	return record.File{Name: "neighbourhood/wardens.yaml", Data: people}
}

// Gateway is one of the neighbourhood's gateways with its devices.
type Gateway struct {
	Group, Node string
	Devices     []devices.Device
}

// ID is "group/node".
func (g Gateway) ID() string { return telemetry.NodeID(g.Group, g.Node) }

// Gateways makes all devices, sorted by ID. The story begins at start, a time of
// the demo's clock.
func Gateways(start time.Time) ([]Gateway, error) {
	s, err := site.Load(SiteFile().Name, siteYAML)
	if err != nil {
		return nil, fmt.Errorf("the demo's neighbourhood: %w", err)
	}
	begin := simulated.StartAt(start)
	byNode := map[string]*Gateway{}
	for _, id := range sortedKeys(s.Devices) {
		group, node, name, _ := telemetry.SplitDevice(id)
		channels := channels(name, s.Devices[id].Placement)
		if channels == nil {
			return nil, fmt.Errorf("the demo's neighbourhood: nothing simulates a %s (%s)", s.Devices[id].Placement, id)
		}
		g := byNode[telemetry.NodeOf(id)]
		if g == nil {
			g = &Gateway{Group: group, Node: node}
			byNode[g.ID()] = g
		}
		d := s.Devices[id]
		info := devices.Info{ID: name, Model: d.Model, Serial: d.Serial, Placement: d.Placement, Interval: d.Interval}
		if info.Model == "" {
			info.Model = "simulated"
		}
		g.Devices = append(g.Devices, simulated.New(info, begin, channels...))
	}
	var out []Gateway
	for _, id := range sortedKeys(byNode) {
		out = append(out, *byNode[id])
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// isAir tells the smoke and heat meter of a bike shed from its sockets.
func isAir(name string) bool { return strings.HasSuffix(name, "-air") }
