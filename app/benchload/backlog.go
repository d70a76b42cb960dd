package benchload

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/gateway/session"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// The gateway of the issue that this answers: 50 devices at 10 readings a second.
const (
	backlogNode    = "gw-backlog"
	backlogDevices = 50
	samplesPerS    = 2 // of metricsOf readings each
)

// backlog is one gateway of our own make, outbox and session and all, that comes
// back after an outage.
type backlog struct {
	*bench
	box     *outbox.Outbox
	session *session.Session
	tables  []*table
	names   []string
	start   time.Time // of the oldest reading

	appended atomic.Uint64 // readings
}

// drain measures how fast a gateway's backlog drains, and what alarms of the same
// gateway take while it does and after it.
func (b *bench) drain(ctx context.Context) (*Result, map[stream]uint64, error) {
	b.Gateways, b.Devices, b.PerMessage = 1, backlogDevices, metricsOf*samplesPerS
	g := &backlog{bench: b, start: time.Now().Add(-b.Backlog)}
	if err := g.open(ctx); err != nil {
		return nil, nil, err
	}
	defer g.box.Close()
	pending := g.fill()
	b.Log.Info("the backlog is in the outbox", "readings", pending)

	sequences := map[stream]uint64{}
	g.note(sequences)
	deaf, err := b.book.listen(ctx, b.hub)
	if err != nil {
		return nil, nil, err
	}
	before, err := cpuTime(b.hub.pid())
	if err != nil {
		return nil, nil, errors.Join(err, deaf())
	}
	res, err := g.play(ctx, pending, sequences)
	if err := errors.Join(err, deaf()); err != nil {
		return nil, nil, err
	}
	return res, sequences, g.cost(res, before)
}

// play connects the gateway, measures until the backlog has drained and some time
// after it, and ends the session when nothing is left to send.
func (g *backlog) play(ctx context.Context, pending uint64, sequences map[stream]uint64) (*Result, error) {
	connected, disconnect := context.WithCancel(ctx)
	defer disconnect()
	measuring, stop := context.WithCancel(ctx)
	defer stop()
	var carriers, sources errgroup.Group
	began := time.Now()
	carriers.Go(func() error { g.session.Run(connected); return nil })
	sources.Go(func() error { g.live(measuring); return nil })
	sources.Go(func() error { g.leak(measuring); return nil })
	if g.Profile != "" {
		carriers.Go(func() error { return g.hub.profile(context.WithoutCancel(ctx), g.Duration) })
	}
	res, err := g.watch(ctx, began, pending)
	stop()
	err = errors.Join(err, sources.Wait())
	if err == nil {
		err = g.empty(ctx)
	}
	g.note(sequences)
	disconnect()
	return res, errors.Join(err, carriers.Wait())
}

// cost fills in what the hub's process has used.
func (g *backlog) cost(res *Result, before time.Duration) error {
	res.Sent = g.appended.Load()
	after, err := cpuTime(g.hub.pid())
	if err != nil {
		return err
	}
	res.CPUPerReading = float64((after - before).Microseconds()) / float64(res.Sent)
	res.ReadingsPerS = float64(res.Sent) / res.Seconds
	res.MessagesPerS = float64(g.session.Status().Messages) / res.Seconds
	res.RSS, res.RSSEnd, err = memory(g.hub.pid())
	return err
}

// empty waits until the outbox has nothing left that the hub has not committed.
func (g *backlog) empty(ctx context.Context) error {
	err := g.hub.until(ctx, patience, "the last readings are not acknowledged", func() (bool, error) { return g.box.Status().Pending == 0, nil })
	if err != nil {
		return err
	}
	return g.hub.settled(ctx)
}

// note keeps how far each run goes that the outbox has.
func (g *backlog) note(into map[stream]uint64) {
	_, runs := g.box.Declare()
	for _, r := range runs {
		into[stream{telemetry.NodeID(group, backlogNode), r.ID}] = r.Next - 1
	}
}

// leaksPlanned is how many devices may leak; so many a second do.
const (
	leaksPlanned = 1000
	leakEvery    = 100 * time.Millisecond
)

