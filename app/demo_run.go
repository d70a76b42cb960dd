package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"weishao.dev/weishao/access"
	"weishao.dev/weishao/app/neighbourhood"
	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/gateway/edgerules"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/internal/durable"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Who the demo lets in: its visitor by the printed link, programs by the token. A
// user of its own for the token, so that each start can take back the last one's.
const (
	visitor  = "lin"
	program  = "demo"
	ownGroup = "demo"
	spare    = "visitor"
)

// stage is a demo that runs.
type stage struct {
	*demo
	log   *slog.Logger
	hub   *Hub
	token string
	rules []record.File
	cast  sync.WaitGroup          // gateways, their links, whoever tells
	fail  context.CancelCauseFunc // ends all
}

// run plays until ctx ends. The hub is the first to stop: gateways that went
// before it would be recorded as dead, and the next run would begin with that.
func (d *demo) run(ctx context.Context, stderr io.Writer) error {
	logFile, err := os.OpenFile(d.file("demo.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logFile.Close()
	s := &stage{demo: d, log: slog.New(slog.NewMultiHandler(slog.NewTextHandler(logFile, nil),
		slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})))}
	if d.rules != "" {
		if s.rules, err = ruleFiles([]string{d.rules}); err != nil {
			return err
		}
	}
	hall, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s.fail = fail
	desk, err := openPageDesk(d.dir, d.out, s.log)
	if err != nil {
		return err
	}
	defer desk.close()
	if s.hub, err = OpenHub(hall, d.hubConfig(desk), s.log); err != nil {
		return err
	}
	hubEnded := make(chan struct{})
	go func() {
		defer close(hubEnded)
		s.fail(s.hub.Run(hall))
	}()
	street, empty := context.WithCancel(context.WithoutCancel(ctx))
	if err := s.begin(hall, street); err != nil {
		s.fail(err)
	}
	<-hubEnded
	empty()
	s.cast.Wait()
	if err := context.Cause(hall); ctx.Err() == nil && err != nil {
		return err
	}
	return nil
}

func (d *demo) hubConfig(desk *pageDesk) *HubConfig {
	cfg := &HubConfig{Data: d.dir, Clock: d.clock.Clock, Placement: d.placement, SiteFile: &d.siteFile,
		Page: map[string]ChannelConf{"terminal": desk.channel()}}
	cfg.HTTP.Addr.V, cfg.MQTT.Addr.V = d.http, d.mqtt
	if d.rules != "" {
		cfg.Rules = []conf.At[string]{{V: d.rules}}
	}
	cfg.resolve(".")
	return cfg
}

// begin lets people and gateways in once the hub is ready, and tells the visitor.
// What it starts ends with street, but for what needs the hub.
func (s *stage) begin(hall, street context.Context) error {
	if err := s.ready(hall); err != nil {
		return err
	}
	link, file, err := s.letIn(hall)
	if err != nil {
		return err
	}
	s.start("the clock", func() error { return s.clock.run(street) })
	start := s.clock.Now()
	s.out.begin(s.clock.Clock, start)
	stars, err := s.players(start)
	if err != nil {
		return err
	}
	var edges []*gateway.Gateway
	for _, p := range stars {
		g, err := s.enter(hall, street, p, start)
		if err != nil {
			return errors.Join(err, closeAll(edges))
		}
		edges = append(edges, g)
	}
	n, err := s.listen(hall, start)
	if err != nil {
		return errors.Join(err, closeAll(edges))
	}
	s.start("the narrator", func() error { return n.follow(hall) })
	for _, g := range edges {
		s.start("a gateway", func() error { return g.Run(street) })
	}
	if err := durable.WriteFile(s.file("demo.yaml"), configFile(s.dir, s.http, s.mqtt), 0o600); err != nil {
		return err
	}
	if err := file.write(s.file("demo.json")); err != nil {
		return err
	}
	s.out.intro(s, link)
	s.start("the story", func() error { s.tell(hall, n, start); return nil })
	return nil
}

func closeAll(edges []*gateway.Gateway) error {
	var errs []error
	for _, g := range edges {
		errs = append(errs, g.Close())
	}
	return errors.Join(errs...)
}

// start runs a part of the demo; when it fails the demo ends.
func (s *stage) start(what string, run func() error) {
	s.cast.Go(func() {
		if err := run(); err != nil {
			s.fail(fmt.Errorf("%s: %w", what, err))
		}
	})
}

