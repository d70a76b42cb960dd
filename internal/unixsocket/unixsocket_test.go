package unixsocket

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoor(t *testing.T) {
	for _, dir := range []string{t.TempDir() + "/state", t.TempDir() + "/" + strings.Repeat("long", 40)} {
		path := filepath.Join(dir, "control.sock")
		if err := Call(t.Context(), path, "/add", 1, nil); !errors.Is(err, ErrNobody) {
			t.Errorf("before: %v", err)
		}
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("POST /add", Answer(func(_ context.Context, n int) (int, error) {
			if n < 0 {
				return 0, errors.New("less than nothing")
			}
			return n + 1, nil
		}))
		go http.Serve(l, mux)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("folder's mode %v, %v", info.Mode(), err)
		}
		var got int
		if err := Call(t.Context(), path, "/add", 41, &got); err != nil || got != 42 {
			t.Errorf("got %d, %v", got, err)
		}
		if err := Call(t.Context(), path, "/add", -1, &got); err == nil || err.Error() != "less than nothing" {
			t.Errorf("got %v", err)
		}
		if err := Call(t.Context(), path, "/add", "x", &got); err == nil {
			t.Error("nonsense was taken")
		}
		if _, err := Listen(path); !errors.Is(err, ErrInUse) {
			t.Errorf("a second door: %v", err)
		}
		l.Close()
	}
}

// What a process that was killed left behind is in nobody's way.
func TestDoorLeftBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
