package access_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "weishao.dev/weishao/access"
)

func TestGateways(t *testing.T) {
	s, c := newStore(t)
	ctx := t.Context()
	first, err := s.EnrolGateway(ctx, "beixin", "gw-17")
	ok(t, err)
	if first.Username != "beixin/gw-17" || len(first.Password) != 32 {
		t.Errorf("credentials: got username %q and a password of %d, want beixin/gw-17 and 32", first.Username, len(first.Password))
	}
	check := func(user, password string, want bool, what string) {
		t.Helper()
		if got := s.CheckGateway(user, password); got != want {
			t.Errorf("%s: CheckGateway gave %t, want %t", what, got, want)
		}
	}
	check(first.Username, first.Password, true, "its own password")
	check(first.Username, strings.ToUpper(first.Password), false, "another password")
	check(first.Username, "", false, "no password")
	check("beixin/gw-18", first.Password, false, "another's password")
	check("", "", false, "nothing")

	c.advance(time.Hour)
	second, err := s.EnrolGateway(ctx, "beixin", "gw-17")
	ok(t, err)
	check(first.Username, first.Password, false, "the password before enrolling again")
	check(second.Username, second.Password, true, "the password after")

	_, err = s.EnrolGateway(ctx, "a", "z")
	ok(t, err)
	list, err := s.Gateways(ctx)
	ok(t, err)
	if len(list) != 2 || list[0].Group != "a" || list[1].Node != "gw-17" || !list[1].Enrolled.Equal(c.now()) {
		t.Errorf("gateways: got %+v", list)
	}
	ok(t, s.RevokeGateway(ctx, "beixin", "gw-17"))
	check(second.Username, second.Password, false, "a revoked gateway")
	if s.Gateway("beixin/gw-17") || !s.Gateway("a/z") {
		t.Error("Gateway does not tell the revoked from the enrolled")
	}
	want(t, s.RevokeGateway(ctx, "beixin", "gw-17"), ErrNoGateway, "revoking twice")
	for _, name := range []string{"", "*", "a/b", "+", ".."} {
		_, err := s.EnrolGateway(ctx, "g", name)
		want(t, err, ErrName, "node "+name)
		_, err = s.EnrolGateway(ctx, name, "n")
		want(t, err, ErrName, "group "+name)
	}
}

// While gateways are enrolled and revoked, the others go on coming in.
func TestGatewaysConcurrently(t *testing.T) {
	s, _ := newStore(t)
	steady, err := s.EnrolGateway(t.Context(), "g", "steady")
	ok(t, err)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			node := fmt.Sprint("n", i)
			for range 5 {
				cred, err := s.EnrolGateway(context.Background(), "g", node)
				if err != nil {
					t.Error(err)
					return
				}
				if !s.CheckGateway(cred.Username, cred.Password) || !s.CheckGateway(steady.Username, steady.Password) {
					t.Error("a gateway with the right password was shut out")
				}
				if err := s.RevokeGateway(context.Background(), "g", node); err != nil {
					t.Error(err)
				}
				if s.CheckGateway(cred.Username, cred.Password) {
					t.Error("a revoked gateway came in")
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkCheckGateway(b *testing.B) {
	s, err := Open(b.Context(), filepath.Join(b.TempDir(), "access.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	cred, err := s.EnrolGateway(b.Context(), "g", "n")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !s.CheckGateway(cred.Username, cred.Password) {
			b.Fatal("shut out")
		}
	}
}
