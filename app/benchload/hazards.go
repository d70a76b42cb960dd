package benchload

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"weishao.dev/weishao/app/sse"
	"weishao.dev/weishao/incidents"
)

// hazard is one device that shows a leak once.
type hazard struct {
	device    string // "group/node/device"
	name      string // within its gateway
	at        time.Time
	published time.Time // zero: not yet
	seen      time.Time // when the incident arrived by server-sent events
	decided   time.Time // the incident's decided_at
}

// book has all hazards, and what came of them.
type book struct {
	mu     sync.Mutex
	list   []*hazard
	byID   map[string]*hazard
	others map[string]bool // incidents of devices that are not in it
}

func newBook() *book { return &book{byID: map[string]*hazard{}, others: map[string]bool{}} }

// add plans a hazard; nothing may be published yet.
func (b *book) add(device, name string, at time.Time) *hazard {
	h := &hazard{device: device, name: name, at: at}
	b.list = append(b.list, h)
	b.byID[device] = h
	return h
}

func (b *book) publish(h *hazard) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h.published = time.Now()
}

// listen takes the hub's events from when it returns until deaf is called, which
// says what went wrong meanwhile.
func (b *book) listen(ctx context.Context, h *hub) (deaf func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- sse.Follow(ctx, h.url, h.token, func() { close(ready) }, func(e sse.Event) {
			now := time.Now()
			var i incidents.Incident
			if e.Name == "incident" && json.Unmarshal(e.Data, &i) == nil {
				b.note(i, now)
			}
		})
	}()
	select {
	case <-ready:
		return func() error { cancel(); return <-ended }, nil
	case err := <-ended:
		cancel()
		return nil, errors.Join(err, ctx.Err())
	}
}

func (b *book) note(i incidents.Incident, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range i.Devices {
		if h := b.byID[d]; h == nil {
			b.others[i.ID] = true
		} else if h.seen.IsZero() && !h.published.IsZero() {
			h.seen, h.decided = now, i.DecidedAt.Std().Add(time.Millisecond)
		}
	}
	if len(i.Devices) == 0 {
		b.others[i.ID] = true
	}
}

// waiting is how many published hazards have no incident yet.
func (b *book) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, h := range b.list {
		if !h.published.IsZero() && h.seen.IsZero() {
			n++
		}
	}
	return n
}

// latencies of the hazards published between two moments, in ms.
type latencies struct {
	hazards, incidents              int
	verdictP50, verdictP99, seenP99 *float64
}

func (b *book) latencies(from, to time.Time) latencies {
	b.mu.Lock()
	defer b.mu.Unlock()
	var l latencies
	var verdict, seen []float64
	for _, h := range b.list {
		if h.published.IsZero() || h.published.Before(from) || h.published.After(to) {
			continue
		}
		l.hazards++
		if !h.seen.IsZero() {
			l.incidents++
			verdict = append(verdict, ms(h.decided.Sub(h.published)))
			seen = append(seen, ms(h.seen.Sub(h.published)))
		}
	}
	l.verdictP50, l.verdictP99, l.seenP99 = quantile(verdict, 0.5), quantile(verdict, 0.99), quantile(seen, 0.99)
	return l
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// quantile is the smallest value that so much of the list does not exceed; nil of
// an empty list.
func quantile(list []float64, q float64) *float64 {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	i := int(q * float64(len(list)))
	if float64(i) == q*float64(len(list)) && i > 0 {
		i--
	}
	return &list[min(i, len(list)-1)]
}

// moments are n random ones between two, in order.
func moments(from, to time.Time, n int) []time.Time {
	list := make([]time.Time, n)
	for i := range list {
		list[i] = from.Add(time.Duration(rand.Float64() * float64(to.Sub(from))))
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}
