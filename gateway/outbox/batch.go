package outbox

import (
	"slices"

	"weishao.dev/weishao/telemetry"
)

// block is what one block of a segment holds.
type block struct {
	count   int
	batches []Batch
}

// blocks cuts batches into pieces that fit a block each.
func blocks(batches []Batch) []block {
	var out []block
	var cur block
	for _, b := range batches {
		for points := b.Points; len(points) > 0; {
			n := min(len(points), maxBlockPoints-cur.count)
			cur.batches = append(cur.batches, Batch{b.Device, points[:n]})
			cur.count += n
			points = points[n:]
			if cur.count == maxBlockPoints {
				out = append(out, cur)
				cur = block{}
			}
		}
	}
	if cur.count > 0 {
		out = append(out, cur)
	}
	return out
}

// byDevice sorts batches by device, keeping each device's order, and leaves out what
// is empty or could not be read back.
func byDevice(batches []Batch) []Batch {
	sorted := make([]Batch, 0, len(batches))
	for _, b := range batches {
		if len(b.Points) > 0 && b.Device != "" && len(b.Device) <= maxName {
			sorted = append(sorted, b)
		}
	}
	slices.SortStableFunc(sorted, func(a, b Batch) int {
		switch {
		case a.Device < b.Device:
			return -1
		case a.Device > b.Device:
			return 1
		}
		return 0
	})
	return sorted
}

// Chunk is some consecutive readings of one device.
type Chunk struct {
	Device string
	First  uint64 // sequence of Points[0]
	Points []telemetry.Point
}

func (c Chunk) last() uint64 { return c.First + uint64(len(c.Points)) - 1 }
