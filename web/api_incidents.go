package web

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"weishao.dev/weishao/incidents"
)

const (
	defaultLimit = 50
	maxLimit     = 500
	maxKey       = 128 // bytes
)

// incidentQuery reads the filters of the incident list.
func incidentQuery(p *params) incidents.Filter {
	from, to := p.time("from", 0), p.time("to", 0)
	if from != 0 && to != 0 && from >= to {
		p.fail("from", "from must lie before to")
	}
	after := p.get("after")
	if _, err := strconv.ParseInt(after, 10, 64); after != "" && err != nil {
		p.fail("after", "after is not a cursor of this list", "what \"next\" was in the answer before")
	}
	f := incidents.Filter{
		Place: p.get("place"),
		From:  moment(from),
		To:    moment(to),
		After: after,
		Limit: p.integer("limit", 1, maxLimit, defaultLimit),
	}
	set(&f.State, p.someOf("state", allStates))
	set(&f.Hazard, p.someOf("hazard", allHazards))
	set(&f.Severity, p.someOf("severity", allSeverities))
	return f
}

// set gives words of the vocabulary their type.
func set[T ~string](into *[]T, words []string) {
	for _, w := range words {
		*into = append(*into, T(w))
	}
}

// moment is Unix ms as time.Time; zero for zero.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (s *Server) listIncidents(w http.ResponseWriter, r *http.Request, _ User) error {
	p := newParams(r.URL.Query())
	q := incidentQuery(p)
	if err := p.err(); err != nil {
		return err
	}
	items, next, err := s.Incidents.List(r.Context(), q)
	if err != nil {
		return err
	}
	out := make([]apiIncident, len(items))
	for i, inc := range items {
		out[i] = s.complete(inc)
	}
	return writeJSON(w, newList(out, next))
}

func (s *Server) getIncident(w http.ResponseWriter, r *http.Request, _ User) error {
	inc, err := s.incident(r)
	if err != nil {
		return err
	}
	return writeJSON(w, s.complete(inc))
}

// incident is the one that the path names.
func (s *Server) incident(r *http.Request) (incidents.Incident, error) {
	return s.Incidents.Get(r.Context(), r.PathValue("id"))
}

// actBody is what an action may carry.
type actBody struct {
	Outcome string `json:"outcome"`
	Note    string `json:"note"`
}

// act answers POST /api/v1/incidents/{id}/{what}.
func (s *Server) act(what incidents.Action) handler {
	return func(w http.ResponseWriter, r *http.Request, u User) error {
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil {
			return newProblem(http.StatusRequestEntityTooLarge, "too-large", "the body is larger than 64 KiB")
		}
		body, err := decodeAct(string(what), raw)
		if err != nil {
			return err
		}
		key, err := idempotencyKey(r)
		if err != nil {
			return err
		}
		inc, err := s.perform(r.Context(), action{
			incident: r.PathValue("id"), what: what, by: u.ID, key: key, outcome: incidents.Outcome(body.Outcome), note: body.Note,
		})
		if err != nil {
			return err
		}
		return writeJSON(w, s.complete(inc))
	}
}

// idempotencyKey is the request's key, or "" where it has none.
func idempotencyKey(r *http.Request) (string, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return "", badParameter("Idempotency-Key", "the key is too long", "at most 128 bytes")
	}
	return key, nil
}

// decodeAct reads the body of an action strictly: what a client misspells is
// told, not ignored. An empty body is {}.
func decodeAct(what string, raw []byte) (actBody, error) {
	var fields map[string]json.RawMessage
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
			return actBody{}, newProblem(http.StatusBadRequest, "bad-body", "the body must be a JSON object")
		}
	}
	allowed := map[string][]string{"resolve": {"outcome", "note"}, "verify": {"note"}}[what]
	for name := range fields {
		if !slices.Contains(allowed, name) {
			return actBody{}, badParameter(name, what+" takes no field "+name, allowed...)
		}
	}
	var b actBody
	for name, into := range map[string]*string{"outcome": &b.Outcome, "note": &b.Note} {
		if v, ok := fields[name]; ok && json.Unmarshal(v, into) != nil {
			return actBody{}, badParameter(name, name+" must be a string")
		}
	}
	return b, b.check(what)
}

func (b actBody) check(what string) error {
	if what == "resolve" && !slices.Contains(allOutcomes, b.Outcome) {
		return badParameter("outcome", "resolve needs an outcome", allOutcomes...)
	}
	if utf8.RuneCountInString(b.Note) > incidents.MaxNote {
		return badParameter("note", "the note is too long", "at most 4,000 characters")
	}
	return nil
}
