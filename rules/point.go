package rules

import (
	"cmp"
	"slices"

	"weishao.dev/weishao/telemetry"
)

// point is one reading of a slot, in 16 bytes: every reading of the last half minute
// and more is kept. At is its time in Unix ms (42 bits: until 2109), its slot (17) and
// its quality (5), in this order, so that points are in order where their At are.
type point struct {
	At uint64
	V  float64
}

const (
	qualityBits = 5
	slotBits    = 17
	timeBits    = 64 - slotBits - qualityBits
)

// pointOf is false for a time that no clock shows, or a slot that no place has.
func pointOf(slot int32, p *telemetry.Point) (point, bool) {
	if p.Time <= 0 || p.Time >= 1<<timeBits || slot >= 1<<slotBits {
		return point{}, false
	}
	return point{At: uint64(p.Quality), V: p.Value}.at(p.Time, slot), true
}

// at is the point with another time and slot.
func (p point) at(t int64, slot int32) point {
	p.At = uint64(t)<<(slotBits+qualityBits) | uint64(slot)<<qualityBits | uint64(p.quality())
	return p
}

func (p point) time() int64                { return int64(p.At >> (slotBits + qualityBits)) }
func (p point) slot() int32                { return int32(p.At >> qualityBits & (1<<slotBits - 1)) }
func (p point) quality() telemetry.Quality { return telemetry.Quality(p.At & (1<<qualityBits - 1)) }
func (p point) fault() bool                { return p.quality().Fault() }

// before is the order of readings: by time, and at one time by slot.
func (p point) before(t int64, slot int32) bool {
	return p.time() < t || p.time() == t && p.slot() < slot
}

func compare(a, b point) int { return cmp.Compare(a.At>>qualityBits, b.At>>qualityBits) }

func sortPoints(list []point) { slices.SortStableFunc(list, compare) }

// place is where among points in order a reading belongs: after those of the same
// time and slot.
func (p point) place(list []point) int {
	at, _ := slices.BinarySearchFunc(list, p, func(q, p point) int {
		if compare(p, q) < 0 {
			return 1
		}
		return -1
	})
	return at
}

// push adds a reading and grows by little: many devices keep a few each.
func push(list []point, p point) []point {
	if len(list) == cap(list) {
		list = append(make([]point, 0, len(list)+max(2, len(list)/4)), list...)
	}
	return append(list, p)
}
