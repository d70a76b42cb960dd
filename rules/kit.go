package rules

import (
	"slices"
	"strconv"
	"strings"

	"weishao.dev/weishao/rules/detect"
)

// kit is the metrics of a device. All devices that have the same share one.
type kit struct {
	metrics []string // measured ones, in the order in which they came to be known
	derived []string // what detectors make of them
}

var noKit kit

func (k *kit) has(metric string) bool {
	return slices.Contains(k.metrics, metric) || slices.Contains(k.derived, metric)
}

func (k *kit) hasAny(metrics []string) bool { return slices.ContainsFunc(metrics, k.has) }

// learn adds metrics of a device that were announced or came; false if all were known.
func (e *Engine) learn(d *device, metrics ...string) bool {
	list := slices.Clip(d.kit.metrics)
	for _, m := range metrics {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	if len(list) == len(d.kit.metrics) {
		return false
	}
	d.kit = e.kitOf(list)
	return true
}

func (e *Engine) kitOf(metrics []string) *kit {
	name := strings.Join(metrics, "\x00")
	if k := e.kits[name]; k != nil {
		return k
	}
	k := &kit{metrics: metrics}
	for _, d := range detect.Kinds() {
		if d.Wants(metrics) {
			k.derived = append(k.derived, d.Outputs...)
		}
	}
	e.kits[name] = k
	return k
}

// cellOf makes a cell without its state.
func (e *Engine) cellOf(kind byte, devices []*device) *cell {
	return &cell{layout: e.layoutOf(devices), devices: devices, at: devices[0].place, kind: kind}
}

// layoutOf finds or makes the layout of a cell of some devices.
func (e *Engine) layoutOf(devices []*device) *layout {
	key := layoutKey(devices)
	l := e.layouts[key]
	if l == nil {
		l = e.build(devices)
		e.layouts[key] = l
	}
	return l
}

// layoutKey is all that the devices of a cell have a say in.
func layoutKey(devices []*device) string {
	var b []byte
	for _, d := range devices {
		b = append(b, d.placement...)
		b = strconv.AppendFloat(append(b, 0), d.rating, 'g', -1, 64)
		for _, m := range d.kit.metrics {
			b = append(append(b, 0), m...)
		}
		b = append(b, '\n')
	}
	return string(b)
}
