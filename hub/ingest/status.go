package ingest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// GapState says whether what is missing may still come.
type GapState string

const (
	Pending GapState = "pending"
	Missing GapState = "lost"
)

// Gap is a range of sequences that the log has not. Readings on their way in
// normal operation are no gap.
type Gap struct {
	Gateway string   `json:"gateway"`
	Epoch   string   `json:"epoch"`
	Run     string   `json:"run"` // 16 hex digits
	From    uint64   `json:"from"`
	To      uint64   `json:"to"` // inclusive
	State   GapState `json:"state"`
	Reason  string   `json:"reason"`
	Since   int64    `json:"since"` // Unix ms
}

// keepLosses is how long what was lost is listed: as long as the log holds the
// records around it.
const keepLosses = 14 * 24 * time.Hour

// Gaps lists what is missing, by gateway, run and sequence.
func (in *Ingest) Gaps() []Gap {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := in.cfg.Clock.NowMS()
	var list []Gap
	for _, n := range in.nodes {
		for _, r := range n.Runs {
			list = append(list, gapsOf(n.nodeState, r, now)...)
		}
	}
	slices.SortFunc(list, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Run, b.Run), cmp.Compare(a.From, b.From))
	})
	return list
}

func gapsOf(n *nodeState, r *runState, now int64) (list []Gap) {
	gap := func(from, to uint64, state GapState, reason string, since int64) {
		if since == unstamped { // its record is being written
			since = now
		}
		list = append(list, Gap{n.Node, r.Epoch.String(), fmt.Sprintf("%016x", r.ID), from, to, state, reason, since})
	}
	for _, l := range r.Losses {
		if l.Since == unstamped || l.Since >= now-keepLosses.Milliseconds() {
			gap(l.From, l.To, Missing, l.Reason, l.Since)
		}
	}
	// pending lists what is not lost between what is committed and to.
	pending := func(to uint64, state GapState, reason string, since int64) {
		if to <= r.Committed {
			return
		}
		for _, u := range uncovered(r.Committed, r.Skips, record.Range{From: r.Committed + 1, To: to}) {
			gap(u.From, u.To, state, reason, since)
		}
	}
	switch {
	case r.Since == 0: // never declared to this hub: nothing is known of its end
	case !r.Declared:
		pending(r.Next-1, Missing, "the gateway does not have this run any more: card replaced?", r.Since)
	case r.DrainTo > r.Committed:
		pending(r.DrainTo, Pending, "backlog, draining", r.Since)
	case r.ahead > r.Committed:
		pending(r.ahead, Pending, "asked for again", r.aheadMS)
	}
	return list
}

// RunStatus is how far a run is.
type RunStatus struct {
	Epoch     string         `json:"epoch"`
	Run       string         `json:"run"`
	Kind      record.RunKind `json:"-"`
	Committed uint64         `json:"committed"`
	Next      uint64         `json:"next"` // lowest sequence that the hub has not heard of
}

// NodeStatus is what there is to say of a gateway.
type NodeStatus struct {
	Node      string                   `json:"node"`
	Ours      bool                     `json:"ours"`
	Online    bool                     `json:"online"`
	Since     int64                    `json:"since"`          // of Online, Unix ms
	LastSeen  int64                    `json:"last_seen"`      // last message since the hub started, Unix ms; 0 none
	Version   string                   `json:"version"`        // of the gateway's program, if known
	Config    string                   `json:"config"`         // version of the pushed configuration in effect, "" none
	ConfigBad string                   `json:"config_problem"` // which was not taken last, and why
	Epoch     string                   `json:"epoch"`
	Runs      []RunStatus              `json:"runs"` // declared by the last birth
	Draining  bool                     `json:"draining"`
	Forks     int                      `json:"forks"`
	Bad       map[telemetry.Bad]uint64 `json:"bad"` // since the hub started
}

// Nodes lists the gateways, by name.
func (in *Ingest) Nodes() []NodeStatus {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := make([]NodeStatus, 0, len(in.nodes))
	for _, n := range in.nodes {
		s := NodeStatus{Node: n.Node, Ours: n.Ours, Online: n.Online, Since: n.Since, LastSeen: n.lastSeen,
			Version: n.version, Config: n.config, ConfigBad: n.configBad, Draining: n.left > 0, Forks: n.Forks, Bad: maps.Clone(n.bad)}
		if n.Ours {
			s.Epoch = n.Epoch.String()
		}
		for _, r := range n.Runs {
			if r.Declared {
				s.Runs = append(s.Runs, RunStatus{r.Epoch.String(), fmt.Sprintf("%016x", r.ID), r.Kind, r.Committed, r.Next})
			}
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b NodeStatus) int { return cmp.Compare(a.Node, b.Node) })
	return list
}

// BadByDevice gives, for devices that have sent any, how much bad input of each
// kind since the hub started.
func (in *Ingest) BadByDevice() map[string]map[telemetry.Bad]uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	out := map[string]map[telemetry.Bad]uint64{}
	for _, n := range in.nodes {
		for id, d := range n.devices {
			if len(d.bad) > 0 {
				out[id] = maps.Clone(d.bad)
			}
		}
	}
	return out
}

// Position is that of the last record known to be in the log.
func (in *Ingest) Position() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.pos
}

// origin is what Idle counts from, whatever is done to the machine's clock.
var origin = time.Now()

// Idle is for how long the builder has not gone round. That is a tick while it
// works, whatever the disk does; 0 before it begins.
func (in *Ingest) Idle() time.Duration {
	at := in.turned.Load()
	if at == 0 {
		return 0
	}
	return time.Since(origin) - time.Duration(at)
}

// Pushed forgets what a gateway said of its configuration, so that what it says next
// is about the one that is pushed now.
func (in *Ingest) Pushed(node string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if n := in.nodes[node]; n != nil {
		n.config, n.configBad = "", ""
	}
}
