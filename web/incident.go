package web

import (
	"context"
	"time"

	"weishao.dev/weishao/incidents"
)

// Incidents is what the pages and the API need of the incident store.
// *incidents.Store has it.
type Incidents interface {
	// List answers the latest first, without timelines.
	List(ctx context.Context, f incidents.Filter) (items []incidents.Incident, next string, err error)
	// Get answers one with its timeline and verdicts, or incidents.ErrNotFound.
	Get(ctx context.Context, id string) (incidents.Incident, error)

	// The actions are idempotent by key within a person; an empty key asks for
	// none of that. One that the state does not allow is *incidents.RefusedError.
	Ack(ctx context.Context, id, who, key string) (incidents.Answer, error)
	Arrive(ctx context.Context, id, who, key string) (incidents.Answer, error)
	Resolve(ctx context.Context, id, who, key string, outcome incidents.Outcome, note string) (incidents.Answer, error)
	Verify(ctx context.Context, id, who, key, note string) (incidents.Answer, error)

	// Subscribe sends changes after they are committed, and closes the channel
	// when ctx ends.
	Subscribe(ctx context.Context) <-chan incidents.Change
}

// openStates are those in which somebody still has something to do.
var openStates = []incidents.State{incidents.StateOpen, incidents.StateNotified, incidents.StateAcknowledged, incidents.StateOnSite}

// action is what a person does to an incident.
type action struct {
	incident string
	what     incidents.Action
	by       string // user ID
	key      string // idempotency key; may be empty
	outcome  incidents.Outcome
	note     string
}

// actTimeout bounds an action once it has begun.
const actTimeout = 15 * time.Second

// perform takes an action, and takes it to its end though the phone that asked
// for it goes out of reach meanwhile.
func (s *Server) perform(ctx context.Context, a action) (incidents.Incident, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actTimeout)
	defer cancel()
	var done incidents.Answer
	var err error
	switch a.what {
	case incidents.ActionAck:
		done, err = s.Incidents.Ack(ctx, a.incident, a.by, a.key)
	case incidents.ActionArrive:
		done, err = s.Incidents.Arrive(ctx, a.incident, a.by, a.key)
	case incidents.ActionResolve:
		done, err = s.Incidents.Resolve(ctx, a.incident, a.by, a.key, a.outcome, a.note)
	case incidents.ActionVerify:
		done, err = s.Incidents.Verify(ctx, a.incident, a.by, a.key, a.note)
	default:
		return incidents.Incident{}, notFound("there is no action " + string(a.what))
	}
	return done.Incident, err
}

// apiIncident is an incident as the API shows it: the store's JSON and the unit
// of value and threshold.
type apiIncident struct {
	incidents.Incident
	Unit string `json:"unit,omitempty"`
}

// complete adds the unit and turns missing lists into empty ones.
func (s *Server) complete(inc incidents.Incident) apiIncident {
	inc.Places, inc.Devices, inc.Evidence, inc.Features = orEmpty(inc.Places), orEmpty(inc.Devices), orEmpty(inc.Evidence), orEmpty(inc.Features)
	return apiIncident{inc, s.unit(inc.Metric)}
}

func (s *Server) unit(metric string) string {
	m, _ := s.Catalogue().Lookup(metric)
	return string(m.Unit)
}

func orEmpty[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// decidedBy is the device whose reading decided: of the newest evidence of the
// incident's metric, or the first device named.
func decidedBy(inc *incidents.Incident) string {
	for i := len(inc.Evidence) - 1; i >= 0; i-- {
		if e := inc.Evidence[i]; e.Metric == inc.Metric {
			return e.Device
		}
	}
	if len(inc.Devices) > 0 {
		return inc.Devices[0]
	}
	return ""
}
