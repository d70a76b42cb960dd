package record

import "weishao.dev/weishao/telemetry"

// Record is one commit of the log.
type Record struct {
	Seq     uint64 // position in the log; 0 before it is appended
	Arrival int64  // the hub's clock when the record was closed, Unix ms; never goes back within a log
	Entries []Entry
}

// Entry is one of the pointer types below.
type Entry interface{ entry() }

// Epoch tells one life of a gateway's card from the next. The zero Epoch
// belongs to nodes that are not ours.
type Epoch [16]byte

// Readings is what one accepted message brought of one device. In a run, the
// points have the sequences First, First+1, ...
type Readings struct {
	Device  string // "group/node/device"
	Epoch   Epoch
	Run     uint64
	First   uint64 // sequence of Points[0]; 0 for nodes that are not ours
	Backlog bool   // from a run that is not the gateway's live or alarm run
	Points  []telemetry.Point
}

// RunKind says what a run carries.
type RunKind uint8

const (
	Live    RunKind = iota // what is sampled now
	Alarm                  // what an edge rule found urgent; goes ahead of all
	Backlog                // a former live or alarm run, closed at Next
)

// Run is one contiguous sequence of an outbox, as its gateway declares it.
type Run struct {
	ID     uint64 // high 32 bits count up, low 32 bits are random
	Epoch  Epoch  // the card's epoch when the run was opened: an older one's after a change of epoch
	Parent uint64 // the live run opened before it on this card; 0 for the first
	Kind   RunKind
	Oldest uint64  // lowest sequence the outbox still holds
	Next   uint64  // sequence that the next reading will get
	Lost   []Range // dropped from the outbox before they were committed
}

// Range is the sequences From to To, both inclusive.
type Range struct{ From, To uint64 }

// NodeBirth is a gateway's certificate of birth.
type NodeBirth struct {
	Node   string // "group/node"
	Ours   bool   // declares epoch and runs
	Epoch  Epoch
	Runs   []Run
	Forked bool // its lineage contradicts what this epoch has shown before: cloned card or restored image
}

// NodeDeath ends a gateway's session.
type NodeDeath struct{ Node string }

// DeviceBirth announces a device and its metrics.
type DeviceBirth struct {
	Device     string
	Model      string
	Serial     string
	Placement  string // as announced; empty if the device does not say
	IntervalMS int64  // longest time between two readings; 0 if not announced
	Metrics    []string
}

// DeviceDeath ends a device's session.
type DeviceDeath struct{ Device string }

// Drained says that everything a gateway had before it came back is committed.
type Drained struct{ Node string }

// Lost is a range of sequences that will never come.
type Lost struct {
	Node   string
	Epoch  Epoch
	Run    uint64
	Range  Range
	Reason string
}

// File is one file of a site or of a rule pack, whole.
type File struct {
	Name string
	Data []byte
}

// Site puts a version of the site into effect from this record on.
type Site struct {
	Version string // hash of the file
	File    File
}

// Rules puts a version of the rules into effect from this record on.
type Rules struct {
	Version string
	Files   []File
}

// Tick marks that time has passed: one a second.
type Tick struct{}

// Resumed marks that a hub begins to listen: who was silent before that may have
// spoken to nobody.
type Resumed struct{}

func (*Readings) entry()    {}
func (*NodeBirth) entry()   {}
func (*NodeDeath) entry()   {}
func (*DeviceBirth) entry() {}
func (*DeviceDeath) entry() {}
func (*Drained) entry()     {}
func (*Lost) entry()        {}
func (*Site) entry()        {}
func (*Rules) entry()       {}
func (*Tick) entry()        {}
func (*Resumed) entry()     {}
