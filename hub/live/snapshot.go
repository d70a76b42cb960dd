package live

import (
	"encoding/json"
	"slices"
)

// Frozen is the view at one moment, on its way to disk.
type Frozen struct {
	Now     int64            `json:"now"`
	Devices []Device         `json:"devices"`
	Nodes   []Node           `json:"nodes"`
	Normal  map[string]int64 `json:"normal"` // since when, of places that were something else before
}

// Freeze copies the view, which goes on; encoding the copy is the slow part and
// may be done elsewhere. The site and the verdicts that hold are not in it: the
// caller has them and brings them back with SetSite and SetActive.
func (v *View) Freeze() *Frozen {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f := &Frozen{Now: v.now, Devices: make([]Device, 0, len(v.devices)), Nodes: make([]Node, 0, len(v.nodes)), Normal: map[string]int64{}}
	for _, d := range v.devices {
		c := *d
		c.Metrics, c.Last, c.Derived = slices.Clone(d.Metrics), slices.Clone(d.Last), slices.Clone(d.Derived)
		f.Devices = append(f.Devices, c)
	}
	for _, n := range v.nodes {
		f.Nodes = append(f.Nodes, *n)
	}
	for id, s := range v.places.state {
		if s.State == Normal {
			f.Normal[id] = s.Since
		}
	}
	return f
}

// Encode is the copy as bytes.
func (f *Frozen) Encode() ([]byte, error) { return json.Marshal(f) }

// Restore takes back what Encode gave.
func (v *View) Restore(b []byte) error {
	var f Frozen
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	devices, nodes := map[string]*Device{}, map[string]*Node{}
	for i := range f.Devices {
		devices[f.Devices[i].ID] = &f.Devices[i]
	}
	for i := range f.Nodes {
		nodes[f.Nodes[i].ID] = &f.Nodes[i]
	}
	state := newPlaces()
	for id, since := range f.Normal {
		state.state[id] = Place{ID: id, State: Normal, Since: since}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now, v.devices, v.nodes, v.places = f.Now, devices, nodes, state
	return nil
}
