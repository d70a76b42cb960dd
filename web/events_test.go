package web_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/web"
	"weishao.dev/weishao/web/webtest"
)

// sse is one server-sent event.
type sse struct{ id, name, data string }

// listening is an open event stream.
type listening struct {
	t      *testing.T
	events chan sse // closed when the stream ends
	close  context.CancelFunc
}

// listen opens the stream and reads up to its first heartbeat.
func listen(t *testing.T, url, token, lastID string) *listening {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("events: %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	l := &listening{t, make(chan sse, 1000), cancel}
	go func() {
		defer resp.Body.Close()
		defer close(l.events)
		var e sse
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					l.events <- e
				}
				e = sse{}
			}
		}
	}()
	return l
}

// next is the next event that is not a heartbeat; ok is false at the end.
func (l *listening) next() (e sse, ok bool) {
	l.t.Helper()
	for {
		select {
		case e, ok = <-l.events:
			if !ok || e.name != "heartbeat" {
				return e, ok
			}
		case <-time.After(10 * time.Second):
			l.t.Fatal("no event within 10 s")
		}
	}
}

func (l *listening) want(name, containing string) sse {
	l.t.Helper()
	e, ok := l.next()
	if !ok || e.name != name || !strings.Contains(e.data, containing) {
		l.t.Fatalf("got event %+v (open %v), want %s with %q", e, ok, name, containing)
	}
	return e
}

// streaming is a server with a fast heartbeat behind a real connection.
func streaming(t *testing.T) (*webtest.World, *httptest.Server, context.CancelFunc) {
	w := webtest.New()
	c := w.Config()
	c.Heartbeat = 5 * time.Millisecond
	s, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	server := httptest.NewServer(s)
	t.Cleanup(func() { stop(); <-done; server.Close() })
	return w, server, stop
}

// first waits for the greeting, so that what follows is surely after it.
func (l *listening) first() sse {
	l.t.Helper()
	select {
	case e := <-l.events:
		if e.name != "heartbeat" || !strings.Contains(e.data, `"now":`) || e.id == "" {
			l.t.Fatalf("the stream begins with %+v, want a heartbeat with the clock and an ID", e)
		}
		return e
	case <-time.After(10 * time.Second):
		l.t.Fatal("no heartbeat within 10 s")
	}
	return sse{}
}

func TestEventsArriveInOrderWithIDs(t *testing.T) {
	w, server, _ := streaming(t)
	l := listen(t, server.URL, webtest.WardenToken, "")
	l.first()
	w.SetPlace("b17-meter", web.Unsupervised, "silent")
	a := l.want("supervision", `"place":"b17-meter"`)
	w.Raise(incidents.Incident{ID: "x1", Hazard: "co", Onset: 1})
	b := l.want("incident", `"id":"x1"`)
	if a.id == "" || b.id == "" || a.id == b.id {
		t.Errorf("IDs %q and %q", a.id, b.id)
	}
}

func TestMissedEventsComeAfterReconnecting(t *testing.T) {
	w, server, _ := streaming(t)
	l := listen(t, server.URL, webtest.WardenToken, "")
	l.first()
	w.Raise(incidents.Incident{ID: "x1", Hazard: "co", Onset: 1})
	seen := l.want("incident", "x1")
	l.close()
	other := listen(t, server.URL, webtest.OfficerToken, "")
	other.first()
	w.Raise(incidents.Incident{ID: "x2", Hazard: "co", Onset: 1})
	w.Raise(incidents.Incident{ID: "x3", Hazard: "co", Onset: 1})
	other.want("incident", "x2")
	other.want("incident", "x3")

	again := listen(t, server.URL, webtest.WardenToken, seen.id)
	again.want("incident", "x2")
	again.want("incident", "x3")
}

func TestUnknownPositionIsTold(t *testing.T) {
	w, server, _ := streaming(t)
	for _, id := range []string{"otherboot-3", "nonsense", "-", "1"} {
		l := listen(t, server.URL, webtest.WardenToken, id)
		l.want("resync", "{}")
		l.close()
	}
	l := listen(t, server.URL, webtest.WardenToken, "otherboot-3")
	l.want("resync", "{}")
	w.Raise(incidents.Incident{ID: "x1", Hazard: "co", Onset: 1})
	l.want("incident", "x1")
}

func TestStreamsEndWithRun(t *testing.T) {
	_, server, stop := streaming(t)
	l := listen(t, server.URL, webtest.WardenToken, "")
	l.first()
	stop()
	if e, ok := l.next(); ok {
		t.Errorf("after Run ended: event %+v", e)
	}
}

func TestStreamEndsWithTheSession(t *testing.T) {
	w, server, _ := streaming(t)
	session := w.NewSession(web.Warden)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/v1/events", nil)
	r.AddCookie(&http.Cookie{Name: "weishao_session", Value: session})
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := w.SignOut(ctx, session); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
	}
	if ctx.Err() != nil {
		t.Error("a signed-out browser still gets events")
	}
}
