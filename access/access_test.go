package access_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "weishao.dev/weishao/access"
)

// clock is a clock that a test moves.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ms.Store(1_764_000_000_000)
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func open(t *testing.T, path string, c *clock) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newStore(t *testing.T) (*Store, *clock) {
	t.Helper()
	c := newClock()
	return open(t, filepath.Join(t.TempDir(), "access.db"), c), c
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, sentinel error, what string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("%s: got error %v, want %v", what, err, sentinel)
	}
}

// signIn gives a session of a user, made if there is none.
func signIn(t *testing.T, s *Store, user string) string {
	t.Helper()
	ok(t, s.EnsureUser(t.Context(), user, Warden))
	code, err := s.NewSignIn(t.Context(), user)
	ok(t, err)
	session, u, err := s.RedeemSignIn(t.Context(), code)
	ok(t, err)
	if u.ID != user || u.Role != Warden {
		t.Fatalf("signed in as %+v, want %s, a warden", u, user)
	}
	return session
}

func TestSignInWorksOnce(t *testing.T) {
	s, _ := newStore(t)
	ok(t, s.EnsureUser(t.Context(), "li", Operator))
	code, err := s.NewSignIn(t.Context(), "li")
	ok(t, err)

	var in atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch _, _, err := s.RedeemSignIn(context.Background(), code); {
			case err == nil:
				in.Add(1)
			case !errors.Is(err, ErrNoAccess):
				t.Errorf("got %v, want %v", err, ErrNoAccess)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d of 8 got in with one code, want 1", in.Load())
	}
}

func TestSignInExpires(t *testing.T) {
	s, c := newStore(t)
	ok(t, s.EnsureUser(t.Context(), "li", Operator))
	early, err := s.NewSignIn(t.Context(), "li")
	ok(t, err)
	late, err := s.NewSignIn(t.Context(), "li")
	ok(t, err)
	c.advance(SignInAge - time.Millisecond)
	_, _, err = s.RedeemSignIn(t.Context(), early)
	ok(t, err)
	c.advance(time.Millisecond)
	_, _, err = s.RedeemSignIn(t.Context(), late)
	want(t, err, ErrNoAccess, "a code 15 minutes old")
}

func TestSessionSlides(t *testing.T) {
	s, c := newStore(t)
	session := signIn(t, s, "wang")
	for range 4 {
		c.advance(SessionAge - 2*time.Hour) // longer than one age in all
		_, err := s.Session(t.Context(), session)
		ok(t, err)
	}
	c.advance(SessionAge)
	_, err := s.Session(t.Context(), session)
	want(t, err, ErrNoAccess, "a session not used for 30 days")
}

// What was extended in memory is extended on the disk.
func TestSessionSurvivesRestart(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "access.db")
	s := open(t, path, c)
	session := signIn(t, s, "wang")
	token, err := s.NewToken(t.Context(), "wang")
	ok(t, err)
	cred, err := s.EnrolGateway(t.Context(), "g", "n")
	ok(t, err)
	c.advance(20 * 24 * time.Hour)
	_, err = s.Session(t.Context(), session)
	ok(t, err)
	ok(t, s.Close())

	s = open(t, path, c)
	c.advance(20 * 24 * time.Hour)
	u, err := s.Session(t.Context(), session)
	ok(t, err)
	if d := cmp.Diff(User{ID: "wang", Name: "wang", Role: Warden}, u); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	_, err = s.Token(t.Context(), token)
	ok(t, err)
	if !s.CheckGateway(cred.Username, cred.Password) {
		t.Error("the gateway is shut out after a restart")
	}
}

