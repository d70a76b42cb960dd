package app

import (
	"context"
	"errors"
	"log/slog"

	"weishao.dev/weishao/access"
)

// Hub is broker, ingest, log, rules, incidents, history and pages in one process.
type Hub struct{}

// OpenHub starts a hub; everything listens when it returns.
func OpenHub(ctx context.Context, cfg *HubConfig, logger *slog.Logger) (*Hub, error) {
	return nil, errors.New("the hub is not part of this build")
}

// Run works until ctx ends.
func (h *Hub) Run(ctx context.Context) error { return nil }

// URL is where the pages are.
func (h *Hub) URL() string { return "" }

// MQTT is where gateways connect, "tcp://host:port".
func (h *Hub) MQTT() string { return "" }

// Access is who may come in.
func (h *Hub) Access() *access.Store { return nil }

// SignInLink is the page that a one-time code opens.
func (h *Hub) SignInLink(code string) string { return "" }

// Replay evaluates a stopped hub's log again.
func Replay(ctx context.Context, cfg *HubConfig) (ReplayResult, error) {
	return ReplayResult{}, errors.New("replay is not part of this build")
}
