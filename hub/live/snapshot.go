package live

import (
	"encoding/json"

	"github.com/google/uuid"

	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

type snapshot struct {
	Now     int64              `json:"now"`
	Devices map[string]*Device `json:"devices"`
	Nodes   map[string]*Node   `json:"nodes"`
}

// Snapshot is the view as bytes. The site is not in it: the caller's next
// records, or SetSite, bring it.
func (v *View) Snapshot() ([]byte, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return json.Marshal(snapshot{Now: v.now, Devices: v.devices, Nodes: v.nodes})
}

// Restore takes a snapshot back.
func (v *View) Restore(b []byte) error {
	var s snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = s.Now
	if s.Devices != nil {
		v.devices = s.Devices
	}
	if s.Nodes != nil {
		v.nodes = s.Nodes
	}
	for _, d := range v.devices {
		if d.Last == nil {
			d.Last = map[string]telemetry.Point{}
		}
	}
	return nil
}

// SetSite puts a site into effect without a record, after a Restore.
func (v *View) SetSite(s *site.Site) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.site = s
}

func epochString(e record.Epoch) string {
	if e == (record.Epoch{}) {
		return ""
	}
	return uuid.UUID(e).String()
}
