package live

import (
	"cmp"
	"maps"
	"slices"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
)

// State is what is known of a place.
type State string

const (
	Normal       State = "normal"
	Hazard       State = "hazard"
	Unsupervised State = "unsupervised"
)

// Place is the state of one place. A hazard goes before missing supervision: it
// is what somebody must act on.
type Place struct {
	ID     string
	State  State
	Since  int64  // event time, Unix ms; 0 for a place that nothing was ever said of
	Reason string // why unsupervised
	Node   string // the gateway, where it is about one
}

// raise is a verdict that holds, as far as places are concerned.
type raise struct {
	hazard       rules.Hazard
	onset        int64
	reason, node string
	device       string
	places       []string
	unsupervised bool
}

// places are the states of places by the verdicts that hold.
type places struct {
	raises map[string]*raise            // by verdict ID
	at     map[string]map[string]*raise // by place, then by verdict ID
	state  map[string]Place             // of places that a verdict has been about
}

func newPlaces() places {
	return places{raises: map[string]*raise{}, at: map[string]map[string]*raise{}, state: map[string]Place{}}
}

// counts reports whether a hazard says anything of a place's state: a sensor's
// fault is the sensor's.
func counts(h rules.Hazard) bool { return h != rules.FaultHazard }

// apply takes verdicts in order and answers the places whose state is another
// one now.
func (p *places) apply(verdicts []rules.Verdict) (changed []Place) {
	if len(verdicts) == 0 {
		return nil
	}
	touched := map[string]int64{} // places, with the time that their last change was about
	for i := range verdicts {
		v := &verdicts[i]
		if !counts(v.Hazard) {
			continue
		}
		old := p.raises[v.ID]
		end := v.Cleared
		if end == 0 {
			end = v.Time
		}
		if old != nil {
			p.remove(v.ID, old, end, touched)
		}
		// A revised verdict can hold again, and a raise found in a backlog be over.
		if holds := v.Event != rules.Clear && v.Cleared == 0 && !v.Over; holds {
			p.add(v, touched)
		}
	}
	for id, at := range touched {
		if s := p.evaluate(id, at); s != p.state[id] {
			p.state[id] = s
			changed = append(changed, s)
		}
	}
	slices.SortFunc(changed, func(a, b Place) int { return cmp.Compare(a.ID, b.ID) })
	return changed
}

func (p *places) add(v *rules.Verdict, touched map[string]int64) {
	r := &raise{hazard: v.Hazard, onset: v.Onset, reason: v.Reason, node: v.Node, device: v.Device, unsupervised: v.Hazard == rules.Unsupervised}
	for _, id := range append([]string{v.Place}, v.Places...) {
		if id != "" && !slices.Contains(r.places, id) {
			r.places = append(r.places, id)
		}
	}
	p.raises[v.ID] = r
	for _, id := range r.places {
		if p.at[id] == nil {
			p.at[id] = map[string]*raise{}
		}
		p.at[id][v.ID] = r
		touched[id] = max(touched[id], v.Onset)
	}
}

func (p *places) remove(id string, r *raise, at int64, touched map[string]int64) {
	delete(p.raises, id)
	for _, place := range r.places {
		delete(p.at[place], id)
		if len(p.at[place]) == 0 {
			delete(p.at, place)
		}
		touched[place] = max(touched[place], at)
	}
}

// evaluate is a place's state by what holds there; at is the time of the last
// change, since which it is normal if nothing holds any more.
func (p *places) evaluate(id string, at int64) Place {
	s := Place{ID: id, State: Normal, Since: at}
	if was := p.state[id]; was.State == Normal {
		s.Since = was.Since
	}
	var first *raise
	for _, r := range p.at[id] {
		if first == nil || r.before(first) {
			first = r
		}
	}
	if first == nil {
		return s
	}
	s.State, s.Since, s.Node = Hazard, first.onset, first.node
	if first.unsupervised {
		s.State, s.Reason = Unsupervised, first.reason
	}
	return s
}

// before orders what a place's state is told by: hazards first, then what has
// held longest.
func (r *raise) before(o *raise) bool {
	if r.unsupervised != o.unsupervised {
		return o.unsupervised
	}
	return cmp.Or(cmp.Compare(r.onset, o.onset), cmp.Compare(r.node, o.node), cmp.Compare(r.reason, o.reason)) < 0
}

// silence is who is not heard, by the verdicts that hold.
type silence struct{ devices, nodes, places map[string]bool }

// silent collects the verdicts of missing supervision: about a device, about a
// gateway with all it has, or about a place with all that sits there.
func (p *places) silent() silence {
	s := silence{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, r := range p.raises {
		switch {
		case !r.unsupervised:
		case r.device != "":
			s.devices[r.device] = true
		case r.node != "":
			s.nodes[r.node] = true
		default:
			for _, id := range r.places {
				s.places[id] = true
			}
		}
	}
	return s
}

func (s silence) covers(device, place string) bool {
	return s.devices[device] || s.places[place] || s.nodes[telemetry.NodeOf(device)]
}

// SetActive puts the verdicts that hold in place of those known so far, after a
// Restore.
func (v *View) SetActive(active []rules.Verdict) {
	v.mu.Lock()
	old := v.places
	v.places = newPlaces()
	for id, s := range old.state {
		if s.State == Normal {
			v.places.state[id] = s
		}
	}
	changed := v.places.apply(active)
	v.mu.Unlock()
	v.feed.publish(changed)
}

// Place is the state of one place; Normal since ever for one that nothing was
// said of.
func (v *View) Place(id string) Place {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.place(id)
}

func (v *View) place(id string) Place {
	if s, ok := v.places.state[id]; ok {
		return s
	}
	return Place{ID: id, State: Normal}
}

// Places are the states of all places that a verdict has ever been about.
func (v *View) Places() map[string]Place {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return maps.Clone(v.places.state)
}
