package rules

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"

	"weishao.dev/weishao/telemetry/record"
)

// ErrBusy says that an outage is being evaluated, so that there is no state to
// keep for the moment: try again after the next record.
var ErrBusy = errors.New("rules: an outage is being evaluated")

// ErrSnapshot is what Restore wraps when bytes are not a state of this version.
var ErrSnapshot = errors.New("rules: not a snapshot of this version; evaluate the log from its beginning")

const snapshotVersion = 4

// What is kept: site and rules as files, devices and gateways, and each cell's
// changing part. The fixed part of a cell follows from the others.
type engineState struct {
	Version         int
	Site            record.Site
	Rules           record.Rules
	Arrival, Listen int64
	Devices         []deviceState
	Gateways        []gatewayState
	Cells           int // that follow, each by itself
}

type deviceState struct {
	ID, Announced  string
	Stated         int64
	Metrics        []string
	Heard, HeardAt int64
	Behind         int64
	Silent, Faulty *Verdict
	Bad            []failing
	Good           int64
}

type gatewayState struct {
	ID             string
	Heard, HeardAt int64
	BackAt         int64
	Silent, Forked *Verdict
	ForkAt         int64
	Stored         bool
}

type cellState struct {
	Key       string
	Cur, Base keptState
	Mid       *keptCheckpoint
	Half      int32
	Kept      []int
	Said      [][]span
	Tail      []point
	Clock     int64
	Heard     int64
	Late      int32
	Drain     []string // gateways; nil: no outage
	Backlog   []point
}

type keptState struct {
	LastT, Fired, Next int64
	LastSlot           int32
	Vals               []value
	Dets               [][]byte
	Wins               []window
	Phases             []phase
}

type keptCheckpoint struct {
	S     keptState
	Pos   int
	Marks []int
}

// Frozen is an engine's state at one moment. It may be written on another goroutine
// while the engine goes on.
type Frozen struct {
	state engineState // without cells
	keys  []string    // of cells
	cells []*cell     // copies of what changes
}

// Freeze copies the engine's state, or says ErrBusy.
func (e *Engine) Freeze() (*Frozen, error) {
	if len(e.jobs) > 0 {
		return nil, ErrBusy
	}
	s := engineState{Version: snapshotVersion, Site: e.inv, Rules: e.files, Arrival: e.arrival, Listen: e.listen}
	for _, d := range e.order {
		s.Devices = append(s.Devices, deviceState{d.id, d.announced, d.stated, d.kit.metrics, d.heard, d.heardAt, d.behind, d.silent, d.faulty, slices.Clone(d.bad), d.good})
	}
	for _, g := range e.gates {
		s.Gateways = append(s.Gateways, gatewayState{g.id, g.heard, g.heardAt, g.backAt, g.silent, g.forked, g.forkAt, g.stored})
	}
	f := &Frozen{state: s, cells: make([]*cell, len(e.live())), keys: make([]string, len(e.cells))}
	for i, c := range e.cells {
		e.setClock(c)
		f.keys[i], f.cells[i] = c.key(), c.freeze()
	}
	return f, nil
}

// freeze copies what changes in a cell.
func (c *cell) freeze() *cell {
	f := &cell{cur: *c.cur.clone(), base: c.base.clone(), half: c.half, tail: slices.Clone(c.tail),
		said: make([][]span, len(c.said)), clock: c.clock, heard: c.heard, late: c.late}
	if c.zone != nil {
		f.zone = &zone{kept: slices.Clone(c.zone.kept)}
	}
	if c.mid != nil {
		f.mid = &checkpoint{c.mid.s.clone(), c.mid.pos, slices.Clone(c.mid.marks)}
	}
	for i, said := range c.said {
		f.said[i] = slices.Clone(said)
	}
	if c.drain != nil {
		f.drain = &drain{nodes: slices.Clone(c.drain.nodes), backlog: slices.Clone(c.drain.backlog)}
	}
	return f
}

// Write writes the state, a cell at a time: while it is being written it is in
// memory once, not twice.
func (f *Frozen) Write(w io.Writer) error {
	enc := gob.NewEncoder(w)
	s := f.state
	s.Cells = len(f.cells)
	if err := enc.Encode(&s); err != nil {
		return fmt.Errorf("rules: snapshot: %w", err)
	}
	for i, c := range f.cells {
		k := c.keep()
		k.Key = f.keys[i]
		if err := enc.Encode(&k); err != nil {
			return fmt.Errorf("rules: snapshot: %w", err)
		}
	}
	return nil
}

// Snapshot is the engine's state as bytes, or ErrBusy.
func (e *Engine) Snapshot() ([]byte, error) {
	f, err := e.Freeze()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = f.Write(&b)
	return b.Bytes(), err
}

func (c *cell) keep() cellState {
	k := cellState{Cur: c.cur.keep(), Base: c.base.keep(), Half: c.half, Kept: c.keptFor(),
		Said: c.said, Tail: c.tail, Clock: c.clock, Heard: c.heard, Late: c.late}
	if c.mid != nil {
		k.Mid = &keptCheckpoint{c.mid.s.keep(), c.mid.pos, c.mid.marks}
	}
	if c.drain != nil {
		k.Drain, k.Backlog = c.drain.nodes, c.drain.backlog
	}
	return k
}

func (s *state) keep() keptState {
	k := keptState{LastT: s.LastT, Fired: s.Fired, Next: s.Next, LastSlot: s.LastSlot, Vals: s.Vals}
	if s.extra != nil {
		k.Wins, k.Phases = s.extra.Wins, s.extra.Phases
	}
	for _, d := range s.Dets {
		k.Dets = append(k.Dets, d.AppendState(nil))
	}
	return k
}

