package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"weishao.dev/weishao/access"
	"weishao.dev/weishao/history"
	"weishao.dev/weishao/hub/broker"
	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/hub/ingest"
	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/hub/recorder"
	"weishao.dev/weishao/hub/worker"
	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/internal/systemd"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/web"
)

// Hub is broker, ingest, log, rules, incidents, history and pages in one process.
type Hub struct {
	cfg    *HubConfig
	log    *slog.Logger
	reg    *prometheus.Registry
	work   *work
	inputs *inputs                   // in effect
	files  sync.Mutex                // held by Reload
	roster atomic.Pointer[site.Site] // of inputs: pages go by it at once, without waiting until the worker has read so far

	access    *access.Store
	server    *broker.Embedded // of the log, and of MQTT unless another broker is configured
	conn      *heldConn
	rejects   rejects
	events    *eventlog.Log
	view      *live.View
	history   history.Store
	incidents *incidents.Store
	worker    *worker.Worker
	ingest    *ingest.Ingest
	recorder  *recorder.Recorder
	web       *web.Server
	listener  net.Listener // of the pages

	mqttCert, httpCert *certificate
	clientCA           *clientCA // whose certificates gateways must have; nil: none
	secrets            secrets
	head               uint64 // the log's end when the hub had started
}

// OpenHub starts a hub. When it returns without an error, everything listens and
// works; Run must follow. ctx bounds the start only.
func OpenHub(ctx context.Context, cfg *HubConfig, logger *slog.Logger) (*Hub, error) {
	h := &Hub{cfg: cfg, log: logger, reg: prometheus.NewRegistry(), view: live.NewView()}
	h.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	h.work = newWork(logger)
	for _, step := range []func(context.Context) error{
		h.readFiles, h.openAccess, h.openBroker, h.openLog, h.listen, h.openHistory, h.openIncidents,
		h.openWorker, h.openIngest, h.align, h.announce, h.openRecorder, h.openControl,
		h.openPages, // last: /readyz says that all is there
	} {
		err := ctx.Err()
		if err == nil {
			err = step(ctx)
		}
		if err != nil {
			h.work.stop()
			return nil, err
		}
	}
	return h, nil
}

// readFiles finds every mistake in what people wrote before anything is touched.
func (h *Hub) readFiles(context.Context) error {
	var errs [5]error
	h.inputs, errs[0] = readInputs(h.cfg)
	h.mqttCert, errs[1] = loadCertificate(h.cfg.MQTT.Cert, h.cfg.MQTT.Key, h.log)
	h.httpCert, errs[2] = loadCertificate(h.cfg.HTTP.Cert, h.cfg.HTTP.Key, h.log)
	h.secrets, errs[3] = readSecrets(h.cfg)
	h.clientCA, errs[4] = loadClientCA(h.cfg.MQTT.ClientCA)
	if err := together(errs[:]...); err != nil {
		return err
	}
	h.roster.Store(h.inputs.site)
	if err := os.MkdirAll(h.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	return nil
}

// Run works until ctx ends, or until a part fails for good; then it stops what
// OpenHub started, the last first, each within a bounded time.
func (h *Hub) Run(ctx context.Context) error {
	guarded, stopping := context.WithCancel(ctx)
	var guard sync.WaitGroup
	guard.Go(func() { systemd.FromEnv().Guard(guarded, h.log, h.health) })
	var failed error
	select {
	case <-ctx.Done():
		h.log.Info("stopping")
	case failed = <-h.work.failed:
		h.log.Error("stopping because a part of the hub failed", "error", failed)
	}
	stopping()
	guard.Wait()
	h.work.stop()
	return failed
}

// URL is where the pages are served, as this machine reaches them.
func (h *Hub) URL() string {
	scheme := "http"
	if h.httpCert != nil {
		scheme = "https"
	}
	return scheme + "://" + reachable(h.listener.Addr().String(), "localhost")
}

// PublicURL is how people reach the pages.
func (h *Hub) PublicURL() string {
	if u := h.cfg.HTTP.URL.V; u != "" {
		return u
	}
	return h.URL()
}

// MQTT is where gateways connect: "tcp://host:port", or "ssl://" over TLS.
func (h *Hub) MQTT() string {
	if h.cfg.Broker != nil {
		return h.cfg.Broker.URL.V
	}
	scheme := "tcp"
	if h.mqttCert != nil {
		scheme = "ssl"
	}
	return scheme + "://" + reachable(h.server.Addr(), h.ownName())
}

// gatewaysURL is where gateways elsewhere connect.
func (h *Hub) gatewaysURL() string {
	if h.cfg.Broker == nil && h.cfg.MQTT.URL.V != "" {
		return h.cfg.MQTT.URL.V
	}
	return h.MQTT()
}

// ownName is what others may call this machine.
func (h *Hub) ownName() string {
	if u, err := url.Parse(h.cfg.HTTP.URL.V); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "localhost"
}

// reachable puts a name in the place of "all addresses", which nobody can
// connect to.
func reachable(addr, name string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort(name, port)
	}
	return addr
}

// Access is who may come in.
func (h *Hub) Access() *access.Store { return h.access }

// SignInLink is the page that a one-time code opens.
func (h *Hub) SignInLink(code string) string {
	return h.PublicURL() + "/sign-in?code=" + url.QueryEscape(code)
}

// pack is the rules in effect; nil before the first.
func (h *Hub) pack() *rules.Pack {
	if h.worker == nil {
		return nil
	}
	return h.worker.Pack()
}

// ready says why the hub is not ready; nil when it is.
func (h *Hub) ready() error {
	switch at := h.worker.Position(); {
	case at < h.head:
		return fmt.Errorf("the rules have read the log up to %d of %d", at, h.head)
	case !h.conn.Connected():
		return fmt.Errorf("no connection to the broker at %s", h.MQTT())
	case h.worker.Trouble() != nil:
		return fmt.Errorf("verdicts cannot be stored, see the hub's log")
	}
	return nil
}

// Handler is the pages and the API, for tests that need no network.
func (h *Hub) Handler() http.Handler { return h.web }

// Reload reads the site, the rules and the certificates again. With a mistake in
// any of them all stay as they are. It says what is in effect from now on.
func (h *Hub) Reload(ctx context.Context) (says string, err error) {
	h.files.Lock()
	defer h.files.Unlock()
	says, err = h.reload(ctx)
	if err != nil {
		h.log.Error("not reloaded, the versions before stay in effect", "site", h.inputs.where.Version, "rules", h.inputs.rules.Version, "error", err)
		return "", err
	}
	h.log.Info("reloaded: " + says)
	return says, nil
}

func (h *Hub) reload(ctx context.Context) (string, error) {
	in, err := readInputs(h.cfg)
	if err != nil {
		return "", err
	}
	for _, c := range []*certificate{h.mqttCert, h.httpCert} {
		if c == nil {
			continue
		}
		if err := c.load(h.log); err != nil {
			return "", err
		}
	}
	if h.clientCA != nil {
		if err := h.clientCA.load(); err != nil {
			return "", err
		}
	}
	news := in.news(h.inputs.where.Version, h.inputs.rules.Version)
	if len(news) == 0 {
		return "site and rules are as they were", nil
	}
	if err := h.ingest.Announce(ctx, news...); err != nil {
		return "", err
	}
	h.ingest.SetSite(in.site)
	h.inputs = in
	h.roster.Store(in.site)
	return "in effect from now on: " + announced(news), nil
}

// inEffect is what a reload has put into effect, or the start.
func (h *Hub) inEffect() *inputs {
	h.files.Lock()
	defer h.files.Unlock()
	return h.inputs
}