// open enrols the gateway and builds its outbox and session.
func (g *backlog) open(ctx context.Context) (err error) {
	user, password, err := g.Door.Enrol(ctx, g.hub.config, group, backlogNode)
	if err != nil {
		return err
	}
	g.box, err = outbox.Open(outbox.Options{Dir: filepath.Join(g.Dir, "outbox"), MaxBytes: 4 << 30, Log: g.Log})
	if err != nil {
		return err
	}
	g.tables = tables(g.Backlog + 10*time.Minute)
	var infos []devices.Info
	for d := range backlogDevices {
		t := g.tables[d%len(g.tables)]
		info := devices.Info{ID: fmt.Sprintf("%s-%03d", t.kind.name, d), Model: "bench", Placement: t.kind.placement,
			Interval: 10 * time.Second, Metrics: t.metrics[:]}
		infos, g.names = append(infos, info), append(g.names, info.ID)
	}
	for i := range leaksPlanned {
		name := fmt.Sprintf("leak-%03d", i)
		g.book.add(telemetry.DeviceID(group, backlogNode, name), name, time.Time{})
		infos = append(infos, devices.Info{ID: name, Model: "bench", Placement: "kitchen_gas", Interval: 24 * time.Hour, Metrics: []string{"gas.ch4"}})
	}
	catalogue := telemetry.NewCatalogue(telemetry.LEL{})
	g.session, err = session.New(session.Config{Group: group, Node: backlogNode, URL: "tcp://" + g.hub.mqtt, Username: user, Password: password},
		session.Deps{Outbox: g.box, Devices: infos, Log: g.Log, Unit: func(metric string) string {
			m, _ := catalogue.Lookup(metric)
			return string(m.Unit)
		}})
	return err
}

// fill writes the outage second by second, as the gateway would have.
func (g *backlog) fill() (readings uint64) {
	for s := range int(g.Backlog / time.Second) {
		readings += g.second(g.start.Add(time.Duration(s) * time.Second))
	}
	return readings
}

// second commits what all devices measure in the second from at on.
func (g *backlog) second(at time.Time) (readings uint64) {
	batches := make([]outbox.Batch, backlogDevices)
	for d := range batches {
		t := g.tables[d%len(g.tables)]
		batch := outbox.Batch{Device: g.names[d]}
		for k := range samplesPerS {
			when := at.Add(time.Duration(k) * time.Second / samplesPerS)
			for i, v := range t.at(when.Sub(g.start)) {
				batch.Points = append(batch.Points, telemetry.Point{Metric: t.metrics[i], Time: when.UnixMilli(), Value: v})
			}
		}
		readings += uint64(len(batch.Points))
		batches[d] = batch
	}
	g.box.Append(record.Live, batches)
	g.appended.Add(readings)
	return readings
}

// live goes on measuring.
func (g *backlog) live(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.second(time.Now().Add(-time.Second))
		}
	}
}

// leak lets one device after the other leak, by way of the outbox's alarm run as
// the edge rules do.
func (g *backlog) leak(ctx context.Context) {
	for i, h := range g.book.list {
		at := time.Now().Add(leakEvery/2 + time.Duration(i*7919%100)*leakEvery/100)
		timer := time.NewTimer(time.Until(at))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		p := hazardPoints(time.Now())
		g.book.publish(h)
		g.box.Append(record.Alarm, []outbox.Batch{{Device: h.name, Points: p[:]}})
		g.appended.Add(uint64(len(p)))
	}
}

// drainPatience is how long a backlog may take.
const drainPatience = 30 * time.Minute

// watch follows the drain and what comes after it.
func (g *backlog) watch(ctx context.Context, began time.Time, pending uint64) (*Result, error) {
	if err := g.hub.until(ctx, drainPatience, "the backlog has not drained", func() (bool, error) { return g.drained(), nil }); err != nil {
		return nil, err
	}
	drained := time.Now()
	g.Log.Info("the backlog is acknowledged", "took", drained.Sub(began).Round(time.Millisecond).String())
	if err := g.hub.settled(ctx); err != nil {
		return nil, err
	}
	settled := time.Now()
	g.Log.Info("rules and history have all of it", "took", settled.Sub(began).Round(time.Millisecond).String())
	if err := g.hub.until(ctx, g.Duration+time.Minute, "", func() (bool, error) { return time.Since(settled) > g.Duration, nil }); err != nil {
		return nil, err
	}
	end := time.Now()
	if err := g.hub.settled(ctx); err != nil {
		return nil, err
	}
	during, after := g.book.latencies(began, drained), g.book.latencies(settled, end)
	seconds := drained.Sub(began).Seconds()
	res := &Result{PerMessage: g.PerMessage, Gateways: 1, Devices: backlogDevices, Seconds: end.Sub(began).Seconds(),
		VerdictP50: after.verdictP50, VerdictP99: after.verdictP99, IncidentP99: after.seenP99,
		Hazards: after.hazards, Incidents: after.incidents, Unexpected: len(g.book.others)}
	res.Backlog = &Drain{Readings: pending, Span: g.Backlog.Seconds(), Seconds: seconds, TimesReal: g.Backlog.Seconds() / seconds,
		SettledIn: settled.Sub(began).Seconds(), Hazards: during.hazards, Incidents: during.incidents,
		VerdictP50: during.verdictP50, VerdictP99: during.verdictP99, IncidentP99: during.seenP99}
	res.AcknowledgedPer = float64(pending) / seconds
	return res, nil
}

// drained reports that the hub has committed all runs but the open ones.
func (g *backlog) drained() bool {
	_, runs := g.box.Declare()
	for _, r := range runs {
		if r.Kind == record.Backlog && r.Pending > 0 {
			return false
		}
	}
	return g.session.Status().Connected
}
