package app

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weishao.dev/weishao/access"
)

// door opens a control socket in a data folder and serves it.
func door(t *testing.T, dir string) *access.Store {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	store, err := access.Open(t.Context(), filepath.Join(t.TempDir(), accessFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := listenControl(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := &control{access: store, mqtt: func() string { return "tcp://127.0.0.1:1883" }, ca: func() string { return "" }, link: func(code string) string { return "http://hub/sign-in?code=" + code },
		reload: func(context.Context) (string, error) { return "", errors.New("site.yaml:1:1: no") }, kick: func(string) {}, log: &logDoor{}}
	server := &http.Server{Handler: c.handler()}
	go server.Serve(l)
	t.Cleanup(func() {
		server.Close()
		store.Close()
	})
	return store
}

// Whoever can open the socket may make users: only its owner can.
func TestControlSocketIsTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	door(t, dir)
	for path, want := range map[string]os.FileMode{filepath.Join(dir, "control"): 0o700, filepath.Join(dir, "control", socketName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", filepath.Base(path), got, want)
		}
	}
}

func TestControl(t *testing.T) {
	dir := t.TempDir()
	store := door(t, dir)
	ctx := t.Context()
	ask := func(path string, question, reply any) error { return callControl(ctx, dir, path, question, reply) }

	var link, token secretReply
	if err := ask("/token", tokenRequest{User: "op"}, &token); err == nil || !strings.Contains(err.Error(), "weishao sign-in") {
		t.Errorf("a token for nobody: %v", err)
	}
	if err := ask("/sign-in", signInRequest{User: "op", Role: "operator"}, &link); err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(link.Secret, "code=")
	if _, u, err := store.RedeemSignIn(ctx, code); err != nil || u.ID != "op" || u.Role != access.Operator {
		t.Errorf("the link signs in %+v, %v", u, err)
	}
	if err := ask("/token", tokenRequest{User: "op"}, &token); err != nil {
		t.Fatal(err)
	}
	if u, err := store.Token(ctx, token.Secret); err != nil || u.ID != "op" {
		t.Errorf("the token is %+v's, %v", u, err)
	}
	var e Enrolment
	if err := ask("/gateway-enrol", enrolRequest{Group: "beixin", Node: "gw-17"}, &e); err != nil {
		t.Fatal(err)
	}
	if !store.CheckGateway(e.Username, e.Password) || e.Username != "beixin/gw-17" || e.MQTT != "tcp://127.0.0.1:1883" {
		t.Errorf("enrolled %s at %s, and its password does not fit", e.Username, e.MQTT)
	}
	for _, r := range []revokeRequest{{Gateway: "beixin/gw-17"}, {User: "op"}} {
		if err := ask("/revoke", r, &struct{}{}); err != nil {
			t.Fatal(err)
		}
		if err := ask("/revoke", r, &struct{}{}); err == nil {
			t.Errorf("%+v revoked twice", r)
		}
	}
	if _, err := store.Token(ctx, token.Secret); err == nil || store.CheckGateway(e.Username, e.Password) {
		t.Error("who was shut out comes in")
	}
	for _, name := range []string{"", "*", "a/b"} {
		if err := ask("/gateway-enrol", enrolRequest{Group: "beixin", Node: name}, &e); err == nil || !strings.Contains(err.Error(), "cannot name a group or a node") {
			t.Errorf("a gateway called %q: %v", name, err)
		}
	}
	if err := ask("/sign-in", signInRequest{User: "op", Role: "king"}, &link); err == nil {
		t.Error("a role that there is not")
	}
	if err := ask("/reload", struct{}{}, &struct{}{}); err == nil || !strings.Contains(err.Error(), "site.yaml:1:1") {
		t.Errorf("reload: %v", err)
	}
}

// A stale socket of a hub that was killed is no obstacle, a path too long for a
// socket neither, and no hub at all is said plainly.
func TestControlSocketPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := callControl(t.Context(), dir, "/token", tokenRequest{User: "op"}, nil); err == nil || !strings.Contains(err.Error(), "start it with `weishao hub --config FILE`") {
		t.Errorf("no hub: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "control"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "control", socketName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	door(t, dir)
	var link secretReply
	if err := callControl(t.Context(), dir, "/sign-in", signInRequest{User: "op", Role: "operator"}, &link); err != nil {
		t.Error(err)
	}
}
