package sparkplug

import (
	"strings"

	"weishao.dev/weishao/telemetry/record"
)

// NodeBirth is what an NBIRTH says. Ours is set when the node declares an epoch,
// and so follows our conventions; then Epoch, Version and Runs are meant.
type NodeBirth struct {
	Timestamp int64
	BdSeq     uint64 // which will (NDEATH) belongs to this session
	HasBdSeq  bool
	Ours      bool
	Epoch     record.Epoch
	Version   string
	Config    string       // which pushed configuration is in effect; "" none
	ConfigBad string       // which was not taken last, and why, "VERSION: reason"; "" none
	Runs      []record.Run // open runs, in the order declared
}

// AppendNodeBirth writes an NBIRTH behind dst, with message counter 0, as
// Sparkplug begins a session. A node that is not Ours declares only bdSeq and
// the rebirth control.
func AppendNodeBirth(dst []byte, n *NodeBirth) []byte {
	at := n.Timestamp
	dst = appendUint(dst, tagPayloadTimestamp, uint64(at))
	dst = appendUint64Metric(dst, MetricBdSeq, 0, at, n.BdSeq)
	dst = appendBoolMetric(dst, MetricRebirth, at, false)
	if n.Ours {
		dst = appendStringMetric(dst, MetricEpoch, at, n.Epoch.String())
		dst = appendStringMetric(dst, MetricVersion, at, n.Version)
		if n.Config != "" {
			dst = appendStringMetric(dst, MetricConfig, at, n.Config)
		}
		if n.ConfigBad != "" {
			dst = appendStringMetric(dst, MetricConfigBad, at, n.ConfigBad)
		}
		dst = appendUint64Metric(dst, MetricRun, AliasRun, at, 0)
		dst = appendUint64Metric(dst, MetricSeq, AliasSeq, at, 0)
		for i := range n.Runs {
			dst = appendRun(dst, at, &n.Runs[i])
		}
	}
	return appendUint(dst, tagPayloadSeq, 0)
}

func appendRun(dst []byte, at int64, r *record.Run) []byte {
	prefix := prefixRun + hexRun(r.ID) + "/"
	dst = appendStringMetric(dst, prefix+runEpoch, at, r.Epoch.String())
	dst = appendUint64Metric(dst, prefix+runParent, 0, at, r.Parent)
	dst = appendStringMetric(dst, prefix+runKind, at, r.Kind.String())
	dst = appendUint64Metric(dst, prefix+runOldest, 0, at, r.Oldest)
	dst = appendUint64Metric(dst, prefix+runNext, 0, at, r.Next)
	return appendStringMetric(dst, prefix+runLost, at, record.FormatRanges(r.Lost))
}

// NodeBirthOf reads an NBIRTH, ours or another's. An error means that a node
// declares to be ours and then contradicts itself; Ours is false then.
func NodeBirthOf(p *Payload) (NodeBirth, error) {
	n := NodeBirth{Timestamp: p.Timestamp}
	if m := p.Find(MetricBdSeq); m != nil {
		n.BdSeq, n.HasBdSeq = m.Uint()
	}
	m := p.Find(MetricEpoch)
	if m == nil {
		return n, nil
	}
	epoch, err := record.ParseEpoch(m.text())
	if err != nil {
		return n, conventionError(MetricEpoch, err)
	}
	n.Epoch = epoch
	if v := p.Find(MetricVersion); v != nil {
		n.Version = v.text()
	}
	if v := p.Find(MetricConfig); v != nil {
		n.Config = v.text()
	}
	if v := p.Find(MetricConfigBad); v != nil {
		n.ConfigBad = v.text()
	}
	if err := n.readRuns(p); err != nil {
		n.Runs = nil
		return n, err
	}
	n.Ours = true
	return n, nil
}

// readRuns gathers the metrics weishao/run/R/... by R.
func (n *NodeBirth) readRuns(p *Payload) error {
	for i := range p.Metrics {
		m := &p.Metrics[i]
		rest, ok := strings.CutPrefix(string(m.Name), prefixRun)
		if !ok {
			continue
		}
		hex, field, _ := strings.Cut(rest, "/")
		id, err := parseRun(hex)
		if err != nil {
			return conventionError(string(m.Name), err)
		}
		r := n.run(id)
		if r == nil {
			return conventionError(string(m.Name), errTooManyRuns)
		}
		if err := readRunField(r, field, m); err != nil {
			return conventionError(string(m.Name), err)
		}
	}
	for i := range n.Runs {
		if err := checkRun(&n.Runs[i]); err != nil {
			return conventionError(prefixRun+hexRun(n.Runs[i].ID), err)
		}
	}
	return nil
}

// maxRuns is how many open runs a node may declare: an outage each, and a card
// drains them long before there are so many.
const maxRuns = 1024

// run finds or makes the run of that ID; nil when there are too many.
func (n *NodeBirth) run(id uint64) *record.Run {
	// A run's metrics follow each other, so it is nearly always the last one.
	for i := len(n.Runs) - 1; i >= 0; i-- {
		if n.Runs[i].ID == id {
			return &n.Runs[i]
		}
	}
	if len(n.Runs) == maxRuns {
		return nil
	}
	n.Runs = append(n.Runs, record.Run{ID: id, Epoch: n.Epoch})
	return &n.Runs[len(n.Runs)-1]
}

func readRunField(r *record.Run, field string, m *Metric) (err error) {
	switch field {
	case runEpoch:
		r.Epoch, err = record.ParseEpoch(m.text())
	case runKind:
		r.Kind, err = record.ParseRunKind(m.text())
	case runLost:
		r.Lost, err = record.ParseRanges(m.text())
	case runParent:
		r.Parent, err = m.mustUint()
	case runOldest:
		r.Oldest, err = m.mustUint()
	case runNext:
		r.Next, err = m.mustUint()
	}
	return err // an unknown field is a later version's: stepped over
}

func checkRun(r *record.Run) error {
	if r.ID == 0 || r.Oldest == 0 || r.Next < r.Oldest {
		return errRunBounds
	}
	for _, l := range r.Lost {
		if l.To >= r.Next {
			return errRunBounds
		}
	}
	return nil
}

// AppendDeath writes an NDEATH behind dst: what a node leaves with the broker as
// its will, with the bdSeq of its next NBIRTH.
func AppendDeath(dst []byte, at int64, bdSeq uint64) []byte {
	if at != 0 {
		dst = appendUint(dst, tagPayloadTimestamp, uint64(at))
	}
	return appendUint64Metric(dst, MetricBdSeq, 0, at, bdSeq)
}

// DeathOf reads an NDEATH; ok is false if it does not say which session died.
func DeathOf(p *Payload) (bdSeq uint64, ok bool) {
	m := p.Find(MetricBdSeq)
	if m == nil {
		return 0, false
	}
	return m.Uint()
}
