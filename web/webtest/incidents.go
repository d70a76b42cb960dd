package webtest

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/web"
)

// memory implements web.Incidents with as much of the real store's behaviour as
// pages can see. Acts counts how often an action changed something.
type memory struct {
	w *World

	mu   sync.Mutex
	all  []incidents.Incident // in the order of coming
	done map[string]incidents.Answer
	subs []chan incidents.Change
	acts int
}

var _ web.Incidents = (*memory)(nil)

func (m *memory) init(w *World) { m.w, m.done = w, make(map[string]incidents.Answer) }

// Acts is how many actions have changed something.
func (w *World) Acts() int {
	w.incidents.mu.Lock()
	defer w.incidents.mu.Unlock()
	return w.incidents.acts
}

// Raise adds an incident. What is left out of it is filled in: opened a minute
// after its onset, evidence around it, the first device of its first place.
func (w *World) Raise(inc incidents.Incident) {
	m := &w.incidents
	m.mu.Lock()
	defer m.mu.Unlock()
	if inc.State == "" {
		inc.State = incidents.StateOpen
	}
	if inc.Opened == 0 {
		inc.Opened = inc.Onset + 60_000
	}
	inc.DecidedAt = inc.Opened + 180
	raised := incidents.Event{Time: inc.DecidedAt, Kind: incidents.KindRaised, At: inc.Opened, Rule: inc.Rule, Severity: string(inc.Severity), Hazard: string(inc.Hazard)}
	if len(inc.Places) > 0 {
		raised.Place = inc.Places[0]
		for _, d := range w.devices {
			if d.Place == inc.Places[0] && inc.Metric != "" {
				inc.Devices = []string{d.ID}
				raised.Device, raised.Metric, raised.Value = d.ID, inc.Metric, &inc.Value
			}
		}
	}
	for i := range 24 {
		if inc.Metric == "" || len(inc.Devices) == 0 {
			break
		}
		at := int64(inc.Opened) - int64(23-i)*10_000
		inc.Evidence = append(inc.Evidence, incidents.Evidence{Device: inc.Devices[0], Metric: inc.Metric, Time: incidents.Time(at), Value: w.value(inc.Metric, at, int64(inc.Onset))})
	}
	if inc.Metric == "charging.likelihood" { // it is computed from what the meter says
		for i := range inc.Evidence {
			e := &inc.Evidence[i]
			e.Metric, e.Value = "power", w.value("power", int64(e.Time), int64(inc.Onset))
		}
	}
	inc.Timeline = []incidents.Event{raised}
	m.all = append(m.all, inc)
	m.tell(inc)
}

// paged adds what an attempt to page somebody leaves on the timeline.
func (w *World) paged(id, person, channel string, ok bool, answer string) {
	m := &w.incidents
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.all, func(inc incidents.Incident) bool { return inc.ID == id })
	inc := &m.all[i]
	at := inc.DecidedAt + 400 + incidents.Time(len(inc.Timeline)*30_000)
	kind := incidents.KindPageFailed
	if ok {
		kind = incidents.KindPageSent
		inc.State = incidents.StateNotified
	}
	inc.Timeline = append(inc.Timeline,
		incidents.Event{Time: at, Kind: incidents.KindPageQueued, Person: person, Channel: channel},
		incidents.Event{Time: at + 310, Kind: kind, Person: person, Channel: channel, Attempt: 1, OK: &ok, Text: answer})
}

func (m *memory) tell(inc incidents.Incident) {
	for _, c := range m.subs {
		c <- incidents.Change{Incident: inc}
	}
}

