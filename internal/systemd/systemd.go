// Package systemd tells a service manager how the program does: that it is ready,
// that it is alive, what it is doing, and that it stops. It speaks the protocol of
// sd_notify(3): one datagram of KEY=VALUE lines to the Unix socket that
// $NOTIFY_SOCKET names. Without that variable everything here does nothing, so a
// program started by hand needs no case of its own.
package systemd

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Manager is the service manager that started this process. The zero value is none.
type Manager struct {
	socket   string
	watchdog time.Duration // how long it waits for a sign of life; 0: it does not
}

// FromEnv is the manager that the environment names.
func FromEnv() Manager {
	m := Manager{socket: os.Getenv("NOTIFY_SOCKET")}
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err != nil || usec <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return m
	}
	m.watchdog = time.Duration(usec) * time.Microsecond
	return m
}

// Tell sends the manager lines of KEY=VALUE. An error says that nobody took them;
// the program's work does not depend on it.
func (m Manager) Tell(lines ...string) error {
	if m.socket == "" {
		return nil
	}
	// A leading @ is an abstract socket, for net as for systemd.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	return err
}

// Status is the line that `systemctl status` shows.
func Status(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

// What is told of a service's life.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	alive    = "WATCHDOG=1"
)

// statusEvery is how often a status is told to a manager that waits for no sign of
// life.
const statusEvery = 30 * time.Second

// Guard tells that the program is ready, and until ctx ends that it is alive, as
// long as check finds nothing stuck; then that it stops. check gives the status
// line and, as an error, what makes no progress. A manager that hears nothing for
// its watchdog's time restarts the program.
func (m Manager) Guard(ctx context.Context, log *slog.Logger, check func() (status string, stuck error)) {
	if m.socket == "" {
		return
	}
	every := statusEvery
	if m.watchdog > 0 {
		every = m.watchdog / 3
	}
	g := guard{m: m, log: log, check: check}
	t := time.NewTicker(every)
	defer t.Stop()
	for first := Ready; ; first = "" {
		g.round(first)
		select {
		case <-ctx.Done():
			g.tell(Stopping, Status("stopping"))
			return
		case <-t.C:
		}
	}
}

type guard struct {
	m       Manager
	log     *slog.Logger
	check   func() (string, error)
	stuck   string // as last logged
	refused bool   // that nobody took a line was logged
}

func (g *guard) round(first string) {
	var lines []string
	if first != "" {
		lines = append(lines, first)
	}
	status, err := g.check()
	text := ""
	if err != nil {
		text = err.Error()
		status = "stuck: " + text
	} else {
		lines = append(lines, alive)
	}
	if text != g.stuck && text != "" {
		g.log.Error("a part makes no progress: the watchdog is not fed", "part", text)
	}
	g.stuck = text
	g.tell(append(lines, Status(status))...)
}

func (g *guard) tell(lines ...string) {
	err := g.m.Tell(lines...)
	if err != nil && !g.refused {
		g.log.Warn("the service manager does not listen", "error", err)
	}
	g.refused = err != nil
}
