package session

import (
	"slices"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// names knows each device and metric by the alias that its birth certificate
// declares. Aliases stay the same for the life of the process. A device that only
// the backlog knows (it was taken out of the configuration) gets a birth
// certificate when its first reading is sent, and one of death when the backlog is
// through.
type names struct {
	devices map[string]*announced
	order   []string
	alias   uint64 // last given
	unit    func(string) string
}

type announced struct {
	birth   sparkplug.DeviceBirth
	aliases map[string]uint64
	ghost   bool // not configured
}

func newNames(infos []devices.Info, unit func(string) string) *names {
	n := &names{devices: map[string]*announced{}, alias: sparkplug.AliasFirst - 1, unit: unit}
	for _, i := range infos {
		a := n.device(i.ID)
		a.birth.Model, a.birth.Serial, a.birth.Placement = i.Model, i.Serial, i.Placement
		a.birth.IntervalMS = i.Interval.Milliseconds()
		for _, m := range i.Metrics {
			n.metric(a, m)
		}
	}
	return n
}

func (n *names) device(id string) *announced {
	a := n.devices[id]
	if a == nil {
		a = &announced{aliases: map[string]uint64{}}
		n.devices[id] = a
		n.order = append(n.order, id)
	}
	return a
}

// metric gives a metric's alias; isNew says that it was not announced so far.
func (n *names) metric(a *announced, metric string) (alias uint64, isNew bool) {
	if alias, ok := a.aliases[metric]; ok {
		return alias, false
	}
	n.alias++
	a.aliases[metric] = n.alias
	m := sparkplug.Announced{Name: metric, Alias: n.alias, HasAlias: true}
	if n.unit != nil {
		m.Unit = n.unit(metric)
	}
	a.birth.Metrics = append(a.birth.Metrics, m)
	return n.alias, true
}

// ghosts takes out the devices that are not configured.
func (n *names) ghosts() (ids []string) {
	n.order = slices.DeleteFunc(n.order, func(id string) bool {
		if !n.devices[id].ghost {
			return false
		}
		ids = append(ids, id)
		delete(n.devices, id)
		return true
	})
	return ids
}
