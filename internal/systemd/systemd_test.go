package systemd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manager listens as systemd does.
func manager(t *testing.T, name string) (next func() string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return func() string {
		t.Helper()
		buf := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func TestLifeOfAService(t *testing.T) {
	for kind, name := range map[string]string{
		"a path": filepath.Join(t.TempDir(), "notify"), "an abstract name": "@weishao-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(kind, func(t *testing.T) {
			next := manager(t, name)
			t.Setenv("WATCHDOG_USEC", "30000")
			t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
			var stuck atomic.Bool
			var log bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				FromEnv().Guard(ctx, slog.New(slog.NewTextHandler(&log, nil)), func() (string, error) {
					if stuck.Load() {
						return "", errors.New("commits")
					}
					return "12 devices", nil
				})
			}()
			if got := next(); got != "READY=1\nWATCHDOG=1\nSTATUS=12 devices" {
				t.Errorf("at first %q", got)
			}
			if got := next(); got != "WATCHDOG=1\nSTATUS=12 devices" {
				t.Errorf("then %q", got)
			}
			stuck.Store(true)
			for got := next(); got != "STATUS=stuck: commits"; got = next() {
				if got != "WATCHDOG=1\nSTATUS=12 devices" { // was on its way
					t.Fatalf("while stuck %q", got)
				}
			}
			stuck.Store(false)
			for got := next(); !strings.Contains(got, "WATCHDOG=1"); got = next() {
				if got != "STATUS=stuck: commits" {
					t.Fatalf("after it %q", got)
				}
			}
			cancel()
			for got := next(); got != "STOPPING=1\nSTATUS=stopping"; got = next() {
				if got != "WATCHDOG=1\nSTATUS=12 devices" {
					t.Fatalf("at the end %q", got)
				}
			}
			<-done
			if n := strings.Count(log.String(), "the watchdog is not fed"); n != 1 {
				t.Errorf("being stuck is logged %d times", n)
			}
		})
	}
}

func TestNoManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000000")
	m := FromEnv()
	if err := m.Tell(Ready); err != nil {
		t.Error(err)
	}
	m.Guard(t.Context(), slog.New(slog.DiscardHandler), func() (string, error) {
		t.Error("asked for nobody")
		return "", nil
	})

	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	if err := FromEnv().Tell(Ready); err == nil {
		t.Error("nobody listens, and nothing is said")
	}
}

// A watchdog that is meant for another process, or nonsense, is none.
func TestForeignWatchdog(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "@x")
	for usec, pid := range map[string]string{"1000000": "1", "": "", "soon": "", "-5": ""} {
		t.Setenv("WATCHDOG_USEC", usec)
		t.Setenv("WATCHDOG_PID", pid)
		if m := FromEnv(); m.watchdog != 0 {
			t.Errorf("%q for %q: %v", usec, pid, m.watchdog)
		}
	}
	t.Setenv("WATCHDOG_USEC", "90000000")
	t.Setenv("WATCHDOG_PID", "")
	if m := FromEnv(); m.watchdog != 90*time.Second {
		t.Errorf("%v", m.watchdog)
	}
}