func TestRevocation(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	first, second := signIn(t, s, "wang"), signIn(t, s, "wang")
	for _, session := range []string{first, second} { // now cached
		_, err := s.Session(ctx, session)
		ok(t, err)
	}
	ok(t, s.SignOut(ctx, first))
	_, err := s.Session(ctx, first)
	want(t, err, ErrNoAccess, "after signing out")
	want(t, s.SignOut(ctx, first), ErrNoAccess, "signing out twice")
	_, err = s.Session(ctx, second)
	ok(t, err)

	code, err := s.NewSignIn(ctx, "wang")
	ok(t, err)
	ok(t, s.RevokeSessions(ctx, "wang"))
	_, err = s.Session(ctx, second)
	want(t, err, ErrNoAccess, "after all sessions were revoked")
	_, _, err = s.RedeemSignIn(ctx, code)
	want(t, err, ErrNoAccess, "a code from before the revocation")
	want(t, s.RevokeSessions(ctx, "nobody"), ErrNoUser, "sessions of nobody")
}

func TestUsers(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	session := signIn(t, s, "王芳")
	token, err := s.NewToken(ctx, "王芳")
	ok(t, err)
	if _, err := s.Token(ctx, token); err != nil { // now cached
		t.Fatal(err)
	}
	ok(t, s.EnsureUser(ctx, "王芳", Officer))
	ok(t, s.SetName(ctx, "王芳", "Wang Fang"))
	for what, get := range map[string]func() (User, error){
		"session": func() (User, error) { return s.Session(ctx, session) },
		"token":   func() (User, error) { return s.Token(ctx, token) },
		"user":    func() (User, error) { return s.User(ctx, "王芳") },
	} {
		u, err := get()
		ok(t, err)
		if d := cmp.Diff(User{ID: "王芳", Name: "Wang Fang", Role: Officer}, u); d != "" {
			t.Errorf("%s after a change of role and name: want -, got +:\n%s", what, d)
		}
	}
	ok(t, s.RemoveUser(ctx, "王芳"))
	_, err = s.Session(ctx, session)
	want(t, err, ErrNoAccess, "session of a removed user")
	_, err = s.Token(ctx, token)
	want(t, err, ErrNoAccess, "token of a removed user")
	_, err = s.NewSignIn(ctx, "王芳")
	want(t, err, ErrNoUser, "sign-in of a removed user")
	_, err = s.NewToken(ctx, "王芳")
	want(t, err, ErrNoUser, "token for a removed user")
	want(t, s.RemoveUser(ctx, "王芳"), ErrNoUser, "removing a user twice")
	want(t, s.SetName(ctx, "王芳", "x"), ErrNoUser, "naming a removed user")

	for _, id := range []string{"", "a b", "a\n", "\xff", strings.Repeat("x", 65)} {
		want(t, s.EnsureUser(ctx, id, Warden), ErrName, fmt.Sprintf("user %q", id))
	}
	want(t, s.EnsureUser(ctx, "x", "root"), ErrName, "role root")
	ok(t, s.EnsureUser(ctx, "b", Operator))
	ok(t, s.EnsureUser(ctx, "a", Warden))
	list, err := s.Users(ctx)
	ok(t, err)
	if d := cmp.Diff([]User{{"a", "a", Warden}, {"b", "b", Operator}}, list); d != "" {
		t.Errorf("users: want -, got +:\n%s", d)
	}
}

func TestTokens(t *testing.T) {
	s, c := newStore(t)
	ctx := t.Context()
	ok(t, s.EnsureUser(ctx, "bot", Officer))
	token, err := s.NewToken(ctx, "bot")
	ok(t, err)
	if !strings.HasPrefix(token, "ws_") {
		t.Errorf("token %q has no prefix ws_", token)
	}
	c.advance(time.Hour)
	other, err := s.NewToken(ctx, "bot")
	ok(t, err)
	c.advance(1000 * 24 * time.Hour) // tokens do not grow old
	for _, tok := range []string{token, other, token} {
		u, err := s.Token(ctx, tok)
		ok(t, err)
		if u.ID != "bot" {
			t.Errorf("token of %q, want bot", u.ID)
		}
	}
	list, err := s.Tokens(ctx)
	ok(t, err)
	if len(list) != 2 || list[0].User != "bot" || list[1].Created.Sub(list[0].Created) != time.Hour {
		t.Fatalf("tokens: got %+v", list)
	}
	ok(t, s.RevokeToken(ctx, list[0].ID))
	_, err = s.Token(ctx, token)
	want(t, err, ErrNoAccess, "a revoked token")
	_, err = s.Token(ctx, other)
	ok(t, err)
	want(t, s.RevokeToken(ctx, list[0].ID), ErrNoToken, "revoking twice")
}

