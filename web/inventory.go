package web

import (
	"context"

	"weishao.dev/weishao/site"
)

// Inventory is what the hub knows at this moment of places, devices and
// gateways. Lists come sorted by ID and may be kept by the caller.
type Inventory interface {
	Places(ctx context.Context) ([]Place, error)
	Devices(ctx context.Context) ([]Device, error)
	Nodes(ctx context.Context) ([]Node, error)
	Gaps(ctx context.Context) ([]Gap, error)
	// Subscribe sends each change of a place's supervision and closes the
	// channel when ctx ends.
	Subscribe(ctx context.Context) <-chan Supervision
}

// Duty tells who is on duty, and who people are.
type Duty interface {
	OnDuty(ctx context.Context) ([]Grid, error)
	// Person is false for an ID that the site does not know.
	Person(id string) (Person, bool)
}

// States of a place.
const (
	Normal       = "normal"
	Hazard       = "hazard"
	Unsupervised = "unsupervised"
)

// Place is where devices sit, with what is known of it now.
type Place struct {
	ID      string    `json:"id"`
	Name    site.Text `json:"name"`
	Zone    string    `json:"zone"`
	Path    []Rung    `json:"path"`  // from the building down; empty for a device the site does not know
	State   string    `json:"state"` // normal, hazard, unsupervised
	Since   Time      `json:"since"`
	Reason  string    `json:"reason,omitempty"` // why unsupervised
	Devices []string  `json:"devices"`
}

// Rung is one level of the hierarchy above a place.
type Rung struct {
	ID   string    `json:"id"`
	Kind string    `json:"kind"` // building, unit, dwelling
	Name site.Text `json:"name"`
}

// Device is one sensor or actuator with its last values.
type Device struct {
	ID         string `json:"id"` // group/node/device
	Node       string `json:"node"`
	Place      string `json:"place"`
	Placement  string `json:"placement"`
	Model      string `json:"model,omitempty"`
	Serial     string `json:"serial,omitempty"`
	InSite     bool   `json:"in_site"` // the site file knows it
	Online     bool   `json:"online"`
	LastSeen   Time   `json:"last_seen"`
	IntervalMS int64  `json:"interval_ms"`
	Calibrated Time   `json:"calibrated"`
	EndOfLife  Time   `json:"end_of_life"`
	// UnreliableClear: parts of this model can fail so that they read low for good.
	UnreliableClear bool             `json:"unreliable_clear,omitempty"`
	Values          []Value          `json:"values"`
	Bad             map[string]int64 `json:"bad"` // bad input by kind
}

// Value is the last reading of one metric; derived metrics included.
type Value struct {
	Metric  string  `json:"metric"`
	Unit    string  `json:"unit"`
	Derived bool    `json:"derived,omitempty"`
	Time    Time    `json:"time"`
	Value   float64 `json:"value"` // meaningless for a fault quality
	Quality string  `json:"quality"`
}

// Node is a gateway.
type Node struct {
	ID       string           `json:"id"` // group/node
	Name     site.Text        `json:"name"`
	Ours     bool             `json:"ours"`
	Online   bool             `json:"online"`
	Since    Time             `json:"since"` // of Online's present value
	LastSeen Time             `json:"last_seen"`
	Version  string           `json:"version,omitempty"`
	Config   string           `json:"config,omitempty"`         // version of the pushed configuration in effect
	Problem  string           `json:"config_problem,omitempty"` // "VERSION: reason" of one that was not taken
	Devices  int              `json:"devices"`
	Pending  uint64           `json:"pending"` // readings it holds that are not committed yet
	Forked   bool             `json:"forked"`  // its card was cloned or restored
	Bad      map[string]int64 `json:"bad"`
}

// Gap is a range of sequences that is missing, for now or for ever.
type Gap struct {
	Gateway string `json:"gateway"`
	Epoch   string `json:"epoch"`
	Run     string `json:"run"`
	From    uint64 `json:"from"`
	To      uint64 `json:"to"`
	State   string `json:"state"` // pending, lost
	Reason  string `json:"reason"`
	Since   Time   `json:"since"`
}

// Grid is one grid's roster at this moment.
type Grid struct {
	ID     string    `json:"grid"`
	Name   site.Text `json:"name"`
	OnDuty []Person  `json:"on_duty"`
	Leader *Person   `json:"leader"`
	Gap    bool      `json:"gap"`   // nobody is on duty: the leader is paged at once
	Until  Time      `json:"until"` // next change of shift; null where there is none
}

// Person is somebody on a roster.
type Person struct {
	ID    string    `json:"id"`
	Name  site.Text `json:"name"`
	Phone string    `json:"phone,omitempty"`
}

// Supervision is a change of a place's state.
type Supervision struct {
	Place  string `json:"place"`
	Node   string `json:"node,omitempty"`
	State  string `json:"state"` // normal, hazard, unsupervised
	Reason string `json:"reason,omitempty"`
	Since  Time   `json:"since"`
}
