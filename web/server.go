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

// anyRole lets every signed-in person in.
func anyRole(User) bool { return true }

// routes is the whole surface, by name. api routes answer problem+json, page
// routes answer HTML.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	open := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(pattern, h) }
	api := func(pattern string, may func(User) bool, h handler) { mux.Handle(pattern, s.guard(may, h, s.apiError)) }
	page := func(pattern string, may func(User) bool, h handler) {
		mux.Handle(pattern, s.guard(may, h, s.pageError))
	}

	open("GET /healthz", s.healthz)
	open("GET /readyz", s.readyz)
	open("GET /static/", s.assets.serve)
	open("GET /favicon.ico", s.assets.favicon)
	open("GET /sign-in", s.signInPage)
	open("POST /sign-in", s.redeem)
	open("POST /sign-out", s.signOut)

	api("GET /metrics", anyRole, s.metrics)
	api("GET /api/v1/incidents", anyRole, s.listIncidents)
	api("GET /api/v1/incidents/{id}", anyRole, s.getIncident)
	api("POST /api/v1/incidents/{id}/ack", User.mayAct, s.act(incidents.ActionAck))
	api("POST /api/v1/incidents/{id}/arrive", User.mayAct, s.act(incidents.ActionArrive))
	api("POST /api/v1/incidents/{id}/resolve", User.mayAct, s.act(incidents.ActionResolve))
	api("POST /api/v1/incidents/{id}/verify", User.mayInspect, s.act(incidents.ActionVerify))
	api("GET /api/v1/devices", anyRole, s.listDevices)
	api("GET /api/v1/places", anyRole, s.listPlaces)
	api("GET /api/v1/duty", anyRole, s.listDuty)
	api("GET /api/v1/gateways", anyRole, s.listNodes)
	api("GET /api/v1/gaps", anyRole, s.listGaps)
	api("GET /api/v1/series", anyRole, s.series)
	api("GET /api/v1/events", anyRole, s.events)
	api("/api/", anyRole, func(http.ResponseWriter, *http.Request, User) error { return notFound("no such path below /api/") })

	page("GET /{$}", anyRole, s.wardenPage)
	page("GET /incidents/{id}", anyRole, s.incidentCardPage)
	page("POST /incidents/{id}/{what}", User.mayPost, s.actForm)
	page("GET /officer", User.mayInspect, s.officerPage)
	page("GET /officer/incidents", User.mayInspect, s.officerIncidents)
	page("GET /officer/incidents/{id}", User.mayInspect, s.officerIncident)
	page("GET /officer/devices/{id...}", User.mayInspect, s.officerDevice)
	page("/", anyRole, func(http.ResponseWriter, *http.Request, User) error { return notFound("no such page") })

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
