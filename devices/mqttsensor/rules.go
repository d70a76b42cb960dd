package mqttsensor

import (
	"bytes"
	"slices"
	"time"

	"weishao.dev/weishao/telemetry"
)

// Speaker understands one device's messages. It holds no state.
type Speaker interface {
	// Topics are what it wants to hear: Data may have wildcards, Presence (topics
	// that say online or offline) has none.
	Topics() Topics

	// Decode reads a message of a Data topic. It never panics. An error means that the
	// message is not one that such a device sends.
	Decode(topic string, payload []byte) (Report, error)
}

// Topics of a device.
type Topics struct {
	Data     []string
	Presence []string
	Bridge   string // among Presence: of a bridge that repeats what it remembers when it comes online
}

// Report is what a message says.
type Report struct {
	Foreign  bool              // it is about another device
	Points   []telemetry.Point // Time is not set
	OnChange bool              // the points are states that are told only when they change
	Seen     time.Time         // when the device was last heard, if the message says so with its offset
	Doubt    *bool             // whether the device reports of itself that it is not to be relied upon; nil: it does not say
}

// Message is one that came.
type Message struct {
	Topic    string
	Payload  []byte
	Retained bool
	At       time.Time // when it came
	Link     uint64    // which connection it came by
}

// Limits of the rules.
const (
	sameMessage  = time.Second      // within which an equal payload came twice
	fresh        = 10 * time.Second // how old a message may be and still be stamped on arrival
	repeatsFor   = 10 * time.Second // for how long a bridge repeats what it remembers
	linkGrace    = 10 * time.Second // without the broker, until that is a fault
	noMoreEvents = time.Hour        // how long to wait when nothing is due
)

// rules decide what of a device's messages are readings. All is in the arguments:
// they read no clock.
type rules struct {
	metrics    []string
	interval   time.Duration
	stuckAfter time.Duration // 0: never
	unreliable bool
	topics     Topics
	speaker    Speaker

	link     uint64 // of the last message
	first    bool   // nothing was heard since the link, or the bridge, came back
	seen     time.Time
	last     int64 // newest time of a reading, Unix ms
	payloads map[string]payload
	repeats  time.Time // until when the bridge repeats
	offline  map[string]bool
	doubt    bool
	alarm    time.Time // since when the contact has been on; zero: it is not
	held     map[string]telemetry.Point
	heard    time.Time // live, of the device

	linkUp     bool
	linkSince  time.Time
	absence    string // why the device cannot be heard; empty: it can
	nextFault  time.Time
	nextRepeat time.Time
}

// payload is the last message of a topic that was taken.
type payload struct {
	bytes []byte
	at    time.Time
}

// message takes a message and gives what it says of now.
func (r *rules) message(m Message) []telemetry.Point {
	if m.Link != r.link {
		r.link, r.first = m.Link, true
		r.forget()
	}
	if slices.Contains(r.topics.Presence, m.Topic) {
		r.presence(m)
		return nil
	}
	if len(m.Payload) == 0 {
		return nil // what was retained has been deleted
	}
	again := r.again(m)
	if again && m.At.Sub(r.payloads[m.Topic].at) <= sameMessage {
		r.live(m)
		return nil
	}
	rep, err := r.speaker.Decode(m.Topic, m.Payload)
	switch {
	case err != nil && m.Retained, rep.Foreign:
		return nil
	case err != nil:
		return r.faults(telemetry.BadFrame, m.At)
	}
	r.live(m)
	at, old := r.sampled(m, rep, again)
	if len(rep.Points) > 0 || !rep.Seen.IsZero() {
		r.remember(m)
	}
	if rep.Doubt != nil {
		r.doubt = *rep.Doubt
	}
	if rep.OnChange {
		r.hold(rep.Points)
	}
	if old {
		return nil
	}
	return r.judge(rep, m, at)
}

// live notes that the device speaks.
func (r *rules) live(m Message) {
	if m.Retained {
		return
	}
	r.heard = m.At
	clear(r.offline) // what was said of it is not so any more
}

// again reports whether a topic's payload is the one before.
func (r *rules) again(m Message) bool {
	p, ok := r.payloads[m.Topic]
	return ok && bytes.Equal(p.bytes, m.Payload)
}

func (r *rules) remember(m Message) {
	if r.payloads == nil {
		r.payloads = map[string]payload{}
	}
	r.payloads[m.Topic] = payload{m.Payload, m.At}
}

// sampled is when a report's readings were taken; old: they are none of now.
func (r *rules) sampled(m Message, rep Report, again bool) (at time.Time, old bool) {
	first, before := r.first, r.seen
	if !m.Retained {
		r.first = false
	}
	if rep.Seen.IsZero() {
		return m.At, m.Retained
	}
	r.seen = rep.Seen
	if rep.Seen.Equal(before) && (again || first || m.Retained) {
		return m.At, true
	}
	age := m.At.Sub(rep.Seen)
	if !first && !m.Retained || age <= fresh {
		return m.At, m.Retained && age < 0
	}
	return rep.Seen, age > 2*r.interval || rep.Seen.UnixMilli() <= r.last
}