// Restore takes a snapshot back into a new engine. After an error the engine must
// not be used.
func (e *Engine) Restore(b []byte) error {
	var s engineState
	dec := gob.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&s); err != nil {
		return fmt.Errorf("%w (%w)", ErrSnapshot, err)
	}
	if s.Version != snapshotVersion {
		return fmt.Errorf("%w (version %d)", ErrSnapshot, s.Version)
	}
	for _, g := range s.Gateways {
		made := e.gateway(g.ID)
		made.heard, made.heardAt, made.backAt, made.silent, made.forked, made.forkAt, made.stored = g.Heard, g.HeardAt, g.BackAt, g.Silent, g.Forked, g.ForkAt, g.Stored
	}
	for _, k := range s.Devices {
		d := &device{id: k.ID, node: e.nodeOf(k.ID), announced: k.Announced, kit: &noKit, stated: k.Stated,
			heard: k.Heard, heardAt: k.HeardAt, behind: k.Behind, silent: k.Silent, faulty: k.Faulty, bad: k.Bad, good: k.Good}
		e.learn(d, k.Metrics...)
		d.node.devices = append(d.node.devices, d)
		e.byID[d.id] = d
		e.enlist(d)
	}
	if err := e.setFiles(&s); err != nil {
		return fmt.Errorf("%w (%w)", ErrSnapshot, err)
	}
	e.arrival, e.listen = s.Arrival, s.Listen
	return e.restoreCells(dec, s.Cells)
}

func (e *Engine) setFiles(s *engineState) error {
	if s.Site.Version != "" {
		if err := e.setSite(&s.Site); err != nil {
			return err
		}
	}
	if s.Rules.Version != "" {
		return e.setRules(&s.Rules)
	}
	e.resite()
	return nil
}

func (e *Engine) restoreCells(dec *gob.Decoder, n int) error {
	byKey := map[string]*cell{}
	for _, c := range e.live() {
		byKey[c.key()] = c
	}
	if len(byKey) != n {
		return fmt.Errorf("%w (%d cells, want %d)", ErrSnapshot, n, len(byKey))
	}
	e.cells, e.due = e.cells[:0], e.due[:0]
	for range n {
		var k cellState
		if err := dec.Decode(&k); err != nil {
			return fmt.Errorf("%w (%w)", ErrSnapshot, err)
		}
		c := byKey[k.Key]
		if c == nil {
			return fmt.Errorf("%w (cell %s)", ErrSnapshot, k.Key)
		}
		if err := c.restore(&k); err != nil {
			return fmt.Errorf("%w (cell %s: %w)", ErrSnapshot, k.Key, err)
		}
		e.aside += c.kept()
		e.add(c)
		delete(byKey, k.Key)
	}
	return nil
}

func (c *cell) restore(k *cellState) error {
	cur, err := c.restoreState(&k.Cur)
	if err != nil {
		return err
	}
	if c.base, err = c.restoreState(&k.Base); err != nil {
		return err
	}
	c.mid = nil
	if k.Mid != nil {
		s, err := c.restoreState(&k.Mid.S)
		if err != nil {
			return err
		}
		c.mid = &checkpoint{s, k.Mid.Pos, k.Mid.Marks}
	}
	if copy(c.keptFor(), k.Kept) != len(k.Kept) {
		return errors.New("of another shape")
	}
	c.cur, c.said, c.tail, c.half, c.clock, c.heard, c.late = *cur, k.Said, k.Tail, k.Half, k.Clock, k.Heard, k.Late
	if k.Drain != nil {
		c.drain = &drain{nodes: k.Drain, backlog: k.Backlog}
	}
	if !c.consistent() {
		return errors.New("of another shape")
	}
	return nil
}

// consistent reports whether what was restored fits together.
func (c *cell) consistent() bool {
	fits := func(k *checkpoint) bool {
		if k.marks != nil && len(k.marks) != len(c.insts) || k.pos < 0 || k.pos > len(c.tail) {
			return false
		}
		for i, n := range k.marks {
			if n < 0 || n > len(c.saidOf(i)) {
				return false
			}
		}
		return true
	}
	bad := func(p point) bool { return int(p.slot()) >= len(c.slots) }
	return fits(&checkpoint{marks: c.keptFor()}) && (c.said == nil || len(c.said) == len(c.insts)) && (c.mid == nil || fits(c.mid)) && c.half >= 0 && int(c.half) <= len(c.tail) && !slices.ContainsFunc(c.tail, bad) &&
		(c.drain == nil || !slices.ContainsFunc(c.drain.backlog, bad))
}

func (c *cell) restoreState(k *keptState) (*state, error) {
	s := c.fresh()
	if len(k.Vals) != len(s.Vals) || len(k.Dets) != len(s.Dets) || len(k.Wins) != len(c.wins) || len(k.Phases) != 0 && len(k.Phases) != len(c.insts) {
		return nil, errors.New("of another shape")
	}
	for i, b := range k.Dets {
		rest, err := s.Dets[i].LoadState(b)
		if err != nil {
			return nil, err
		}
		if len(rest) > 0 {
			return nil, errors.New("a detector's state is too long")
		}
	}
	s.LastT, s.Fired, s.Next, s.LastSlot = k.LastT, k.Fired, k.Next, k.LastSlot
	s.Vals = k.Vals
	if len(k.Wins)+len(k.Phases) > 0 {
		s.extra = &extra{k.Wins, k.Phases}
	}
	return s, nil
}
