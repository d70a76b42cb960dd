package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"

	"weishao.dev/weishao/internal/conf"
)

// mistake is an error at a place of the configuration, where it has one.
func mistake(at conf.Pos, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if at.Line == 0 {
		return err
	}
	return conf.Errors{{Pos: at, Text: err.Error()}}
}

// together makes one list of mistakes of several; with anything else among them,
// one error.
func together(errs ...error) error {
	var list conf.Errors
	for _, err := range errs {
		if err == nil {
			continue
		}
		mistakes, ok := err.(conf.Errors)
		if !ok {
			return errors.Join(errs...)
		}
		list = append(list, mistakes...)
	}
	return list.Err()
}

// cannotListen says what can be done about an address that cannot be had.
func cannotListen(what string, a conf.At[string], err error) error {
	remedies := []struct {
		errno syscall.Errno
		text  string
	}{
		{syscall.EADDRINUSE, "another program listens there; stop it or choose another port"},
		{syscall.EACCES, "ports below 1024 need a privilege; choose another port"},
		{syscall.EADDRNOTAVAIL, "this machine has no such address; 0.0.0.0 means all that it has"},
	}
	for _, r := range remedies {
		// The broker's server gives its errors as text.
		if errors.Is(err, r.errno) || strings.Contains(err.Error(), r.errno.Error()) {
			return mistake(a.Pos, "%s on %s: %w: %s", what, a.V, r.errno, r.text)
		}
	}
	return fmt.Errorf("%s on %s: %w", what, a.V, err)
}

// inUse says that a data folder is another hub's, or is nil.
func inUse(dir string, err error) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	return fmt.Errorf("another hub is running on the data folder %s: stop that one, or give this one a folder of its own", dir)
}

// warnings lets through what a part logs from Warn on: what it does when all is
// well concerns nobody here.
func warnings(log *slog.Logger) *slog.Logger { return slog.New(warningHandler{log.Handler()}) }

type warningHandler struct{ slog.Handler }

func (h warningHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

func (h warningHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return warningHandler{h.Handler.WithAttrs(a)}
}

func (h warningHandler) WithGroup(name string) slog.Handler {
	return warningHandler{h.Handler.WithGroup(name)}
}
