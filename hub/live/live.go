// Package live is what the hub knows at this moment: each device's last values,
// who is online, what was announced. It is a view of the log, kept in memory for
// the pages; nothing is decided from it.
package live

import (
	"maps"
	"slices"
	"sync"

	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Device is the present state of one device.
type Device struct {
	ID         string                     `json:"id"`
	Model      string                     `json:"model,omitempty"`
	Serial     string                     `json:"serial,omitempty"`
	Announced  string                     `json:"announced,omitempty"` // placement in its birth certificate
	IntervalMS int64                      `json:"interval_ms,omitempty"`
	Metrics    []string                   `json:"metrics"`
	Dead       bool                       `json:"dead,omitempty"` // its own or its gateway's certificate of death was the last word
	LastSeen   int64                      `json:"last_seen"`      // arrival of its last reading, Unix ms
	Last       map[string]telemetry.Point `json:"last"`           // newest by sampling time
}

// Node is the present state of one gateway.
type Node struct {
	ID       string `json:"id"`
	Online   bool   `json:"online"`
	Ours     bool   `json:"ours"`
	Forked   bool   `json:"forked,omitempty"`
	Epoch    string `json:"epoch,omitempty"`
	Since    int64  `json:"since"`     // of Online, Unix ms
	LastSeen int64  `json:"last_seen"` // arrival of anything from it, Unix ms
}

// View is safe for concurrent use: one goroutine applies records, any number
// read.
type View struct {
	mu      sync.RWMutex
	devices map[string]*Device
	nodes   map[string]*Node
	site    *site.Site
	now     int64
}

// NewView is an empty view.
func NewView() *View {
	return &View{devices: map[string]*Device{}, nodes: map[string]*Node{}, site: site.Empty()}
}

// Apply takes in one record.
func (v *View) Apply(rec *record.Record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = rec.Arrival
	for _, e := range rec.Entries {
		switch e := e.(type) {
		case *record.Readings:
			v.readings(e, rec.Arrival)
		case *record.DeviceBirth:
			v.deviceBirth(e, rec.Arrival)
		case *record.DeviceDeath:
			v.device(e.Device).Dead = true
		case *record.NodeBirth:
			n := v.node(e.Node, rec.Arrival)
			n.Online, n.Ours, n.Forked, n.Since = true, e.Ours, e.Forked, rec.Arrival
			n.Epoch = epochString(e.Epoch)
		case *record.NodeDeath:
			n := v.node(e.Node, rec.Arrival)
			n.Online, n.Since = false, rec.Arrival
			for id, d := range v.devices {
				if telemetry.NodeOf(id) == e.Node {
					d.Dead = true
				}
			}
		case *record.Site:
			if s, err := site.Load(e.File.Name, e.File.Data); err == nil {
				v.site = s
			}
		}
	}
}

func (v *View) readings(e *record.Readings, arrival int64) {
	d := v.device(e.Device)
	d.Dead, d.LastSeen = false, arrival
	for _, p := range e.Points {
		last, ok := d.Last[p.Metric]
		if !ok && !slices.Contains(d.Metrics, p.Metric) {
			d.Metrics = append(d.Metrics, p.Metric)
		}
		if p.Quality.Fault() {
			p.Value = 0 // nothing was measured
		}
		if !ok || p.Time >= last.Time {
			d.Last[p.Metric] = p
		}
	}
	v.node(telemetry.NodeOf(e.Device), arrival)
}

func (v *View) deviceBirth(e *record.DeviceBirth, arrival int64) {
	d := v.device(e.Device)
	d.Model, d.Serial, d.Announced, d.IntervalMS, d.Dead = e.Model, e.Serial, e.Placement, e.IntervalMS, false
	d.Metrics = slices.Clone(e.Metrics)
	v.node(telemetry.NodeOf(e.Device), arrival)
}

func (v *View) device(id string) *Device {
	d := v.devices[id]
	if d == nil {
		d = &Device{ID: id, Last: map[string]telemetry.Point{}}
		v.devices[id] = d
	}
	return d
}

func (v *View) node(id string, arrival int64) *Node {
	n := v.nodes[id]
	if n == nil {
		n = &Node{ID: id, Since: arrival, Online: true}
		v.nodes[id] = n
	}
	n.LastSeen = arrival
	return n
}

// Now is the arrival time of the last record, Unix ms; 0 before the first.
func (v *View) Now() int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.now
}

// Site is the version of the site in effect at the last record.
func (v *View) Site() *site.Site {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.site
}

// Devices lists all devices by ID: those that reported or were announced, and
// those that the site names and nobody has heard of.
func (v *View) Devices() []Device {
	v.mu.RLock()
	defer v.mu.RUnlock()
	list := make([]Device, 0, len(v.devices))
	for _, d := range v.devices {
		list = append(list, d.copy())
	}
	for id := range v.site.Devices {
		if v.devices[id] == nil {
			list = append(list, Device{ID: id, Dead: true})
		}
	}
	slices.SortFunc(list, func(a, b Device) int { return compare(a.ID, b.ID) })
	return list
}

// Device is the present state of one device; ok is false when neither the log
// nor the site knows it.
func (v *View) Device(id string) (d Device, ok bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if d := v.devices[id]; d != nil {
		return d.copy(), true
	}
	_, known := v.site.Devices[id]
	return Device{ID: id, Dead: true}, known
}

// Nodes lists all gateways by ID, those included that only the site names.
func (v *View) Nodes() []Node {
	v.mu.RLock()
	defer v.mu.RUnlock()
	list := make([]Node, 0, len(v.nodes))
	for _, n := range v.nodes {
		list = append(list, *n)
	}
	for id := range v.site.Nodes {
		if v.nodes[id] == nil {
			list = append(list, Node{ID: id})
		}
	}
	slices.SortFunc(list, func(a, b Node) int { return compare(a.ID, b.ID) })
	return list
}

func (d *Device) copy() Device {
	c := *d
	c.Metrics, c.Last = slices.Clone(d.Metrics), maps.Clone(d.Last)
	return c
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
