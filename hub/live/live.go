// Package live is what the hub knows at this moment: each device's last values,
// who is online, what was announced, and which places are in danger or not
// watched. It is a view of the log and of the verdicts that the rules gave, kept
// in memory for the pages; nothing is decided from it.
//
// One goroutine applies records; readers see the view between two of them and
// may hold it up for no longer than a copy takes.
package live

import (
	"slices"
	"strings"
	"sync"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Device is the present state of one device.
type Device struct {
	ID         string            `json:"id"`
	Model      string            `json:"model,omitempty"`
	Serial     string            `json:"serial,omitempty"`
	Announced  string            `json:"announced,omitempty"` // placement in its birth certificate
	IntervalMS int64             `json:"interval_ms,omitempty"`
	Metrics    []string          `json:"metrics"`
	Dead       bool              `json:"dead,omitempty"` // its own or its gateway's certificate of death was the last word
	LastSeen   int64             `json:"last_seen"`      // arrival of its last reading, Unix ms
	Last       []telemetry.Point `json:"last"`           // newest of each metric by sampling time
	Derived    []telemetry.Point `json:"derived,omitempty"`

	// Known only in what Devices and Device answer.
	At     *site.Device `json:"-"` // where it sits, made up where the site does not know it
	InSite bool         `json:"-"`
	Online bool         `json:"-"` // not dead, and not called unsupervised
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
	places  places
	feed    feed
}

// NewView is an empty view.
func NewView() *View {
	return &View{devices: map[string]*Device{}, nodes: map[string]*Node{}, site: site.Empty(), places: newPlaces()}
}

// Apply takes in one record and what the rules made of it. Nothing of it is kept
// but strings.
func (v *View) Apply(rec *record.Record, verdicts []rules.Verdict, derived []rules.DerivedSample) {
	next := loadSite(rec)
	v.mu.Lock()
	v.now = rec.Arrival
	if next != nil {
		v.site = next
	}
	for _, e := range rec.Entries {
		v.entry(e, rec.Arrival)
	}
	for i := range derived {
		d := v.device(derived[i].Device)
		d.Derived = put(d.Derived, derived[i].Point)
	}
	changed := v.places.apply(verdicts)
	v.mu.Unlock()
	v.feed.publish(changed)
}

// loadSite is the site that a record puts into effect, nil for none. It is read
// before the view is locked: a large one takes a while.
func loadSite(rec *record.Record) (s *site.Site) {
	for _, e := range rec.Entries {
		if e, ok := e.(*record.Site); ok {
			if loaded, err := site.Load(e.File.Name, e.File.Data); err == nil {
				s = loaded
			}
		}
	}
	return s
}

func (v *View) entry(e record.Entry, arrival int64) {
	switch e := e.(type) {
	case *record.Readings:
		v.readings(e, arrival)
	case *record.DeviceBirth:
		v.deviceBirth(e, arrival)
	case *record.DeviceDeath:
		v.device(e.Device).Dead = true
	case *record.NodeBirth:
		n := v.node(e.Node, arrival)
		n.Online, n.Ours, n.Forked, n.Since = true, e.Ours, e.Forked, arrival
		n.Epoch = ""
		if !e.Epoch.IsZero() {
			n.Epoch = e.Epoch.String()
		}
	case *record.NodeDeath:
		n := v.node(e.Node, arrival)
		n.Online, n.Since = false, arrival
		for id, d := range v.devices {
			if telemetry.NodeOf(id) == e.Node {
				d.Dead = true
			}
		}
	}
}

func (v *View) readings(e *record.Readings, arrival int64) {
	d := v.device(e.Device)
	if !e.Backlog {
		d.Dead = false
	}
	d.LastSeen = arrival
	for i := range e.Points {
		d.Last = put(d.Last, e.Points[i])
	}
	v.node(telemetry.NodeOf(e.Device), arrival)
}

// put keeps the newest point of each metric. A device has few, and the strings
// of one log are mostly the same pointers, so that looking through them is
// cheaper than hashing.
func put(last []telemetry.Point, p telemetry.Point) []telemetry.Point {
	if p.Quality.Fault() {
		p.Value = 0 // nothing was measured
	}
	for i := range last {
		if last[i].Metric == p.Metric {
			if p.Time >= last[i].Time {
				last[i] = p
			}
			return last
		}
	}
	return append(last, p)
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
		d = &Device{ID: id}
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

// SetSite puts a site into effect without a record, after a Restore.
func (v *View) SetSite(s *site.Site) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.site = s
}

// Devices lists all devices by ID: those that reported or were announced, and
// those that the site names and nobody has heard of.
func (v *View) Devices() []Device {
	v.mu.RLock()
	defer v.mu.RUnlock()
	silent := v.places.silent()
	list := make([]Device, 0, len(v.devices)+len(v.site.Devices))
	for _, d := range v.devices {
		list = append(list, v.answer(d, silent))
	}
	for id := range v.site.Devices {
		if v.devices[id] == nil {
			list = append(list, v.answer(&Device{ID: id, Dead: true}, silent))
		}
	}
	slices.SortFunc(list, func(a, b Device) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Device is the present state of one device; ok is false when neither the log
// nor the site knows it.
func (v *View) Device(id string) (d Device, ok bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if d := v.devices[id]; d != nil {
		return v.answer(d, v.places.silent()), true
	}
	_, known := v.site.Devices[id]
	return v.answer(&Device{ID: id, Dead: true}, v.places.silent()), known
}

// answer is a copy for a caller, with what the site and the verdicts say.
func (v *View) answer(d *Device, silent silence) Device {
	c := *d
	c.Metrics, c.Last, c.Derived = slices.Clone(d.Metrics), slices.Clone(d.Last), slices.Clone(d.Derived)
	metrics := c.Metrics
	for _, p := range d.Last {
		if !slices.Contains(metrics, p.Metric) {
			metrics = append(metrics, p.Metric)
		}
	}
	c.Metrics = metrics
	_, c.InSite = v.site.Devices[d.ID]
	c.At = v.site.Resolve(d.ID, d.Announced, metrics, "")
	c.Online = !d.Dead && !silent.covers(d.ID, c.At.Place.ID)
	return c
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
	slices.SortFunc(list, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	return list
}
