package rules

import "weishao.dev/weishao/telemetry/record"

// ahead is how many entries of a record are looked up before the first of them is
// evaluated. With many devices nothing of a device is in the processor's caches when
// its reading comes, and each step to it waits for memory; the steps of many devices
// wait together.
const ahead = 32

// lookAhead finds the devices of the next entries and touches what their readings
// will. It changes nothing.
func (e *Engine) lookAhead(entries []record.Entry) {
	n := 0
	for i, entry := range entries {
		e.next[i] = nil
		if x, ok := entry.(*record.Readings); ok {
			e.next[i] = e.byID[x.Device]
			n++
		}
	}
	if n < ahead/4 {
		return
	}
	var cells [ahead]*cell
	for i := range entries {
		if d := e.next[i]; d != nil {
			cells[i] = d.cell
			e.touched += int64(len(d.bad))
		}
	}
	for i, c := range cells {
		if c != nil {
			e.touched += c.cur.LastT + c.heard + int64(len(c.thin)) + c.devices[0].limit + e.next[i].node.heard
		}
	}
	for i, c := range cells {
		if c == nil {
			continue
		}
		e.touched += e.due[c.no] + c.cur.touch()
		if n := len(c.tail); n > 0 {
			e.touched += c.tail[n-1].time()
		}
		if n := len(c.thin); n > 0 {
			e.touched += c.thin[n-1].t
		}
		if at := entries[i].(*record.Readings).Points; c.half > 0 && len(at) > 0 && at[0].Time-c.halfT() >= Lateness {
			e.touched += c.base.touch()
		}
	}
}

// touch reads something of each part of a state.
func (s *state) touch() int64 {
	x := s.LastT
	if n := len(s.Vals); n > 0 {
		x += s.Vals[0].T + s.Vals[n-1].T
	}
	if s.extra != nil {
		x += int64(len(s.extra.Phases))
	}
	for _, d := range s.Dets {
		if _, ok := d.Output(0); ok {
			x++
		}
	}
	return x
}
