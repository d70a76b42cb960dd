package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weishao.dev/weishao/web"
	"weishao.dev/weishao/web/webtest"
)

// client asks one server as one user.
type client struct {
	t      *testing.T
	s      *web.Server
	header http.Header
}

// serve starts a Server on w, with its event stream running until the test ends.
func serve(t *testing.T, w *webtest.World) *web.Server {
	t.Helper()
	s, err := web.New(w.Config())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

func sampled(t *testing.T) (*webtest.World, *web.Server) {
	t.Helper()
	w := webtest.New()
	w.Sample()
	return w, serve(t, w)
}

func as(t *testing.T, s *web.Server, token string) client {
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return client{t, s, h}
}

// with is the same client with one more header.
func (c client) with(name, value string) client {
	c.header = c.header.Clone()
	c.header.Set(name, value)
	return c
}

func (c client) do(method, target, body string) *http.Response {
	c.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header = c.header.Clone()
	w := httptest.NewRecorder()
	c.s.ServeHTTP(w, r)
	return w.Result()
}

// want asks and checks the status; it returns the body.
func (c client) want(status int, method, target, body string) string {
	c.t.Helper()
	resp := c.do(method, target, body)
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != status {
		c.t.Fatalf("%s %s: got %d, want %d: %.300s", method, target, resp.StatusCode, status, b)
	}
	return string(b)
}

// get asks for JSON and decodes it.
func get[T any](c client, target string) T {
	c.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(c.want(200, "GET", target, "")), &v); err != nil {
		c.t.Fatalf("GET %s: %v", target, err)
	}
	return v
}

// problem is the body of an error.
type problem struct {
	Type, Title, Detail, Parameter string
	Status                         int
	Allowed                        []string
}

func (c client) problem(status int, method, target, body string) problem {
	c.t.Helper()
	resp := c.do(method, target, body)
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != status {
		c.t.Fatalf("%s %s: got %d, want %d: %.300s", method, target, resp.StatusCode, status, b)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		c.t.Fatalf("%s %s: content type %q, want application/problem+json", method, target, got)
	}
	var p problem
	if err := json.Unmarshal(b, &p); err != nil {
		c.t.Fatalf("%s %s: %v in %s", method, target, err, b)
	}
	if p.Status != status || p.Title == "" || p.Type == "" {
		c.t.Errorf("%s %s: incomplete problem %+v", method, target, p)
	}
	return p
}

func TestConfigMustBeWhole(t *testing.T) {
	c := webtest.New().Config()
	c.Auth = nil
	if _, err := web.New(c); err == nil || !strings.Contains(err.Error(), "Auth") {
		t.Errorf("New without Auth: got %v, want an error that names it", err)
	}
}

func TestHealthAndReadyAreOpen(t *testing.T) {
	w, s := sampled(t)
	c := as(t, s, "")
	c.want(200, "GET", "/healthz", "")
	c.want(200, "GET", "/readyz", "")
	w.ReadyErr = io.ErrUnexpectedEOF
	if got := c.want(503, "GET", "/readyz", ""); !strings.Contains(got, io.ErrUnexpectedEOF.Error()) {
		t.Errorf("/readyz does not say why: %q", got)
	}
}

// readAll is a response's body.
func readAll(resp *http.Response) string {
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