// judge stamps points and says how far each can be relied upon.
func (r *rules) judge(rep Report, m Message, at time.Time) []telemetry.Point {
	unsure := rep.Seen.IsZero() && m.At.Before(r.repeats)
	var out []telemetry.Point
	for _, p := range rep.Points {
		p.Time = at.UnixMilli()
		if p = r.contact(p, at); unsure {
			if p.Metric != Contact || p.Quality.Fault() || p.Value != 1 {
				continue
			}
			p.Quality = telemetry.Suspect
		}
		if r.doubt && p.Quality == telemetry.Good {
			p.Quality = telemetry.Suspect
		}
		r.last = max(r.last, p.Time)
		out = append(out, p)
	}
	return out
}

// contact applies what is known of alarms that do not end and of all-clears that
// prove nothing.
func (r *rules) contact(p telemetry.Point, at time.Time) telemetry.Point {
	if p.Metric != Contact || p.Quality.Fault() {
		return p
	}
	if p.Value != 1 {
		r.alarm = time.Time{}
		if r.unreliable {
			p.Quality = telemetry.Warmup
		}
		return p
	}
	if r.alarm.IsZero() {
		r.alarm = at
	}
	if r.stuckAfter > 0 && at.Sub(r.alarm) > r.stuckAfter {
		p.Value, p.Quality = 0, telemetry.Stuck
	}
	return p
}

// hold keeps states that are told only when they change.
func (r *rules) hold(points []telemetry.Point) {
	for _, p := range points {
		if r.held == nil {
			r.held = map[string]telemetry.Point{}
		}
		r.held[p.Metric] = p
	}
}

// forget lets go of held states: what they are now is not known.
func (r *rules) forget() { r.held, r.nextRepeat = nil, time.Time{} }

// presence takes a message that says online or offline.
func (r *rules) presence(m Message) {
	online, ok := Online(m.Payload)
	if !ok {
		return
	}
	if r.offline == nil {
		r.offline = map[string]bool{}
	}
	if online {
		delete(r.offline, m.Topic)
	} else {
		r.offline[m.Topic] = true
	}
	switch {
	case m.Retained || !online:
	case m.Topic == r.topics.Bridge:
		r.first, r.repeats = true, m.At.Add(repeatsFor)
	default:
		r.heard = m.At
	}
}

// connection says whether the broker is there, and since when it is so.
func (r *rules) connection(up bool, since time.Time) {
	if r.linkUp && !up {
		r.forget() // not when it comes back: retained states may be here before that is told
	}
	r.linkUp, r.linkSince = up, since
}

// noBroker is why a device cannot be heard that is behind a broker which is away.
const noBroker = "no connection to its broker"

// absent says why the device cannot be heard, or "".
func (r *rules) absent(now time.Time) string {
	switch {
	case !r.linkUp && now.Sub(r.linkSince) >= linkGrace:
		return noBroker
	case r.topics.Bridge != "" && r.offline[r.topics.Bridge]:
		return "its bridge is offline"
	case len(r.offline) > 0:
		return "offline"
	}
	return ""
}

// tick gives what is due without a message, and when to ask again.
func (r *rules) tick(now time.Time) (points []telemetry.Point, next time.Time) {
	next = now.Add(noMoreEvents)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if !r.linkUp && now.Sub(r.linkSince) < linkGrace {
		sooner(r.linkSince.Add(linkGrace))
	}
	was := r.absence
	if r.absence = r.absent(now); r.absence != "" {
		r.forget()
		if was == "" || !now.Before(r.nextFault) {
			points, r.nextFault = r.faults(telemetry.NoResponse, now), now.Add(r.interval)
		}
		sooner(r.nextFault)
		return points, next
	}
	if len(r.held) > 0 {
		if !now.Before(r.nextRepeat) {
			points, r.nextRepeat = r.repeat(now), now.Add(r.interval)
		}
		sooner(r.nextRepeat)
	}
	return points, next
}

// repeat gives the held states again, as long as the device is heard otherwise.
func (r *rules) repeat(now time.Time) []telemetry.Point {
	if r.nextRepeat.IsZero() || r.heard.IsZero() || now.Sub(r.heard) > 2*r.interval {
		return nil
	}
	var points []telemetry.Point
	for _, m := range r.metrics {
		if p, ok := r.held[m]; ok {
			points = append(points, p)
		}
	}
	return r.judge(Report{Points: points}, Message{At: now}, now)
}

func (r *rules) faults(q telemetry.Quality, at time.Time) []telemetry.Point {
	points := make([]telemetry.Point, len(r.metrics))
	for i, m := range r.metrics {
		points[i] = telemetry.Point{Metric: m, Time: at.UnixMilli(), Quality: q}
	}
	return points
}
