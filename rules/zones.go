package rules

import (
	"maps"
	"slices"
)

// This file keeps which devices are in which zone: each zone's devices lead from one to
// the next.

// resettle puts a device that has changed, and was in a zone, where it belongs now.
func (e *Engine) resettle(d *device, was string) {
	if was == d.zone {
		e.arrange(was)
		return
	}
	e.unlist(d, was)
	e.list(d)
	e.arrange(was, d.zone)
}

// list notes in which zone a device is.
func (e *Engine) list(d *device) {
	d.next, e.zones[d.zone] = e.zones[d.zone], d
}

func (e *Engine) unlist(d *device, zone string) {
	if e.zones[zone] == d {
		if e.zones[zone] = d.next; d.next == nil {
			delete(e.zones, zone)
		}
		return
	}
	for o := e.zones[zone]; o != nil; o = o.next {
		if o.next == d {
			o.next = d.next
			return
		}
	}
}

// resite puts every device where the site in effect says.
func (e *Engine) resite() {
	e.zones = map[string]*device{}
	e.layouts = map[string]*layout{}
	for _, d := range e.order {
		d.settleIn(e.site)
		e.look(d)
		e.list(d)
	}
	e.arrange(slices.Sorted(maps.Keys(e.zones))...)
}
