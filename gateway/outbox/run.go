package outbox

import (
	"slices"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// run is one contiguous sequence: in segments on disk, or in memory. Its fields
// are guarded by Outbox.mu, except w, which belongs to whoever holds the append
// lock of its kind.
type run struct {
	id, parent uint64
	epoch      record.Epoch
	kind       record.RunKind // Live or Alarm, also when closed
	open       bool

	segs []*segment // ascending; on disk only
	mem  *memory    // in memory only

	next      uint64 // what is below is durable, or in memory
	committed uint64 // the hub's word
	lost      []record.Range

	w    *writer
	busy bool // a commit is under way
}

// oldest is the lowest sequence still held; next if none is.
func (r *run) oldest() uint64 {
	switch {
	case r.mem != nil && len(r.mem.chunks) > 0:
		return r.mem.chunks[0].First
	case len(r.segs) > 0:
		return r.segs[0].first
	}
	return r.next
}

// pending is how many held readings the hub has not committed.
func (r *run) pending() uint64 {
	from := max(r.oldest(), r.committed+1)
	if from >= r.next {
		return 0
	}
	n := r.next - from
	for _, l := range r.lost {
		if l.To >= from {
			n -= l.To - max(l.From, from) + 1
		}
	}
	return n
}

// settled reports whether the hub knows all about a run that gets no more.
func (r *run) settled() bool { return !r.open && !r.busy && r.committed+1 >= r.next }

// lose notes a range that will never be sent, and returns how many readings of it
// the hub has not committed and nobody had noted.
func (r *run) lose(from, to uint64) uint64 {
	from = max(from, r.committed+1)
	if from > to {
		return 0
	}
	before := countRanges(r.lost)
	r.lost = mergeRange(r.lost, record.Range{From: from, To: to})
	return countRanges(r.lost) - before
}

// lostAbove are the lost ranges that the hub has not passed yet.
func (r *run) lostAbove() []record.Range {
	var out []record.Range
	for _, l := range r.lost {
		if l.To > r.committed {
			out = append(out, l)
		}
	}
	return out
}

func (r *run) state(current bool) RunState {
	s := RunState{
		Run: record.Run{ID: r.id, Epoch: r.epoch, Parent: r.parent, Kind: r.kind,
			Oldest: r.oldest(), Next: r.next, Lost: r.lostAbove()},
		Committed: r.committed, Pending: r.pending(), Memory: r.mem != nil,
	}
	if !current {
		s.Kind = record.Backlog
	}
	return s
}

// mergeRange adds a range to sorted, disjoint ones.
func mergeRange(ranges []record.Range, add record.Range) []record.Range {
	all := append(slices.Clone(ranges), add)
	slices.SortFunc(all, func(a, b record.Range) int {
		if a.From < b.From {
			return -1
		}
		return 1
	})
	out := all[:1]
	for _, r := range all[1:] {
		if last := &out[len(out)-1]; r.From <= last.To+1 {
			last.To = max(last.To, r.To)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func countRanges(ranges []record.Range) (n uint64) {
	for _, r := range ranges {
		n += r.To - r.From + 1
	}
	return n
}

// memory holds the readings of a volatile run.
type memory struct {
	chunks []Chunk
	n      int // readings
}

// add copies batches in, beginning with sequence next, and returns the sequence
// after them. Only a good reading becomes volatile: other qualities say more.
func (m *memory) add(next uint64, batches []Batch) uint64 {
	for _, b := range batches {
		if len(b.Points) == 0 {
			continue
		}
		points := slices.Clone(b.Points)
		for i := range points {
			if points[i].Quality == telemetry.Good {
				points[i].Quality = telemetry.Volatile
			}
		}
		m.chunks = append(m.chunks, Chunk{Device: b.Device, First: next, Points: points})
		m.n += len(points)
		next += uint64(len(points))
	}
	return next
}

// trim forgets what is committed.
func (m *memory) trim(committed uint64) {
	for len(m.chunks) > 0 && m.chunks[0].last() <= committed {
		m.dropFirst()
	}
}

func (m *memory) dropFirst() Chunk {
	c := m.chunks[0]
	m.n -= len(c.Points)
	m.chunks[0] = Chunk{}
	m.chunks = m.chunks[1:]
	return c
}

// at finds the chunk that holds seq, or the first one behind it.
func (m *memory) at(seq uint64) (Chunk, bool) {
	i, _ := slices.BinarySearchFunc(m.chunks, seq, func(c Chunk, seq uint64) int {
		if c.last() < seq {
			return -1
		}
		return 1
	})
	if i == len(m.chunks) {
		return Chunk{}, false
	}
	return m.chunks[i], true
}
