package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/gateway/session"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Deps are what a gateway is given beside its configuration. Only Log is required.
type Deps struct {
	Log       *slog.Logger
	Kinds     map[string]Factory   // of the devices in the configuration
	Devices   []devices.Device     // further devices, of a demo or a test
	Dir       string               // the configuration's folder, for paths in devices' own keys
	Clock     telemetry.Clock      // default the wall clock
	Catalogue *telemetry.Catalogue // default the built-in one
	FS        outbox.FS            // default the machine's

	// ClockDoubt says whether the clock may not have been set yet. nil: it never is
	// in doubt, unless it shows a time before this program was written.
	ClockDoubt func() bool

	// Configure is handed parts of a configuration that the hub pushes, as text. It
	// must not block. nil: they are ignored.
	Configure func(text string)

	// Built is called when the devices of the configuration are built; its error is the
	// configuration's. nil: there is nothing more to check.
	Built func() error

	// Urgent says whether a reading is to be committed and published at once and
	// ahead of all others. device is "group/node/device". It is called on the
	// device's goroutine for every reading, faults included, so it must be quick;
	// what the edge does on its own (siren, valve) may be done there. nil: none is.
	// The point's time goes on evenly from the start of the process: it is right only
	// if the clock was.
	Urgent func(device, placement string, p telemetry.Point) bool
}

// Gateway is one edge node. Make it with New, then call Run or Close, once.
type Gateway struct {
	cfg     *Config
	deps    Deps
	box     *outbox.Outbox
	session *session.Session
	sampler *sampler
	probes  []*probe

	commits, alarms pulse // of the loops that commit, for Stuck
}

// New builds the devices and opens the outbox. Errors are of the configuration, of
// type conf.Errors where the file has them, or outbox.ErrLocked; neither a disk that fails nor a broker that is away is one.
func New(cfg *Config, deps Deps) (*Gateway, error) {
	if deps.Log == nil {
		return nil, errors.New("gateway: no logger given")
	}
	if deps.Catalogue == nil {
		deps.Catalogue = telemetry.NewCatalogue(telemetry.LEL{})
	}
	g := &Gateway{cfg: cfg, deps: deps}
	if err := g.buildDevices(); err != nil {
		return nil, err
	}
	g.sampler = newSampler(deps.Clock, deps.Catalogue, g.urgency())
	g.sampler.time = newTimekeeper(deps.Clock, notBefore, deps.ClockDoubt, cfg.clockWait(), deps.Log)
	tls, err := cfg.MQTT.tls()
	if err != nil {
		return nil, err
	}
	for _, path := range cfg.MQTT.Loose() {
		deps.Log.Warn("everybody on this machine may read a secret of the gateway's", "file", path, "remedy", "chmod 600 "+path)
	}
	g.box, err = outbox.Open(outbox.Options{Dir: cfg.Outbox.Dir.V, MaxBytes: cfg.Outbox.maxBytes,
		MaxAge: time.Duration(cfg.Outbox.MaxAge.V), FS: deps.FS, Log: deps.Log})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	url := cfg.MQTT.URL.V
	if url == "" {
		url = "tcp://127.0.0.1:1883"
	}
	g.session, err = session.New(session.Config{Group: cfg.Group.V, Node: cfg.Node.V, URL: url,
		Username: cfg.MQTT.Username.V, Password: cfg.MQTT.Password, TLS: tls, Version: cfg.Version,
		MaxReadings: cfg.MQTT.MaxReadings.V, BacklogRate: cfg.MQTT.BacklogRate.V,
	}, session.Deps{Outbox: g.box, Devices: g.Devices(), Unit: g.unit, Clock: deps.Clock, Log: deps.Log, Configure: deps.Configure})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("gateway: %w", err), g.box.Close())
	}
	return g, nil
}

// Node is the gateway's name, "group/node".
func (g *Gateway) Node() string { return telemetry.NodeID(g.cfg.Group.V, g.cfg.Node.V) }

// Devices is what the gateway announces of its devices.
func (g *Gateway) Devices() []devices.Info {
	infos := make([]devices.Info, len(g.probes))
	for i, p := range g.probes {
		infos[i] = p.info
		infos[i].Interval = p.announced
	}
	return infos
}

func (g *Gateway) buildDevices() error {
	var errs []error
	all := g.deps.Devices
	reports := map[string]map[string]*report{}
	for i := range g.cfg.Devices {
		d := &g.cfg.Devices[i]
		factory, ok := g.deps.Kinds[d.Kind.V]
		if !ok {
			errs = append(errs, fmt.Errorf("%s: unknown kind %q", d.Pos, d.Kind.V))
			continue
		}
		dev, err := factory(d, g.deps.Dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if dev, reports[d.ID.V], err = d.watched(dev, g.deps.Catalogue); err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all[:len(all):len(all)], dev)
	}
	if g.deps.Built != nil && len(errs) == 0 {
		if err := g.deps.Built(); err != nil {
			errs = append(errs, err)
		}
	}
	if h := newHeartbeat(g.cfg, func() outbox.Status { return g.box.Status() }, g.deps.Log); h != nil {
		all = append(all[:len(all):len(all)], h)
	}
	seen := map[string]bool{}
	for _, dev := range all {
		info := dev.Info()
		if err := g.checkInfo(info, seen); err != nil {
			errs = append(errs, err)
		}
		seen[info.ID] = true
		p := &probe{dev: dev, info: info, reports: reports[info.ID], status: DeviceStatus{ID: info.ID}}
		p.announced = longest(info.Interval, p.reports)
		g.probes = append(g.probes, p)
	}
	return errors.Join(errs...)
}

