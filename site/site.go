package site

import (
	"time"

	"weishao.dev/weishao/telemetry"
)

// Text is something people read, Chinese first.
type Text struct {
	Zh string `yaml:"zh" json:"zh"`
	En string `yaml:"en" json:"en"`
}

// In is the text in the given language ("zh" or "en"), or in the other one
// where the asked-for text is missing.
func (t Text) In(lang string) string {
	if lang == "en" && t.En != "" || t.Zh == "" {
		return t.En
	}
	return t.Zh
}

// Site is one version of the inventory: immutable once loaded, safe for
// concurrent use. Lookups by ID return nil where there is none.
type Site struct {
	Version   string // hash of the file it was read from
	Name      Text
	Location  *time.Location
	Catalogue *telemetry.Catalogue

	Communities []*Level // the tree, down to dwellings
	Levels      map[string]*Level
	Zones       map[string]*Zone
	Places      map[string]*Place
	Devices     map[string]*Device
	Nodes       map[string]*Node
	People      map[string]*Person
	Duty        map[string]*Duty // by grid ID
}

// LevelKind is a rung of the hierarchy.
type LevelKind string

const (
	Community LevelKind = "community"
	Grid      LevelKind = "grid"
	Area      LevelKind = "area"
	Building  LevelKind = "building"
	Unit      LevelKind = "unit"
	Dwelling  LevelKind = "dwelling"
)

// Level is one node of the hierarchy community, grid, area, building, unit,
// dwelling. IDs are unique in the site.
type Level struct {
	ID       string
	Kind     LevelKind
	Name     Text
	Leader   string // person ID, may be empty
	Parent   *Level
	Children []*Level
	Places   []*Place // directly here
}

// Up is the nearest level of the given kind, the level itself included, or nil.
func (l *Level) Up(kind LevelKind) *Level {
	for ; l != nil; l = l.Parent {
		if l.Kind == kind {
			return l
		}
	}
	return nil
}

// Zone is what burns or leaks together. A dwelling is a zone of its own unless
// the site says otherwise.
type Zone struct {
	ID         string
	Name       Text
	Building   *Level // the partition key; nil for zones of devices the site does not know
	Neighbours []string
}

// Place is where devices sit.
type Place struct {
	ID    string
	Name  Text
	Level *Level // where it belongs; nil for a place made for an unknown device
	Zone  *Zone
}

// Device is what the site knows about one sensor or actuator.
type Device struct {
	ID         string // "group/node/device"
	Place      *Place
	Placement  string // "kitchen_gas", ...
	Model      string
	Serial     string
	Interval   time.Duration // longest time between readings; 0: as announced, or DefaultInterval
	Rating     float64       // rated current of its circuit in A; 0 unknown
	Calibrated time.Time
	EndOfLife  time.Time
	Metrics    map[string]Mapping // foreign metric name → ours; nil for our own gateways
}

// Mapping turns a foreign metric into one of the catalogue: value·Scale + Offset.
type Mapping struct {
	Metric string
	Scale  float64
	Offset float64
}

// Node is a gateway. A node with Metrics or Devices not of our making is mapped.
type Node struct {
	ID       string // "group/node"
	Name     Text
	Place    *Place             // where it hangs; may be nil
	Metrics  map[string]Mapping // for all its devices, and for metrics it reports of itself
	Interval time.Duration      // expected interval of its devices, where they do not say
}

// Person is a warden, officer, operator or leader.
type Person struct {
	ID    string
	Name  Text
	Role  string // "warden", "officer", "operator"
	Phone string
	Pages []string // names of channels in the hub's configuration by which this person is paged
}

// Duty is a grid's roster and its escalation times.
type Duty struct {
	Grid     *Level
	Shifts   []Shift
	Escalate time.Duration // not acknowledged after this long: the next one (default 60 s)
	Repeat   time.Duration // after the whole chain: again after this long (default 60 s)
}

// Shift puts a person on duty on some weekdays between two times of day of the
// site's zone. To before or equal From runs past midnight; equal is 24 h.
type Shift struct {
	Person   string
	Days     [7]bool // by time.Weekday
	From, To time.Duration
}

// DefaultInterval is how often a device that says nothing is expected to report.
const DefaultInterval = 30 * time.Second
