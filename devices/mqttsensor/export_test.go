package mqttsensor

import (
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// Fed is a device that is given messages without a broker.
type Fed struct {
	r    rules
	link uint64
	Now  time.Time
}

// Feed takes a device at a time at which its connection has been there for a minute.
func Feed(d devices.Device, now time.Time) *Fed {
	x := d.(*device)
	f := &Fed{r: x.rules, Now: now, link: 1}
	f.r.speaker, f.r.topics = x.speaker, x.speaker.Topics()
	f.r.connection(true, now.Add(-time.Minute))
	return f
}

// Message gives what a message says, and what is due after it.
func (f *Fed) Message(topic, payload string) []telemetry.Point {
	return f.take(Message{Topic: topic, Payload: []byte(payload)})
}

// Retained is Message for one that the broker kept.
func (f *Fed) Retained(topic, payload string) []telemetry.Point {
	return f.take(Message{Topic: topic, Payload: []byte(payload), Retained: true})
}

func (f *Fed) take(m Message) []telemetry.Point {
	t := f.r.topics
	if !matchesAny(t.Data, m.Topic) && !matchesAny(t.Presence, m.Topic) {
		return nil
	}
	m.At, m.Link = f.Now, f.link
	return append(f.r.message(m), f.Wait(0)...)
}

// Reconnected says that there is a new connection.
func (f *Fed) Reconnected() {
	f.link++
	f.r.connection(true, f.Now)
}

// Lost says that there is none.
func (f *Fed) Lost() { f.r.connection(false, f.Now) }

// Wait lets time pass, and gives what is due.
func (f *Fed) Wait(d time.Duration) (points []telemetry.Point) {
	end := f.Now.Add(d)
	for {
		p, next := f.r.tick(f.Now)
		points = append(points, p...)
		if next.After(end) || !next.After(f.Now) {
			f.Now = end
			return points
		}
		f.Now = next
	}
}

// Brokers says how many sessions there would be.
func (s *Brokers) Len() int { return len(s.list) }
