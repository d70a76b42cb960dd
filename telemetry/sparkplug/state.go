package sparkplug

import (
	"encoding/json"
	"fmt"
)

// HostState is what a host application keeps on its STATE topic, retained; its
// will is the same with Online false.
type HostState struct {
	Online    bool  `json:"online"`
	Timestamp int64 `json:"timestamp"` // Unix ms; the will has that of the birth it belongs to
}

// JSON is the payload of a STATE message.
func (s HostState) JSON() []byte {
	return fmt.Appendf(nil, `{"online":%t,"timestamp":%d}`, s.Online, s.Timestamp)
}

// ParseHostState reads the payload of a STATE message.
func ParseHostState(b []byte) (HostState, error) {
	var s HostState
	if err := json.Unmarshal(b, &s); err != nil {
		return HostState{}, fmt.Errorf("sparkplug STATE: %w", err)
	}
	return s, nil
}