// Secrets of one kind open nothing of another kind, and garbage opens nothing.
func TestGarbage(t *testing.T) {
	s, _ := newStore(t)
	ctx := t.Context()
	session := signIn(t, s, "wang")
	token, err := s.NewToken(ctx, "wang")
	ok(t, err)
	code, err := s.NewSignIn(ctx, "wang")
	ok(t, err)
	for _, g := range []string{"", "x", token, code, token[3:], session[:42], session + "=", strings.Repeat("A", 43)} {
		_, err := s.Session(ctx, g)
		want(t, err, ErrNoAccess, "as a session")
	}
	for _, g := range []string{"", "ws_", session, "ws_" + session, token[3:], token + "x", "ws_" + strings.Repeat("A", 43)} {
		_, err := s.Token(ctx, g)
		want(t, err, ErrNoAccess, "as a token")
	}
	for _, g := range []string{"", session, token, strings.Repeat("A", 43)} {
		_, _, err := s.RedeemSignIn(ctx, g)
		want(t, err, ErrNoAccess, "as a sign-in code")
	}
}

// A session that was revoked does not come back through a lookup that was under
// way at that moment.
func TestRevocationRacesLookup(t *testing.T) {
	s, _ := newStore(t)
	for range 20 {
		session := signIn(t, s, "wang")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := s.Session(context.Background(), session); err != nil && !errors.Is(err, ErrNoAccess) {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if err := s.SignOut(context.Background(), session); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		_, err := s.Session(t.Context(), session)
		want(t, err, ErrNoAccess, "after signing out")
	}
}

// Neither the file nor what is printed of credentials holds a secret, and nobody
// else may read the file.
func TestSecretsStayHidden(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "access.db"), c)
	ctx := t.Context()
	session := signIn(t, s, "wang")
	token, err := s.NewToken(ctx, "wang")
	ok(t, err)
	code, err := s.NewSignIn(ctx, "wang")
	ok(t, err)
	cred, err := s.EnrolGateway(ctx, "g", "n")
	ok(t, err)
	files, err := os.ReadDir(dir)
	ok(t, err)
	for _, f := range files {
		info, err := f.Info()
		ok(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", f.Name(), info.Mode().Perm())
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		ok(t, err)
		for what, secret := range map[string]string{"session": session, "token": token, "code": code, "password": cred.Password} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s holds the %s", f.Name(), what)
			}
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("enrolled", "gateway", cred, "pointer", &cred)
	log.WriteString(fmt.Sprintf("%v %+v %#v %s %v", cred, cred, cred, cred, &cred))
	if strings.Contains(log.String(), cred.Password) {
		t.Error("printing credentials shows the password")
	}
	b, err := json.Marshal(cred) // the one way out, for gateway-enrol
	ok(t, err)
	if want := fmt.Sprintf(`{"group":"g","node":"n","username":"g/n","password":%q}`, cred.Password); string(b) != want {
		t.Errorf("credentials as JSON: got %s, want %s", b, want)
	}
}

func TestOpenFails(t *testing.T) {
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "no", "folder", "access.db"), nil)
	if err == nil || !strings.Contains(err.Error(), "access.db") {
		t.Errorf("no folder: got error %v, want one that names the file", err)
	}
	path := filepath.Join(t.TempDir(), "access.db")
	ok(t, os.WriteFile(path, []byte(strings.Repeat("not a database ", 500)), 0o600))
	if _, err := Open(t.Context(), path, nil); err == nil {
		t.Error("a file that is no database was opened")
	}
}