func (g *Gateway) checkInfo(info devices.Info, seen map[string]bool) error {
	switch {
	case !telemetry.ValidName(info.ID):
		return fmt.Errorf("device %q: the name is not 1 to 64 letters, digits, '.', '_' or '-'", info.ID)
	case seen[info.ID]:
		return fmt.Errorf("device %q is there twice", info.ID)
	case len(info.Metrics) == 0:
		return fmt.Errorf("device %q measures nothing: name its metrics", info.ID)
	}
	for _, name := range info.Metrics {
		if m, ok := g.deps.Catalogue.Lookup(name); !ok || m.Derived {
			return fmt.Errorf("device %q: %q is not a metric that can be measured%s", info.ID, name, telemetry.Suggest(name, g.deps.Catalogue.Names()))
		}
	}
	return nil
}

func (g *Gateway) unit(metric string) string {
	m, _ := g.deps.Catalogue.Lookup(metric)
	return string(m.Unit)
}

func (g *Gateway) urgency() func(*probe, telemetry.Point) bool {
	if g.deps.Urgent == nil {
		return nil
	}
	return func(p *probe, pt telemetry.Point) bool {
		return g.deps.Urgent(telemetry.DeviceID(g.cfg.Group.V, g.cfg.Node.V, p.info.ID), p.info.Placement, pt)
	}
}

// Report has the hub told which pushed configuration is in effect, and which was not
// taken and why; each may be "".
func (g *Gateway) Report(version, problem string) { g.session.Report(version, problem) }

// Run samples and sends until ctx ends. See the package's doc for how it stops.
func (g *Gateway) Run(ctx context.Context) error {
	g.deps.Log.Info("gateway starts", "node", g.Node(), "devices", len(g.probes), "broker", g.cfg.MQTT.URL.V)
	// What commits readings outlives what makes them, so that the last are kept, and
	// what sends them outlives both, so that the last are sent.
	keep, kept := context.WithCancel(context.WithoutCancel(ctx))
	defer kept()
	carry, carried := context.WithCancel(context.WithoutCancel(ctx))
	defer carried()
	var carrier, commits, drivers sync.WaitGroup
	carrier.Go(func() { g.session.Run(carry) })
	commits.Go(func() { g.commitLive(keep) })
	commits.Go(func() { g.commitAlarms(keep) })
	for _, p := range g.probes {
		v := &supervisor{p: p, s: g.sampler, clock: g.deps.Clock, log: g.deps.Log}
		p.said.beat()
		drivers.Go(func() { v.run(ctx) })
	}
	<-ctx.Done()
	drivers.Wait() // bounded by driverStop
	g.sampler.stop()
	kept()
	commits.Wait()
	g.box.Append(record.Alarm, g.sampler.takeAlarms())
	g.box.Append(record.Live, g.sampler.takeLive())
	carried()
	carrier.Wait()
	return g.Close()
}

// Close lets the outbox go. Run does it.
func (g *Gateway) Close() error { return g.box.Close() }

const (
	defaultCommit = time.Second
	leastCommit   = 10 * time.Millisecond // wall time, however fast the clock
	alarmSpacing  = 20 * time.Millisecond // wall time between two commits of alarms
)

// commitLive commits what was sampled, every commit interval; the first time after a
// tenth of it, so that whoever starts a gateway sees at once whether it measures.
func (g *Gateway) commitLive(ctx context.Context) {
	every := time.Duration(g.cfg.Outbox.CommitInterval.V)
	if every <= 0 {
		every = defaultCommit
	}
	wall := max(g.deps.Clock.Wall(every), leastCommit)
	t := time.NewTicker(wall / 10)
	defer t.Stop()
	for first := true; ; first = false {
		g.commits.beat()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			g.box.Append(record.Live, g.sampler.takeLive())
		}
		if first {
			t.Reset(wall)
		}
	}
}

// commitAlarms commits urgent readings at once: the first of a burst alone, those
// that come while it is written together.
func (g *Gateway) commitAlarms(ctx context.Context) {
	idle := time.NewTicker(alarmPulse)
	defer idle.Stop()
	for {
		g.alarms.beat()
		select {
		case <-ctx.Done():
			return
		case <-idle.C:
			continue
		case <-g.sampler.alarmed:
			g.box.Append(record.Alarm, g.sampler.takeAlarms())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(alarmSpacing):
		}
	}
}

// Describe builds the devices of a configuration and says what they are, without an
// outbox or a session: for checking a configuration beside a gateway that runs.
func Describe(cfg *Config, deps Deps) ([]devices.Info, error) {
	if deps.Catalogue == nil {
		deps.Catalogue = telemetry.NewCatalogue(telemetry.LEL{})
	}
	g := &Gateway{cfg: cfg, deps: deps}
	if err := g.buildDevices(); err != nil {
		return nil, err
	}
	if _, err := cfg.MQTT.tls(); err != nil {
		return nil, err
	}
	return g.Devices(), nil
}
