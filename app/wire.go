package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weishao.dev/weishao/access"
	"weishao.dev/weishao/history/embedded"
	"weishao.dev/weishao/history/influx"
	"weishao.dev/weishao/hub/broker"
	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/hub/ingest"
	"weishao.dev/weishao/hub/recorder"
	"weishao.dev/weishao/hub/worker"
	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/web"
)

// What lies in the data folder.
const (
	accessFile    = "access.db"
	incidentsFile = "incidents.db"
	logFolder     = "log"
	historyFolder = "history"
	influxFolder  = "influx"
	rulesState    = "rules.snapshot"
	anchorFolder  = "rules"
	ingestState   = "ingest.snapshot"
)

func (h *Hub) data(name string) string { return filepath.Join(h.cfg.Data, name) }

// snapshotEvery is how much of the log is evaluated again after a crash,
// anchorEvery from how far apart a replay may begin, and retryStore how soon a
// store that refused is asked again.
const (
	snapshotEvery = 30 * time.Second
	anchorEvery   = 24 * time.Hour
	retryStore    = time.Second
)

func (h *Hub) openAccess(ctx context.Context) (err error) {
	// Sign-ins last by the wall's clock, however fast the hub's own one runs.
	if h.access, err = access.Open(ctx, h.data(accessFile), nil); err != nil {
		return err
	}
	h.work.opened("access", h.access.Close)
	return nil
}

// openBroker starts the server of the log and, in it, the broker, or else
// connects to another broker.
func (h *Hub) openBroker(context.Context) (err error) {
	cfg := broker.EmbeddedConfig{Dir: h.data(logFolder), Log: h.log}
	if h.cfg.Broker == nil {
		cfg.Addr, cfg.Credentials, cfg.OnReject = h.cfg.MQTT.Addr.V, h.access, h.rejects.add
		if h.mqttCert != nil {
			cfg.TLS = h.mqttCert.config()
		}
		if h.clientCA != nil {
			h.clientCA.require(cfg.TLS)
			cfg.RequireCert = true
		}
	}
	if h.server, err = broker.StartEmbedded(cfg); err != nil {
		if used := inUse(h.cfg.Data, err); used != nil {
			return used
		}
		return cannotListen("MQTT", h.cfg.MQTT.Addr, err)
	}
	h.work.opened("broker", h.server.Close)
	if h.cfg.Broker == nil {
		h.conn = hold(h.server)
		return nil
	}
	external, err := h.external()
	if err != nil {
		return err
	}
	x := broker.StartExternal(external)
	h.work.opened("connection to the broker", x.Close)
	h.conn = hold(x)
	return nil
}

func (h *Hub) external() (broker.ExternalConfig, error) {
	b := h.cfg.Broker
	cfg := broker.ExternalConfig{URL: b.URL.V, Username: b.Username, Password: h.secrets.broker, Clock: h.cfg.Clock, Log: h.log}
	if b.CA.V != "" {
		pool, err := authorities(b.CA)
		if err != nil {
			return cfg, err
		}
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return cfg, nil
}

func (h *Hub) openLog(ctx context.Context) (err error) {
	h.events, err = eventlog.Open(ctx, h.server.LogConn(), eventlog.Config{MaxAge: time.Duration(h.cfg.Log.MaxAge.V), MaxBytes: h.cfg.Log.maxBytes, Log: h.log})
	return err
}

// listen takes the pages' address early, so that links and errors know it.
func (h *Hub) listen(context.Context) (err error) {
	a := h.cfg.HTTP.Addr
	if h.listener, err = net.Listen("tcp", a.V); err != nil {
		return cannotListen("pages", a, err)
	}
	h.work.opened("address of the pages", func() error {
		if err := h.listener.Close(); !errors.Is(err, net.ErrClosed) { // the server has closed it, if it got that far
			return err
		}
		return nil
	})
	return nil
}

func (h *Hub) openHistory(context.Context) error {
	if i := h.cfg.History.Influx; i != nil {
		return h.openInflux(i)
	}
	s, err := embedded.Open(h.data(historyFolder), embedded.Options{Log: warnings(h.log)})
	if err != nil {
		return err
	}
	h.history = s
	h.work.opened("history", s.Close)
	h.reg.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "weishao_history_too_old_total", Help: "Samples that came too late for the history to take."},
			func() float64 { return float64(s.Stats().TooOld) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weishao_history_series", Help: "Pairs of device and metric in the history."},
			func() float64 { return float64(s.Stats().Series) }))
	return nil
}

func (h *Hub) openInflux(c *InfluxConfig) error {
	opts := influx.Options{URL: c.URL.V, Org: c.Org, Bucket: c.Bucket.V, Token: h.secrets.influx, Log: h.log}
	refused := prometheus.NewGauge(prometheus.GaugeOpts{Name: "weishao_history_refused", Help: "1 while InfluxDB refuses the hub: wrong token, or no such bucket."})
	opts.Alarm = func(err error) {
		if err == nil {
			refused.Set(0)
			h.log.Info("InfluxDB takes data again")
			return
		}
		refused.Set(1)
		h.log.Error("InfluxDB refuses the hub: check url, org, bucket and token; the log keeps the data meanwhile", "error", err)
	}
	s, err := influx.Open(h.data(influxFolder), opts)
	if err != nil {
		return mistake(c.Pos, "%w", err)
	}
	h.history = s
	h.work.opened("history", s.Close)
	h.reg.MustRegister(refused,
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "weishao_history_quarantined_total", Help: "Lines that InfluxDB will never take; they are in quarantine.jsonl."},
			func() float64 { return float64(s.Stats().Quarantined) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "weishao_history_retries_total", Help: "Requests to InfluxDB that had to be made again."},
			func() float64 { return float64(s.Stats().Retries) }))
	return nil
}

