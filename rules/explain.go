package rules

import "slices"

// Feature is one number by which a detector decided when a rule was raised. Its name
// is one of detect's.
type Feature struct {
	Device string  `json:"device"`
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"` // none for a mere number
}

// explain is by what the detectors that an instance asks decided. Only a raise asks
// for it.
func (c *cell) explain(s *state, i int) (list []Feature) {
	for _, det := range c.asked(c.insts[i].when, nil) {
		device := c.devices[c.dets[det].dev].id
		for _, f := range s.Dets[det].Explain() {
			list = append(list, Feature{device, f.Name, f.Value, f.Unit})
		}
	}
	return list
}

// asked are the detectors whose outputs a condition asks for, in its order.
func (c *cell) asked(n *node, list []int) []int {
	if n == nil {
		return list
	}
	if n.slot >= 0 {
		if det := c.slots[n.slot].det; det >= 0 && !slices.Contains(list, det) {
			list = append(list, det)
		}
	}
	for _, e := range n.each {
		list = c.asked(e, list)
	}
	return c.asked(n.y, c.asked(n.x, list))
}
