package rules

import (
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
)

// silenceGrace is added to twice a device's interval before silence counts: what a
// commit, a message and a log record may take, and then some.
const silenceGrace = 6_000 // ms

// device is what the engine knows of one device. What every reading asks for stands
// first, side by side.
type device struct {
	cell    *cell
	node    *gateway
	kit     *kit     // its metrics
	heard   int64    // listening time of its last reading
	heardAt int64    // arrival of it, or of what made the device known
	limit   int64    // ms of silence after which nothing is known
	silent  *Verdict // the raise that holds; nil: none
	behind  int64    // listening time since when its cell has found it too late; 0: it has not

	bad    []failing // metrics that are in fault now
	faulty *Verdict
	good   int64 // listening time since when no metric is in fault, while faulty
	nth    int32 // of the cell's devices
	no     int32 // of all devices

	id        string
	announced string // placement of its birth certificate
	interval  int64  // ms; that of the site, or announced, or the default
	stated    int64  // ms; as announced

	place, zone, placement string
	rating                 float64 // of its circuit in A; 0: not told
	next                   *device // of its zone
}

// failing is one metric in fault.
type failing struct {
	Metric  string
	Quality telemetry.Quality
	Since   int64 // listening time
	At      int64 // arrival
}

// gateway is what the engine knows of one node.
type gateway struct {
	id      string
	devices []*device
	fastest int64    // shortest interval of its devices, ms
	heard   int64    // listening time
	heardAt int64    // arrival
	backAt  int64    // arrival of what ended its last silence, or of its last birth
	silent  *Verdict // about all its places
	forked  *Verdict
	forkAt  int64 // listening time of the last contradiction
	stored  bool  // it is bringing readings of an outage
}

// slotOf is the slot of a metric; known is false for one that the device has not
// been seen with.
func (d *device) slotOf(metric string) (slot int, known bool) {
	for i, m := range d.kit.metrics {
		if m == metric {
			return d.cell.of[d.nth][i], true
		}
	}
	return -1, false
}

// settleIn takes over what the site says of the device; it reports whether that
// is something new.
func (d *device) settleIn(s *site.Site) bool {
	at := s.Resolve(d.id, d.announced, d.kit.metrics, "")
	before, rated := [3]string{d.place, d.zone, d.placement}, d.rating
	d.rating = 0
	if own := s.Devices[d.id]; own != nil {
		d.rating = own.Rating
	}
	d.place, d.zone, d.placement = at.Place.ID, at.Place.Zone.ID, at.Placement
	d.interval = at.Interval.Milliseconds()
	if d.interval == 0 {
		d.interval = d.stated
	}
	if n := s.Nodes[d.node.id]; d.interval == 0 && n != nil {
		d.interval = n.Interval.Milliseconds()
	}
	if d.interval == 0 {
		d.interval = site.DefaultInterval.Milliseconds()
	}
	d.limit = 2*d.interval + silenceGrace
	d.node.fastest = 0
	for _, other := range d.node.devices {
		if d.node.fastest == 0 || other.interval < d.node.fastest {
			d.node.fastest = other.interval
		}
	}
	return before != [3]string{d.place, d.zone, d.placement} || rated != d.rating
}