// ready waits until the hub says that it is.
func (s *stage) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.hub.URL()+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the hub is not ready: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// letIn makes the visitor's link and what demo.json holds.
func (s *stage) letIn(ctx context.Context) (link string, f demoFile, err error) {
	store := s.hub.Access()
	for _, u := range []string{visitor, program} {
		if err := store.EnsureUser(ctx, u, access.Operator); err != nil {
			return "", f, err
		}
	}
	if err := revokeTokens(ctx, store, program); err != nil {
		return "", f, err
	}
	code, err := store.NewSignIn(ctx, visitor)
	if err != nil {
		return "", f, err
	}
	if s.token, err = store.NewToken(ctx, program); err != nil {
		return "", f, err
	}
	c, err := store.EnrolGateway(ctx, ownGroup, spare)
	if err != nil {
		return "", f, err
	}
	f = demoFile{HTTP: s.hub.URL(), MQTT: s.hub.MQTT(), Token: s.token,
		Gateway: spareNode{Group: c.Group, Node: c.Node, Username: c.Username, Password: c.Password}}
	return s.hub.SignInLink(code), f, nil
}

func revokeTokens(ctx context.Context, store *access.Store, user string) error {
	tokens, err := store.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.User != user {
			continue
		}
		if err := store.RevokeToken(ctx, t.ID); err != nil {
			return err
		}
	}
	return nil
}

// players are the gateways of this run: the neighbourhood's, or the recording's.
func (s *stage) players(start time.Time) ([]neighbourhood.Gateway, error) {
	if s.recording != nil {
		return []neighbourhood.Gateway{{Group: ownGroup, Node: "replay", Devices: s.recording.Devices()}}, nil
	}
	return neighbourhood.Gateways(start)
}

// commitWall is the least time between two commits of a gateway, wall time: a fast
// clock must not wear the disk.
const commitWall = 25 * time.Millisecond

// enter enrols a gateway and builds it; the story's goes through a link that the
// story cuts.
func (s *stage) enter(hall, street context.Context, p neighbourhood.Gateway, start time.Time) (*gateway.Gateway, error) {
	c, err := s.hub.Access().EnrolGateway(hall, p.Group, p.Node)
	if err != nil {
		return nil, err
	}
	broker := strings.TrimPrefix(s.hub.MQTT(), "tcp://")
	if p.ID() == neighbourhood.CutGateway {
		link, err := neighbourhood.NewLink(broker)
		if err != nil {
			return nil, err
		}
		broker = link.Addr()
		s.start("the link", func() error {
			return link.Run(street, s.clock.Clock, start.Add(neighbourhood.CutAt), start.Add(neighbourhood.BackAt))
		})
	}
	cfg := &gateway.Config{Version: Version}
	cfg.Group.V, cfg.Node.V = p.Group, p.Node
	cfg.MQTT.URL.V, cfg.MQTT.Username.V, cfg.MQTT.Password = "tcp://"+broker, c.Username, c.Password
	cfg.Outbox.Dir.V = filepath.Join(s.dir, "gateways", p.Group, p.Node)
	cfg.Outbox.CommitInterval.V = conf.Duration(max(time.Second, time.Duration(s.speed*float64(commitWall))))
	return s.build(street, cfg, neighbourhood.Unhurried(p.Devices, s.speed))
}

// build makes a gateway with the edge rules that every gateway has.
func (s *stage) build(street context.Context, cfg *gateway.Config, list []devices.Device) (*gateway.Gateway, error) {
	log := s.log.With("gateway", telemetry.NodeID(cfg.Group.V, cfg.Node.V))
	watch, err := edgerules.New(edgerules.Config{Files: s.rules, Catalogue: s.site.Catalogue, Clock: s.clock.Clock, Log: log})
	if err != nil {
		return nil, err
	}
	g, err := gateway.New(cfg, gateway.Deps{Log: log, Devices: list, Clock: s.clock.Clock, Catalogue: s.site.Catalogue, Urgent: watch.Urgent})
	if err != nil {
		return nil, err
	}
	watch.Announce(g.Node(), g.Devices())
	s.start("the edge rules", func() error { watch.Run(street); return nil })
	return g, nil
}
