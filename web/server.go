package web

import (
	"context"
	"net/http"

	"weishao.dev/weishao/incidents"
)

// Server answers the pages and the API.
type Server struct {
	Config
	handler http.Handler
	pages   *pages
	assets  *assets
	stream  *stream
}

// New builds a Server. It fails when a needed field of Config is missing or a
// page template does not parse.
func New(c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Server{Config: c, stream: newStream()}
	var err error
	if s.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if s.pages, err = loadPages(s.assets.path, s.Location, s.Clock); err != nil {
		return nil, err
	}
	s.handler = s.routes()
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Run feeds the event stream until ctx ends, then ends every open stream, so
// that http.Server.Shutdown need not wait for them.
func (s *Server) Run(ctx context.Context) error {
	defer s.stream.close()
	changes, supervision := s.Incidents.Subscribe(ctx), s.Inventory.Subscribe(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case c, ok := <-changes:
			switch {
			case !ok:
				changes = nil
			case c.Resync:
				s.stream.resyncAll()
			default:
				s.stream.publish("incident", s.complete(c.Incident))
			}
		case v, ok := <-supervision:
			if ok {
				s.stream.publish("supervision", v)
			} else {
				supervision = nil
			}
		}
	}
}

// kind says how a route lets in and how it tells of errors.
type kind int

const (
	open kind = iota // anybody
	api              // signed in; errors are problem+json
	page             // signed in; errors are pages, and the sign-in page
)

// route is one entry of the surface. may and do are for api and page, serve for open.
type route struct {
	kind    kind
	pattern string
	may     func(User) bool
	do      handler
	serve   http.HandlerFunc
}

// anyRole lets every signed-in person in.
func anyRole(User) bool { return true }

// surface is everything that can be asked of a Server.
func (s *Server) surface() []route {
	missing := func(what string) handler {
		return func(http.ResponseWriter, *http.Request, User) error { return notFound(what) }
	}
	return []route{
		{kind: open, pattern: "GET /healthz", serve: s.healthz},
		{kind: open, pattern: "GET /readyz", serve: s.readyz},
		{kind: open, pattern: "GET /static/", serve: s.assets.serve},
		{kind: open, pattern: "GET /favicon.ico", serve: s.assets.favicon},
		{kind: open, pattern: "GET /sign-in", serve: s.signInPage},
		{kind: open, pattern: "POST /sign-in", serve: s.redeem},
		{kind: open, pattern: "POST /sign-out", serve: s.signOut},

		{kind: api, pattern: "GET /metrics", may: anyRole, do: s.metrics},
		{kind: api, pattern: "GET /api/v1/incidents", may: anyRole, do: s.listIncidents},
		{kind: api, pattern: "GET /api/v1/incidents/{id}", may: anyRole, do: s.getIncident},
		{kind: api, pattern: "POST /api/v1/incidents/{id}/ack", may: User.mayAct, do: s.act(incidents.ActionAck)},
		{kind: api, pattern: "POST /api/v1/incidents/{id}/arrive", may: User.mayAct, do: s.act(incidents.ActionArrive)},
		{kind: api, pattern: "POST /api/v1/incidents/{id}/resolve", may: User.mayAct, do: s.act(incidents.ActionResolve)},
		{kind: api, pattern: "POST /api/v1/incidents/{id}/verify", may: User.mayInspect, do: s.act(incidents.ActionVerify)},
		{kind: api, pattern: "GET /api/v1/devices", may: anyRole, do: s.listDevices},
		{kind: api, pattern: "GET /api/v1/places", may: anyRole, do: s.listPlaces},
		{kind: api, pattern: "GET /api/v1/duty", may: anyRole, do: s.listDuty},
		{kind: api, pattern: "GET /api/v1/gateways", may: anyRole, do: s.listNodes},
		{kind: api, pattern: "GET /api/v1/gaps", may: anyRole, do: s.listGaps},
		{kind: api, pattern: "GET /api/v1/series", may: anyRole, do: s.series},
		{kind: api, pattern: "GET /api/v1/events", may: anyRole, do: s.events},
		{kind: api, pattern: "/api/", may: anyRole, do: missing("there is no such path below /api/, or not with this method")},

		{kind: page, pattern: "GET /{$}", may: anyRole, do: s.wardenPage},
		{kind: page, pattern: "GET /incidents/{id}", may: anyRole, do: s.incidentCardPage},
		{kind: page, pattern: "POST /incidents/{id}/{what}", may: anyRole, do: s.actForm}, // which role may do what is checked there
		{kind: page, pattern: "GET /officer", may: User.mayInspect, do: s.officerPage},
		{kind: page, pattern: "GET /officer/incidents", may: User.mayInspect, do: s.officerIncidents},
		{kind: page, pattern: "GET /officer/incidents/{id}", may: User.mayInspect, do: s.officerIncident},
		{kind: page, pattern: "GET /officer/devices/{id...}", may: User.mayInspect, do: s.officerDevice},
		{kind: page, pattern: "/", may: anyRole, do: missing("there is no such page")},
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.surface() {
		switch r.kind {
		case open:
			mux.HandleFunc(r.pattern, r.serve)
		case api:
			mux.Handle(r.pattern, s.guard(r.may, r.do, s.apiError))
		case page:
			mux.Handle(r.pattern, s.guard(r.may, r.do, s.pageError))
		}
	}
	return s.secure(mux)
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := s.Ready(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte("not ready: " + err.Error() + "\n"))
		return
	}
	w.Write([]byte("ready\n"))
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request, _ User) error {
	s.Metrics.ServeHTTP(w, r)
	return nil
}
