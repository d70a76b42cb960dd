package ingest

import (
	"time"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// Bounds of one record.
const (
	maxBatchReadings = 50_000
	maxBatchBytes    = 2 << 20 // as estimated below, never far from the encoded size

	bytesPerEntry = 48
	bytesPerPoint = 16
)

// batch is a record that fills. Entries and points live in slabs that are used
// again once the record is in the log; only one message in a while makes them
// grow.
type batch struct {
	number  uint64
	rec     record.Record
	slab    []record.Readings
	points  []telemetry.Point
	bytes   int       // estimated size
	began   time.Time // when the first entry came
	urgent  bool      // no reason to wait for more
	touched []touch   // runs to acknowledge when this is committed
	births  []birthAck
	changed []*nodeState   // have unstamped times
	waiters []chan<- error // of Announce
	count   int            // readings
	snap    *snapshot      // the state after this batch, if one is due
}

// touch is a run that got further, or whose gateway needs to be told again how
// far it is.
type touch struct {
	node *node
	run  *runState           // the builder's, who goes on with it
	ack  sparkplug.Committed // at the end of the batch
}

// birthAck is what a gateway is told after its birth.
type birthAck struct {
	node     *node
	runs     []*runState           // the builder's
	acks     []sparkplug.Committed // at the end of the batch
	resend   bool                  // something was dropped for want of this birth
	newEpoch bool
}

func newBatch() *batch {
	return &batch{slab: make([]record.Readings, 0, 4096), points: make([]telemetry.Point, 0, 1<<15)}
}

// reset empties b for its next use as the batch of that number.
func (b *batch) reset(number uint64) {
	clear(b.rec.Entries)
	clear(b.touched)
	clear(b.births)
	clear(b.changed)
	clear(b.waiters)
	*b = batch{
		number: number, rec: record.Record{Entries: b.rec.Entries[:0]},
		slab: b.slab[:0], points: b.points[:0],
		touched: b.touched[:0], births: b.births[:0], changed: b.changed[:0], waiters: b.waiters[:0],
	}
}

// empty reports that the batch has nothing for the log.
func (b *batch) empty() bool { return len(b.rec.Entries) == 0 }

// idle reports that the batch has nothing for anybody.
func (b *batch) idle() bool {
	return b.empty() && len(b.touched) == 0 && len(b.births) == 0 && len(b.waiters) == 0
}

func (b *batch) full() bool { return b.count >= maxBatchReadings || b.bytes >= maxBatchBytes }

// add puts an entry that is not a Readings. Those are few, and somebody waits.
func (b *batch) add(e record.Entry, size int) {
	b.rec.Entries = append(b.rec.Entries, e)
	b.bytes += bytesPerEntry + size
	b.urgent = true
}

// addReadings puts the points from start on, which were appended to b.points.
func (b *batch) addReadings(r record.Readings, start int) {
	r.Points = b.points[start:len(b.points):len(b.points)]
	b.slab = append(b.slab, r)
	b.rec.Entries = append(b.rec.Entries, &b.slab[len(b.slab)-1])
	b.bytes += bytesPerEntry + bytesPerPoint*len(r.Points)
	b.count += len(r.Points)
}

// touch has a run acknowledged with this batch.
func (b *batch) touch(n *node, r *runState) {
	if r.batch != b.number {
		r.batch = b.number
		b.touched = append(b.touched, touch{node: n, run: r})
	}
}

// close fixes the arrival and what is acknowledged: the next batch moves the
// runs on while this one is being written.
func (b *batch) close(arrival int64) {
	b.rec.Arrival = arrival
	for _, n := range b.changed {
		n.stamp(arrival)
	}
	for i := range b.touched {
		b.touched[i].ack = b.touched[i].run.ack()
	}
	for i := range b.births {
		for _, r := range b.births[i].runs {
			b.births[i].acks = append(b.births[i].acks, r.ack())
		}
	}
}

// ack is what a gateway is told of the run.
func (r *runState) ack() sparkplug.Committed {
	return sparkplug.Committed{Run: r.ID, Seq: r.Committed}
}