func (h *Hub) openIncidents(ctx context.Context) (err error) {
	h.incidents, err = incidents.Open(ctx, h.data(incidentsFile), incidents.Options{
		Clock: h.cfg.Clock, Directory: incidents.FromSite(h.roster.Load), Rules: ruleText{h.pack}.incident,
		Channels: h.secrets.channels, BaseURL: h.PublicURL(), Logger: h.log, Registry: h.reg,
	})
	if err != nil {
		return err
	}
	h.work.opened("incidents", h.incidents.Close)
	return nil
}

func (h *Hub) openWorker(ctx context.Context) (err error) {
	h.worker, err = worker.Open(ctx, worker.Config{
		Log: h.events, Incidents: h.incidents, View: h.view, Derived: func(list []rules.DerivedSample) { h.recorder.Derived(list) }, Snapshot: h.data(rulesState),
		Anchors: h.data(anchorFolder), Every: snapshotEvery, Keep: anchorEvery, Retry: retryStore, Registry: h.reg, Logger: h.log,
	})
	return err
}

func (h *Hub) openIngest(ctx context.Context) (err error) {
	h.ingest, err = ingest.Open(ctx, ingest.Config{
		Log: h.events, Conn: h.conn, Site: h.inputs.site, Clock: h.cfg.Clock, Placement: h.cfg.Placement,
		Snapshot: h.data(ingestState), Metrics: h.reg, Logger: h.log,
	})
	if err != nil {
		return err
	}
	h.rejects.pass(h.ingest.Reject)
	return nil
}

// align keeps positions of the log from being given twice, see eventlog's SkipTo.
func (h *Hub) align(ctx context.Context) error {
	return h.events.SkipTo(ctx, max(h.incidents.Position(), h.history.Position()))
}

// announce says in the log that the hub is back, and which site and rules are in
// effect where the log ends with others, ahead of everything that gateways say.
func (h *Hub) announce(ctx context.Context) error {
	siteVersion, rulesVersion, err := h.worker.InEffect(ctx)
	if err != nil {
		return err
	}
	h.work.start("ingest", h.ingest.Run)
	news := h.inputs.news(siteVersion, rulesVersion)
	if err := h.ingest.Announce(ctx, append([]record.Entry{&record.Resumed{}}, news...)...); err != nil {
		return err
	}
	if len(news) > 0 {
		h.log.Info("in effect from now on", "versions", announced(news))
	}
	if err := h.conn.release(); err != nil {
		return err
	}
	h.head = h.events.Last()
	return nil
}

// openRecorder starts what reads the log. The incidents run first and stop last:
// they page by what the rules find.
func (h *Hub) openRecorder(context.Context) error {
	h.recorder = recorder.New(recorder.Config{Log: h.events, Store: h.history, Retry: retryStore, Registry: h.reg, Logger: h.log})
	h.work.start("incidents", h.incidents.Run)
	h.work.start("history", h.recorder.Run)
	h.work.start("rules", h.worker.Run)
	return nil
}

func (h *Hub) openPages(context.Context) (err error) {
	h.registerGauges()
	h.web, err = web.New(web.Config{
		Incidents: h.incidents, Series: h.history, Inventory: inventory{h.view, h.ingest}, Duty: duty{h.view, h.cfg.Clock},
		Auth: auth{h.access, h.view}, Rules: ruleText{h.pack},
		Catalogue: func() *telemetry.Catalogue { return h.view.Site().Catalogue },
		SiteName:  func() site.Text { return h.view.Site().Name },
		Location:  h.inputs.site.Location, Clock: h.cfg.Clock, Logger: h.log,
		Metrics: promhttp.HandlerFor(h.reg, promhttp.HandlerOpts{}), Ready: h.ready, Secure: h.cfg.HTTP.BehindTLS,
	})
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: h.web, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	h.work.parts = append(h.work.parts, part{"pages", server.Shutdown})
	go func() {
		if err := h.serve(server); !errors.Is(err, http.ErrServerClosed) {
			h.work.fail(fmt.Errorf("pages: %w", err))
		}
	}()
	h.work.start("events of the pages", h.web.Run) // stops before the server, which waits for open streams
	return nil
}

func (h *Hub) serve(server *http.Server) error {
	if h.httpCert == nil {
		return server.Serve(h.listener)
	}
	server.TLSConfig = h.httpCert.config()
	return server.ServeTLS(h.listener, "", "")
}

func (h *Hub) openControl(context.Context) error {
	l, err := listenControl(h.cfg.Data)
	if err != nil {
		return err
	}
	c := &control{access: h.access, mqtt: h.gatewaysURL, ca: func() string { return trustee(h.mqttCert) }, link: h.SignInLink, reload: h.Reload, kick: h.server.Kick, push: h.push}
	stopping, stop := context.WithCancel(context.Background())
	c.log = &logDoor{h.events, h.incidents, h.inEffect, stopping}
	server := &http.Server{Handler: c.handler(), ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(stop)
	h.work.parts = append(h.work.parts, part{"control socket", server.Shutdown})
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			h.work.fail(fmt.Errorf("control socket: %w", err))
		}
	}()
	return nil
}
