package rules

import (
	"slices"

	"weishao.dev/weishao/site"
)

const reasonRemoved = "no longer in the site"

// forget lets devices go that a site has named and names no more, if nothing is
// heard of them: they have been taken away. One that speaks on is listed as one
// that the site does not know.
func (e *Engine) forget(before, now *site.Site) {
	gone := map[*device]bool{}
	for _, d := range e.order {
		if before.Devices[d.id] != nil && now.Devices[d.id] == nil && (d.silent != nil || d.node.silent != nil) {
			gone[d] = true
			e.release(d)
		}
	}
	if len(gone) == 0 {
		return
	}
	isGone := func(d *device) bool { return gone[d] }
	all := e.order
	e.order, e.watch = nil, nil
	for _, d := range all {
		if !gone[d] {
			e.enlist(d)
		}
	}
	for _, g := range e.gates {
		if g.devices = slices.DeleteFunc(g.devices, isGone); len(g.devices) == 0 && g.silent != nil {
			e.over(&g.silent, reasonRemoved)
		}
	}
}

// release ends what was said of a device. What a rule said of it ends with its cell.
func (e *Engine) release(d *device) {
	delete(e.byID, d.id)
	for _, held := range []**Verdict{&d.silent, &d.faulty} {
		if *held != nil {
			e.over(held, reasonRemoved)
		}
	}
	if len(d.cell.devices) == 1 {
		e.carry([]*cell{d.cell}, nil)
	}
}
