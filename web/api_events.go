package web

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// How long one write to an event stream may take, and after how many
// heartbeats the right to listen is looked at again.
const (
	eventWrite     = 10 * time.Second
	recheckAfter   = 12
	reconnectAfter = 1000 // ms, what the browser waits before it comes back
)

// events answers GET /api/v1/events: "incident" and "supervision" with IDs,
// "resync" when the reader must read everything again, and "heartbeat" with
// the hub's clock, which carries no ID and changes nothing.
func (s *Server) events(w http.ResponseWriter, r *http.Request, _ User) error {
	p := newParams(r.URL.Query())
	last := r.Header.Get("Last-Event-ID")
	if q := p.get("last-event-id"); last == "" {
		last = q
	}
	if err := p.err(); err != nil {
		return err
	}
	l := s.stream.listen(last)
	defer s.stream.leave(l)

	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	out := &eventWriter{w: w, c: http.NewResponseController(w), s: s}
	hello := fmt.Sprintf("retry: %d\n: connected\n", reconnectAfter)
	if last == "" {
		// So that a reader whose first connection breaks before any event can
		// still say where it was.
		hello += "id: " + s.stream.name(l.start) + "\n"
	}
	if out.printf("%s", hello) != nil || out.heartbeat() != nil {
		return nil
	}
	tick := time.NewTicker(s.Heartbeat)
	defer tick.Stop()
	for beats := 1; ; {
		var err error
		select {
		case <-r.Context().Done():
			return nil
		case <-l.gone:
			return nil
		case e := <-l.events:
			err = out.printf("id: %s\nevent: %s\ndata: %s\n\n", s.stream.name(e.id), e.name, e.data)
		case <-tick.C:
			if beats++; beats%recheckAfter == 0 && s.revoked(r) {
				return nil
			}
			err = out.heartbeat()
		}
		if err != nil {
			return nil // the reader is gone
		}
	}
}

// revoked reports whether the listener has lost its right to listen. A store
// that cannot answer ends nobody's stream.
func (s *Server) revoked(r *http.Request) bool {
	ctx, cancel := context.WithTimeout(r.Context(), eventWrite)
	defer cancel()
	_, err := s.user(r.WithContext(ctx))
	return err != nil && asProblem(err).Status == http.StatusUnauthorized
}

// eventWriter writes with a deadline of its own per event, so that neither the
// server's write timeout ends a stream nor a dead reader holds it for ever.
type eventWriter struct {
	w http.ResponseWriter
	c *http.ResponseController
	s *Server
}

func (o *eventWriter) printf(format string, args ...any) error {
	// Not every ResponseWriter has deadlines; those of net/http have.
	_ = o.c.SetWriteDeadline(time.Now().Add(eventWrite))
	if _, err := fmt.Fprintf(o.w, format, args...); err != nil {
		return err
	}
	return o.c.Flush()
}

func (o *eventWriter) heartbeat() error {
	return o.printf("event: heartbeat\ndata: {\"now\":%d,\"speed\":%g}\n\n", o.s.Clock.NowMS(), o.s.Clock.Speed())
}
