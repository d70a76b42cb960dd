package web

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// sessionCookie holds the session of a signed-in browser.
const sessionCookie = "weishao_session"

// sessionAge is how long a browser keeps the cookie; whether the session is
// still good is Auth's to say.
const sessionAge = 30 * 24 * time.Hour

// handler answers a request of a signed-in user; an error it returns must come
// before anything is written.
type handler func(w http.ResponseWriter, r *http.Request, u User) error

// guard lets a request through to h when its user may.
func (s *Server) guard(may func(User) bool, h handler, fail func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := s.user(r)
		if err != nil {
			fail(w, r, err)
			return
		}
		if !may(u) {
			fail(w, r, newProblem(http.StatusForbidden, "forbidden", "the role "+string(u.Role)+" may not do this"))
			return
		}
		if err := h(w, r, u); err != nil {
			fail(w, r, err)
		}
	})
}

// user is who sent r. An Authorization header wins over a cookie, and a bad one
// is refused even beside a good cookie.
func (s *Server) user(r *http.Request) (User, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return User{}, ErrNoAccess
		}
		return s.Auth.Token(r.Context(), strings.TrimSpace(token))
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil || c.Value == "" {
		return User{}, ErrNoAccess
	}
	return s.Auth.Session(r.Context(), c.Value)
}

// may reports whether the user may take an action.
func (u User) may(what string) bool {
	if what == "verify" {
		return u.mayInspect()
	}
	return u.mayAct()
}

// home is the page that a role works on.
func (u User) home() string {
	if u.Role == Officer {
		return "/officer"
	}
	return "/"
}

// redeem turns a one-time code into a session.
func (s *Server) redeem(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	session, u, err := s.Auth.RedeemSignIn(r.Context(), strings.TrimSpace(r.PostFormValue("code")))
	switch {
	case errors.Is(err, ErrNoAccess):
		s.renderSignIn(w, r, "", true)
		return
	case err != nil:
		s.pageError(w, r, err)
		return
	}
	http.SetCookie(w, s.cookie(r, sessionCookie, session, sessionAge))
	http.Redirect(w, r, u.home(), http.StatusSeeOther)
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil && c.Value != "" {
		if err := s.Auth.SignOut(r.Context(), c.Value); err != nil && !errors.Is(err, ErrNoAccess) {
			s.pageError(w, r, err)
			return
		}
	}
	http.SetCookie(w, s.cookie(r, sessionCookie, "", -1))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

func (s *Server) cookie(r *http.Request, name, value string, age time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.Secure || r.TLS != nil,
		MaxAge: int(age / time.Second),
	}
	if age < 0 {
		c.MaxAge = -1
	}
	return c
}
