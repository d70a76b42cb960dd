package ingest

import (
	"slices"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// state is what the log says about gateways so far. The builder changes it as it
// puts entries into a batch, and at the start it is made by apply from the same
// entries read back: both use the same methods, so they cannot disagree.
type state struct {
	Nodes map[string]*nodeState
}

// nodeState is what the log says of one gateway.
type nodeState struct {
	Node   string // "group/node"
	Ours   bool
	Online bool
	Epoch  record.Epoch
	Since  int64 // arrival of its last birth or death, Unix ms
	Forks  int
	Runs   []*runState // oldest first as seen

	byKey    map[runKey]*runState
	children map[runKey]uint64 // by parent: the run that was opened after it
	left     int               // declared backlog runs that are not committed yet
}

type runKey struct {
	epoch record.Epoch
	id    uint64
}

// runState is what the log says of one run.
type runState struct {
	record.Run                // as declared last; Next is the highest declared
	Committed  uint64         // every sequence up to this is in the log, refused, or lost
	Skips      []record.Range // lost, beyond Committed
	Losses     []loss         `json:",omitempty"` // all that was lost, for people
	Declared   bool           // by the last birth
	Conflict   bool           // the card claimed once to have written less than is committed
	DrainTo    uint64         // > Committed while the backlog drains
	Since      int64          // arrival of the birth that declared it first

	ahead   uint64 // highest sequence seen beyond a hole, not in the log
	aheadMS int64  // when the hole was seen first
	batch   uint64 // number of the batch that touched it last
}

// loss is a range that will never come, and since when that is known.
type loss struct {
	record.Range
	Reason string
	Since  int64
}

// unstamped stands for the arrival of a record that is not closed yet.
const unstamped = -1

// stamp gives what a record has changed its arrival.
func (n *nodeState) stamp(arrival int64) {
	set := func(at *int64) {
		if *at == unstamped {
			*at = arrival
		}
	}
	set(&n.Since)
	for _, r := range n.Runs {
		set(&r.Since)
		for i := range r.Losses {
			set(&r.Losses[i].Since)
		}
	}
}

func newState() *state { return &state{Nodes: map[string]*nodeState{}} }

func (s *state) node(id string) *nodeState {
	n := s.Nodes[id]
	if n == nil {
		n = &nodeState{Node: id}
		n.index()
		s.Nodes[id] = n
	}
	return n
}

// index makes the lookups that a snapshot does not carry.
func (n *nodeState) index() {
	n.byKey, n.children, n.left = map[runKey]*runState{}, map[runKey]uint64{}, 0
	for _, r := range n.Runs {
		n.link(r)
		if r.DrainTo > r.Committed {
			n.left++
		}
	}
}

// link makes a run known by its key and, once it was declared, by its parent.
func (n *nodeState) link(r *runState) {
	n.byKey[runKey{r.Epoch, r.ID}] = r
	if r.Since == 0 {
		return
	}
	if _, ok := n.children[runKey{r.Epoch, r.Parent}]; !ok {
		n.children[runKey{r.Epoch, r.Parent}] = r.ID
	}
}

// apply brings the state behind a record of the log.
func (s *state) apply(rec *record.Record) {
	for _, e := range rec.Entries {
		switch e := e.(type) {
		case *record.Readings:
			if e.Run != 0 {
				n := s.node(telemetry.NodeOf(e.Device))
				n.commit(n.run(e.Epoch, e.Run), e.First+uint64(len(e.Points))-1)
			}
		case *record.NodeBirth:
			s.node(e.Node).birth(e, rec.Arrival)
		case *record.NodeDeath:
			s.node(e.Node).death(rec.Arrival)
		case *record.Lost:
			n := s.node(e.Node)
			n.lose(n.run(e.Epoch, e.Run), e.Range, e.Reason, rec.Arrival)
		}
	}
}

// run finds a run or makes one that nobody has declared: a log that begins in
// the middle has readings of such.
func (n *nodeState) run(epoch record.Epoch, id uint64) *runState {
	r := n.byKey[runKey{epoch, id}]
	if r == nil {
		r = &runState{Run: record.Run{Epoch: epoch, ID: id, Kind: record.Backlog}}
		n.Runs = append(n.Runs, r)
		n.byKey[runKey{epoch, id}] = r
	}
	return r
}

// Bounds of what is remembered of a gateway. An outage or a restart makes a run;
// what a card drops is mostly one range.
const (
	maxKnownRuns = 4096
	maxLosses    = 1024 // of one run, the newest
	maxSkips     = 4096 // ranges of one birth and of the runs it declares
)

// birth takes over what a certificate of birth declares.
func (n *nodeState) birth(b *record.NodeBirth, arrival int64) {
	n.Ours, n.Epoch, n.Online, n.Since = b.Ours, b.Epoch, true, arrival
	if b.Forked {
		n.Forks++
	}
	for _, r := range n.Runs {
		r.Declared, r.DrainTo = false, 0
	}
	n.left = 0
	for _, d := range b.Runs {
		r := n.run(d.Epoch, d.ID)
		if r.Since == 0 {
			r.Since = arrival
		}
		r.Conflict = r.Conflict || d.Next <= r.Committed
		d.Next = max(d.Next, r.Next)
		d.Lost = nil // kept as Skips and Losses
		r.Run, r.Declared, r.ahead = d, true, 0
		n.link(r)
		if r.Kind == record.Backlog && r.Next-1 > r.Committed {
			r.DrainTo = r.Next - 1
			n.left++
		}
	}
	n.forget()
}

// forget drops what is too much: runs that are committed to their end first,
// then others that the gateway does not declare any more.
func (n *nodeState) forget() {
	excess := len(n.Runs) - maxKnownRuns
	if excess <= 0 {
		return
	}
	drop := func(of func(r *runState) bool) {
		n.Runs = slices.DeleteFunc(n.Runs, func(r *runState) bool {
			if excess <= 0 || r.Declared || !of(r) {
				return false
			}
			excess--
			return true
		})
	}
	drop(func(r *runState) bool { return r.Committed+1 >= r.Next })
	drop(func(*runState) bool { return true })
	n.index()
}

func (n *nodeState) death(arrival int64) { n.Online, n.Since = false, arrival }

// commit moves a run forward to seq and reports whether that drained the node.
func (n *nodeState) commit(r *runState, seq uint64) (drained bool) {
	r.Committed, r.Skips = advance(max(r.Committed, seq), r.Skips)
	r.Next = max(r.Next, r.Committed+1)
	if r.ahead != 0 && r.ahead <= r.Committed {
		r.ahead = 0
	}
	return n.settle(r)
}

// lose notes that a range will never come.
func (n *nodeState) lose(r *runState, lost record.Range, reason string, arrival int64) (drained bool) {
	if r.Losses = append(r.Losses, loss{lost, reason, arrival}); len(r.Losses) > maxLosses {
		r.Losses = slices.Delete(r.Losses, 0, len(r.Losses)-maxLosses)
	}
	r.Committed, r.Skips = advance(r.Committed, addSkip(r.Skips, lost))
	r.Next = max(r.Next, r.Committed+1)
	return n.settle(r)
}

// settle takes a run off the backlog when it has been committed to its end.
func (n *nodeState) settle(r *runState) (drained bool) {
	if r.DrainTo == 0 || r.Committed < r.DrainTo {
		return false
	}
	r.DrainTo = 0
	n.left--
	return n.left == 0
}
