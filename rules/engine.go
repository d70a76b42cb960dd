package rules

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Output takes what the engine finds, on the goroutine that calls Apply.
type Output interface {
	Verdict(Verdict)
	Derived(DerivedSample)
}

// Engine evaluates the rules over the log. It is not safe for concurrent use.
type Engine struct {
	site  *site.Site
	pack  *Pack
	files record.Rules // in effect
	inv   record.Site  // in effect

	byID  map[string]*device
	nodes map[string]*gateway
	order []*device          // as they came to be known
	watch []int64            // by device in order: no tick need look at it before that listening time
	gates []*gateway         // likewise
	zones map[string]*device // the first of each, which leads to the others
	cells []*cell
	due   []int64 // by cell: likewise
	kits  map[string]*kit

	layouts map[string]*layout // of the site and the rules in effect

	gone  bool    // some of cells are no longer in use
	jobs  []*cell // outages being evaluated
	aside int     // readings kept for outages

	pos     uint64
	arrival int64
	listen  int64 // ms for which the hub has been listening
	ticked  int64 // listening time of the last tick
	ticks   uint64
	index   int
	out     Output
	recent  []point  // readings of the cell at hand, up to the one at hand
	queued  []queued // readings of this record for cells of several devices
	told    []news   // of raises that other cells of the zone have still to hear
	next    [ahead]*device
	touched int64 // only so that looking ahead is not for nothing
}

// away is how far apart two records are, in ms, when the hub was not there to
// listen: it writes a tick a second. Silence then is its own. A hub that starts
// says so besides.
const away = 10_000

// restartGrace is how long gateways may take, in ms, to find a hub that is back, or
// that hears of them for the first time.
const restartGrace = 30_000

// NewEngine is an engine that has read nothing.
func NewEngine() *Engine {
	return &Engine{site: site.Empty(), pack: &Pack{}, byID: map[string]*device{}, nodes: map[string]*gateway{}, zones: map[string]*device{}, kits: map[string]*kit{}, layouts: map[string]*layout{}}
}

// Pack is the rules in effect; empty before the first Rules record.
func (e *Engine) Pack() *Pack { return e.pack }

// InEffect is the site and the rules in effect, as files; their versions are "" before
// the first records of them.
func (e *Engine) InEffect() (record.Site, record.Rules) { return e.inv, e.files }

// Arrival is when the last record arrived, Unix ms; 0 before the first.
func (e *Engine) Arrival() int64 { return e.arrival }

// Apply evaluates one record. An error is about an entry that cannot be used, a
// version of site or rules that does not load; everything else in the record has
// been evaluated all the same, and the old version goes on.
func (e *Engine) Apply(rec *record.Record, out Output) error {
	e.out, e.pos, e.index = out, rec.Seq, 0
	e.pass(rec.Arrival)
	var failed error
	for i, entry := range rec.Entries {
		if i%ahead == 0 {
			e.lookAhead(rec.Entries[i:min(i+ahead, len(rec.Entries))])
		}
		if x, ok := entry.(*record.Readings); ok {
			e.readings(x, e.next[i%ahead])
			continue
		}
		clear(e.next[:]) // devices may come and go
		e.inOrder()
		if err := e.entry(entry); err != nil && failed == nil {
			failed = err
		}
	}
	e.inOrder()
	if len(e.jobs) > 0 {
		e.runJobs()
	}
	e.spread()
	e.out = nil
	return failed
}

// pass lets listening time pass up to a record's arrival.
func (e *Engine) pass(arrival int64) {
	dt := arrival - e.arrival
	e.arrival = arrival
	if dt >= 0 && dt <= away { // two records may be of one millisecond
		e.listen += dt
		return
	}
	e.resume()
}

// resume gives all time to find a hub that was away.
func (e *Engine) resume() {
	for _, d := range e.order {
		if d.silent == nil {
			d.heard = max(d.heard, e.listen+restartGrace)
		}
	}
	for _, g := range e.gates {
		if g.silent == nil {
			g.heard = max(g.heard, e.listen+restartGrace)
		}
	}
}

func (e *Engine) entry(entry record.Entry) error {
	switch x := entry.(type) {
	case *record.Tick:
		e.tick()
	case *record.Resumed:
		e.resume()
	case *record.DeviceBirth:
		e.deviceBirth(x)
	case *record.DeviceDeath:
		e.deviceDeath(e.device(x.Device))
	case *record.NodeBirth:
		e.nodeBirth(x)
	case *record.NodeDeath:
		e.nodeDeath(e.gateway(x.Node))
	case *record.Drained:
		e.drained(e.gateway(x.Node))
	case *record.Site:
		return e.setSite(x)
	case *record.Rules:
		return e.setRules(x)
	}
	return nil
}

