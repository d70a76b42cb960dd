package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"weishao.dev/weishao/incidents"
)

// problem is an RFC 9457 body, and the error that handlers return for what the
// caller can do something about.
type problem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail,omitempty"`
	Parameter string   `json:"parameter,omitempty"` // which query parameter or body field is wrong
	Allowed   []string `json:"allowed,omitempty"`   // what it may be instead
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

func newProblem(status int, kind, detail string) *problem {
	return &problem{Type: "urn:weishao:problem:" + kind, Title: http.StatusText(status), Status: status, Detail: detail}
}

func notFound(detail string) *problem { return newProblem(http.StatusNotFound, "not-found", detail) }

// badParameter says which parameter is wrong and what is allowed.
func badParameter(name, detail string, allowed ...string) *problem {
	p := newProblem(http.StatusBadRequest, "bad-parameter", detail)
	if len(allowed) > 0 {
		p.Detail += " (allowed: " + strings.Join(allowed, ", ") + ")"
	}
	p.Parameter, p.Allowed = name, allowed
	return p
}

// asProblem maps an error to what the caller is told. Text of errors that are
// not problems stays inside.
func asProblem(err error) *problem {
	var p *problem
	var refused *incidents.RefusedError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refused):
		return newProblem(http.StatusConflict, "conflict", refused.Error())
	case errors.Is(err, incidents.ErrNotFound):
		return notFound("there is no such incident")
	case errors.Is(err, incidents.ErrInvalid):
		return newProblem(http.StatusBadRequest, "bad-parameter", err.Error())
	case errors.Is(err, incidents.ErrKeyReused):
		return newProblem(http.StatusUnprocessableEntity, "key-reused", "this Idempotency-Key came before with another request")
	case errors.Is(err, ErrNoAccess):
		return newProblem(http.StatusUnauthorized, "no-access", "sign in, or send Authorization: Bearer with an API token (weishao token)")
	}
	return newProblem(http.StatusInternalServerError, "internal", "the hub could not answer; its log says why")
}

// apiError writes err as problem+json.
func (s *Server) apiError(w http.ResponseWriter, r *http.Request, err error) {
	p := asProblem(err)
	s.logInternal(r, p, err)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="weishao"`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

// pageError sends somebody who is not signed in to the sign-in page and shows
// everything else as a page.
func (s *Server) pageError(w http.ResponseWriter, r *http.Request, err error) {
	p := asProblem(err)
	s.logInternal(r, p, err)
	if p.Status == http.StatusUnauthorized {
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		return
	}
	s.renderError(w, r, p)
}

func (s *Server) logInternal(r *http.Request, p *problem, err error) {
	if p.Status >= 500 && r.Context().Err() == nil {
		s.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
}

// writeJSON answers 200 with v.
func writeJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(append(body, '\n'))
	return nil
}

// list is the shape of every list answer.
type list[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"` // cursor for ?after=, or null
}

func newList[T any](items []T, next string) list[T] {
	if items == nil {
		items = []T{}
	}
	l := list[T]{Items: items}
	if next != "" {
		l.Next = &next
	}
	return l
}
