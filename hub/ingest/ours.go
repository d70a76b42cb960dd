package ingest

import (
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// ours takes a DDATA of one of our own nodes, decoded into in.data.
func (in *Ingest) ours(n *node, d *device) {
	count := uint64(len(in.data.Points))
	if count == 0 {
		return
	}
	r := n.last
	if r == nil || r.ID != in.data.Run {
		if r = n.runs[in.data.Run]; r == nil {
			in.unannounced(n, d) // of a run that the birth did not declare
			return
		}
		n.last = r
	}
	first := in.data.First
	what, skip := judge(r.Committed, first, count)
	switch what {
	case wrong:
		in.refuse(n, d, telemetry.BadPayload, 1)
		return
	case replay:
		in.refuse(n, d, telemetry.BadReplay, count)
		in.batch.touch(n, r) // its gateway has not heard that it is committed
		return
	case gap:
		in.missing(n, r, first+count-1)
		return
	}
	if !in.known(n, d) {
		return
	}
	if skip > 0 {
		in.refuse(n, d, telemetry.BadReplay, skip)
	}
	in.accept(n, d, r, int(skip))
	in.batch.touch(n, r)
	if n.commit(r, first+count-1) {
		in.batch.add(&record.Drained{Node: n.Node}, 0)
	}
}

// missing asks for what is missing between what is committed and a message that
// ends with sequence last.
func (in *Ingest) missing(n *node, r *runState, last uint64) {
	if r.ahead == 0 {
		r.aheadMS = in.now
	}
	r.ahead = max(r.ahead, last)
	in.metrics.resends.Inc()
	in.acks.resend(n)
}

// known reports whether the message's readings can be told what they are. If
// not, the message waits for another birth: it is dropped, unacknowledged. A
// gateway that never announces what it sends does not block its run for ever.
func (in *Ingest) known(n *node, d *device) bool {
	missing := d.targets == nil
	if !missing {
		for i := range in.data.Points {
			if d.targets.alias(in.data.Points[i].Alias) == nil {
				missing = true
				break
			}
		}
	}
	switch {
	case !missing:
		d.askedMS = 0 // what it was asked for has come
		return true
	case d.askedMS == 0 || in.now-d.askedMS > patienceMS:
		d.asked, d.askedMS = n.births, in.now
	case n.births >= d.asked+patience:
		return true // what is unknown now is refused, reading by reading
	}
	in.unannounced(n, d)
	return false
}

// accept puts the message's readings from skip on into the batch. Those that
// are refused leave a hole: the entry ends before and another begins after them.
func (in *Ingest) accept(n *node, d *device, r *runState, skip int) {
	b := in.batch
	start := len(b.points)
	next := in.data.First + uint64(skip) // sequence of the next point of the entry that fills
	entry := record.Readings{Device: d.id, Epoch: r.Epoch, Run: r.ID, First: next, Backlog: r.Kind == record.Backlog}
	for i := skip; i < len(in.data.Points); i++ {
		wire := &in.data.Points[i]
		next++
		var t *target
		if d.targets != nil {
			t = d.targets.alias(wire.Alias)
		}
		if t == nil {
			t = &unannouncedTarget
		}
		p, bad := t.point(wire.Time, wire.Value, wire.Quality, in.window)
		if bad == telemetry.BadNone {
			b.points = append(b.points, p)
			continue
		}
		if t == &unannouncedTarget {
			bad = telemetry.BadUnannounced
		}
		in.refuse(n, d, bad, 1)
		if len(b.points) > start {
			b.addReadings(entry, start)
			start = len(b.points)
		}
		entry.First = next
	}
	// An entry without points says how far the run is handled, though the last of
	// its readings were refused: without it a restart would forget that.
	if len(b.points) > start || entry.First == next {
		b.addReadings(entry, start)
	}
}

// unannouncedTarget stands for what no certificate declares: nothing is known.
var unannouncedTarget target