func (m *memory) List(_ context.Context, f incidents.Filter) ([]incidents.Incident, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	start := len(m.all)
	if f.After != "" {
		start, _ = strconv.Atoi(f.After)
	}
	var out []incidents.Incident
	for i := start - 1; i >= 0; i-- {
		inc := m.all[i]
		opened := inc.Opened.Std()
		switch {
		case len(f.State) > 0 && !slices.Contains(f.State, inc.State),
			len(f.Hazard) > 0 && !slices.Contains(f.Hazard, inc.Hazard),
			len(f.Severity) > 0 && !slices.Contains(f.Severity, inc.Severity),
			f.Place != "" && !slices.Contains(inc.Places, f.Place),
			!f.From.IsZero() && opened.Before(f.From), !f.To.IsZero() && !opened.Before(f.To):
			continue
		}
		if len(out) == f.Limit {
			return out, strconv.Itoa(i + 1), nil
		}
		inc.Timeline, inc.Verdicts = nil, nil
		out = append(out, inc)
	}
	return out, "", nil
}

func (m *memory) Get(_ context.Context, id string) (incidents.Incident, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, inc := range m.all {
		if inc.ID == id {
			inc.Timeline = slices.Clone(inc.Timeline)
			return inc, nil
		}
	}
	return incidents.Incident{}, incidents.ErrNotFound
}

func (m *memory) Ack(_ context.Context, id, who, key string) (incidents.Answer, error) {
	return m.act(id, who, key, incidents.ActionAck, "", "")
}

func (m *memory) Arrive(_ context.Context, id, who, key string) (incidents.Answer, error) {
	return m.act(id, who, key, incidents.ActionArrive, "", "")
}

func (m *memory) Resolve(_ context.Context, id, who, key string, o incidents.Outcome, note string) (incidents.Answer, error) {
	return m.act(id, who, key, incidents.ActionResolve, o, note)
}

func (m *memory) Verify(_ context.Context, id, who, key, note string) (incidents.Answer, error) {
	return m.act(id, who, key, incidents.ActionVerify, "", note)
}

func (m *memory) act(id, who, key string, what incidents.Action, outcome incidents.Outcome, note string) (incidents.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, ok := m.done[who+"/"+key]; ok && key != "" {
		return a, nil
	}
	i := slices.IndexFunc(m.all, func(inc incidents.Incident) bool { return inc.ID == id })
	if i < 0 {
		return incidents.Answer{}, incidents.ErrNotFound
	}
	inc := &m.all[i]
	refused := what == incidents.ActionVerify && inc.State.Live() || what != incidents.ActionVerify && !inc.State.Live()
	if refused {
		return incidents.Answer{}, &incidents.RefusedError{Action: what, State: inc.State, Reason: incidents.ReasonClosed, By: inc.ResolvedBy}
	}
	now := incidents.TimeOf(m.w.Clock.Now().Truncate(time.Millisecond))
	e := incidents.Event{Time: now, Who: who, Outcome: outcome, Text: note}
	if inc.AckBy == "" {
		inc.AckBy, inc.AckAt = who, now
	}
	switch what {
	case incidents.ActionAck:
		inc.State, e.Kind = incidents.StateAcknowledged, incidents.KindAcknowledged
	case incidents.ActionArrive:
		inc.State, inc.ArrivedBy, inc.ArrivedAt, e.Kind = incidents.StateOnSite, who, now, incidents.KindOnSite
	case incidents.ActionResolve:
		inc.State, inc.ResolvedBy, inc.ResolvedAt, e.Kind = incidents.StateResolved, who, now, incidents.KindResolved
		inc.Outcome, inc.Note = outcome, note
	case incidents.ActionVerify:
		inc.State, inc.VerifiedBy, inc.VerifiedAt, e.Kind = incidents.StateVerified, who, now, incidents.KindVerified
		inc.VerifyNote = note
	}
	inc.Timeline = append(inc.Timeline, e)
	m.acts++
	a := incidents.Answer{Incident: *inc, Reason: incidents.ReasonDone, By: who}
	if key != "" {
		m.done[who+"/"+key] = a
	}
	m.tell(*inc)
	return a, nil
}

func (m *memory) Subscribe(ctx context.Context) <-chan incidents.Change {
	c := make(chan incidents.Change, 64)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subs = append(m.subs, c)
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.subs = slices.DeleteFunc(m.subs, func(o chan incidents.Change) bool { return o == c })
		close(c)
	})
	return c
}