// readings takes those of a device, which is nil where it has not been looked up.
func (e *Engine) readings(x *record.Readings, d *device) {
	if d == nil {
		d = e.device(x.Device)
	}
	e.hear(d)
	if x.Backlog {
		e.inOrder()
	}
	aside := x.Backlog && d.cell.drain != nil && !d.cell.drain.running
	for i := range x.Points {
		p := &x.Points[i]
		slot, known := d.slotOf(p.Metric)
		if !known {
			e.inOrder()
			e.learn(d, p.Metric)
			was := d.zone
			d.settleIn(e.site)
			e.look(d)
			e.resettle(d, was)
			slot, _ = d.slotOf(p.Metric)
			aside = aside && d.cell.drain != nil
		}
		if !x.Backlog {
			if d.judge(p, e.listen, e.arrival) {
				e.look(d)
			}
		}
		if slot < 0 || p.Quality == telemetry.Warmup {
			continue
		}
		q, ok := pointOf(int32(slot), p)
		switch {
		case !ok:
		case aside && d.cell.drain != nil:
			e.setAside(d.cell, q)
		case x.Backlog && d.cell.past(q): // history only
		case !x.Backlog && len(d.cell.devices) > 1:
			e.queued = append(e.queued, queued{d.cell, q})
		default:
			e.observe(d.cell, q)
		}
	}
}

// device finds a device or makes one that nobody has announced.
func (e *Engine) device(id string) *device {
	d := e.byID[id]
	if d == nil {
		d = &device{id: id, node: e.nodeOf(id), heard: e.listen, heardAt: e.arrival, kit: &noKit}
		d.node.devices = append(d.node.devices, d)
		e.byID[id] = d
		e.enlist(d)
		d.settleIn(e.site)
		e.list(d)
		e.arrange(d.zone)
	}
	return d
}

// enlist adds a device to those that ticks watch.
func (e *Engine) enlist(d *device) {
	d.no = int32(len(e.order))
	e.order, e.watch = append(e.order, d), append(e.watch, 0)
}

func (e *Engine) nodeOf(device string) *gateway { return e.gateway(telemetry.NodeOf(device)) }

func (e *Engine) gateway(id string) *gateway {
	g := e.nodes[id]
	if g == nil {
		g = &gateway{id: id, heard: e.listen, heardAt: e.arrival}
		e.nodes[id] = g
		e.gates = append(e.gates, g)
	}
	return g
}

func (e *Engine) deviceBirth(x *record.DeviceBirth) {
	isNew := e.byID[x.Device] == nil
	d := e.device(x.Device)
	e.look(d)
	d.heard = max(d.heard, e.listen)
	d.lose(x.Metrics, e.listen)
	news := e.learn(d, x.Metrics...)
	if d.announced != x.Placement || d.stated != x.IntervalMS {
		d.announced, d.stated = x.Placement, x.IntervalMS
		news = true
	}
	was := d.zone
	if d.settleIn(e.site) || news {
		e.resettle(d, was)
	}
	if isNew && d.node.stored {
		e.fork(d.cell, d.node.id) // a gateway that stored before it was first heard
	}
}

func (e *Engine) setSite(x *record.Site) error {
	if x.Version == e.inv.Version && bytes.Equal(x.File.Data, e.inv.File.Data) {
		return nil
	}
	s, err := site.Load(x.File.Name, x.File.Data)
	if err != nil {
		return fmt.Errorf("site version %s: %w", x.Version, err)
	}
	e.inv = record.Site{Version: x.Version, File: record.File{Name: x.File.Name, Data: bytes.Clone(x.File.Data)}}
	e.forget(e.site, s)
	e.site = s
	// The site's own metrics and LEL are part of what the rules say.
	if pack, err := Load(s.Catalogue, e.files.Files); err == nil {
		e.pack = pack
	}
	for _, id := range slices.Sorted(maps.Keys(s.Devices)) {
		if e.byID[id] == nil {
			d := e.device(id)
			d.heard = e.listen + restartGrace
			d.node.heard = max(d.node.heard, d.heard)
		}
	}
	e.resite()
	return nil
}

func (e *Engine) setRules(x *record.Rules) error {
	if x.Version == e.files.Version && slices.EqualFunc(x.Files, e.files.Files, func(a, b record.File) bool {
		return a.Name == b.Name && bytes.Equal(a.Data, b.Data)
	}) {
		return nil
	}
	pack, err := Load(e.site.Catalogue, x.Files)
	if err != nil {
		return fmt.Errorf("rules version %s: %w", x.Version, err)
	}
	e.files = record.Rules{Version: x.Version}
	for _, f := range x.Files {
		e.files.Files = append(e.files.Files, record.File{Name: f.Name, Data: bytes.Clone(f.Data)})
	}
	e.pack = pack
	e.resite()
	return nil
}

// Active lists the raises that hold, in the order in which they came.
func (e *Engine) Active() []Verdict {
	var list []Verdict
	for _, c := range e.live() {
		for i, said := range c.said {
			if over(said) < len(said) {
				list = append(list, c.last(i).V)
			}
		}
	}
	add := func(v *Verdict) {
		if v != nil {
			list = append(list, *v)
		}
	}
	for _, d := range e.order {
		add(d.silent)
		add(d.faulty)
	}
	for _, g := range e.gates {
		add(g.silent)
		add(g.forked)
	}
	slices.SortStableFunc(list, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Pos, b.Pos), cmp.Compare(a.Index, b.Index))
	})
	return list
}

// Stirred reports whether a rule about the device is raised or on its way to be.
func (e *Engine) Stirred(device string) bool {
	d := e.byID[device]
	if d == nil || d.cell == nil {
		return false
	}
	for i, in := range d.cell.insts {
		if d.cell.cur.phase(i).Stage != idle && in.about(int(d.nth)) {
			return true
		}
	}
	return false
}
