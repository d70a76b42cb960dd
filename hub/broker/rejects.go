package broker

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/time/rate"

	"weishao.dev/weishao/telemetry"
)

// rejects hears what the server logs and turns its refusals into counts. It is
// the only way to see them: the server drops a message to a foreign topic, or
// closes a connection for too large a packet, before any subscriber, and has no
// other hook. Tests hold the texts against the real server.
//
// It implements server.Logger. Lines of refusals are limited to ten a second, so
// that a misbehaving client does not fill the disk; the counts are exact.
type rejects struct {
	log      *slog.Logger
	onReject func(node string, kind telemetry.Bad)
	userOf   func(conn uint64) string
	limit    *rate.Limiter

	mu    sync.Mutex
	fatal string
}

func newRejects(log *slog.Logger, onReject func(node string, kind telemetry.Bad)) *rejects {
	return &rejects{log: log, onReject: onReject, limit: rate.NewLimiter(10, 10)}
}

// auth counts a connection that was not let in. The user name is what the
// client claims to be; a name that no gateway could have is counted as "".
func (r *rejects) auth(user, id, reason string) {
	if _, _, ok := nodeName(user); !ok {
		user = ""
	}
	r.reject(user, BadAuth, fmt.Sprintf("client ID %q: %s", id, reason))
}

func (r *rejects) reject(node string, kind telemetry.Bad, text string) {
	if r.limit.Allow() {
		r.log.Warn("broker refused a client", "gateway", node, "kind", string(kind), "reason", text)
	}
	if r.onReject != nil {
		r.onReject(node, kind)
	}
}

// Errorf sorts the server's errors into refusals and others.
func (r *rejects) Errorf(format string, v ...any) {
	conn, rest, ok := cutConnection(format)
	if !ok {
		r.log.Error("broker", "error", fmt.Sprintf(format, v...))
		return
	}
	kind, text := classify(rest, v)
	if kind == "" {
		return // authentication: counted where it was refused
	}
	r.reject(r.userOf(conn), kind, text)
}

// classify reads what stands behind a connection's name in an error of the
// server. The name is part of the format there and the client chooses its ID,
// with percent signs too if it likes, so the ID is cut off before formatting.
func classify(format string, v []any) (telemetry.Bad, string) {
	if id, err := strconv.QuotedPrefix(format); err == nil {
		format = strings.TrimPrefix(format[len(id):], " - ")
	}
	switch {
	case strings.HasPrefix(format, "Publish Violation"), strings.HasPrefix(format, "Subscription Violation"):
		return telemetry.BadTopic, sprintf(format, v)
	case len(v) > 0 && v[0] == server.ErrMaxPayload.Error():
		return telemetry.BadSize, sprintf(format, v)
	case strings.HasPrefix(format, server.ErrAuthentication.Error()),
		sprintf(format, v) == "unable to connect: "+server.ErrAuthentication.Error(),
		strings.HasPrefix(format, "%v - %s") && len(v) > 0 && v[0] == server.ErrAuthentication:
		return "", ""
	}
	return BadProtocol, sprintf(format, v)
}

// sprintf leaves a text without arguments alone: it may be an error's own text,
// with percent signs from the client.
func sprintf(format string, v []any) string {
	if len(v) == 0 {
		return format
	}
	return fmt.Sprintf(format, v...)
}

// Fatalf remembers why the server cannot run. It must not end the process.
func (r *rejects) Fatalf(format string, v ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal == "" {
		r.fatal = fmt.Sprintf(format, v...)
	}
	r.log.Error("broker cannot run", "error", fmt.Sprintf(format, v...))
}

func (r *rejects) fatalText() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fatal
}

func (r *rejects) Noticef(format string, v ...any) { r.log.Debug("broker: " + sprintf(format, v)) }
func (r *rejects) Warnf(format string, v ...any)   { r.log.Warn("broker: " + sprintf(format, v)) }
func (r *rejects) Debugf(string, ...any)           {}
func (r *rejects) Tracef(string, ...any)           {}
