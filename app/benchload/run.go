package benchload

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// bench is one measurement.
type bench struct {
	*Options
	hub      *hub
	book     *book
	gateways []*gatewayLoad
}

// Run measures a hub.
func Run(ctx context.Context, o Options) (res *Result, err error) {
	h, err := startHub(ctx, &o)
	if err != nil {
		return nil, err
	}
	b := &bench{Options: &o, hub: h, book: newBook()}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, h.stop())
		}
	}()
	measure := b.ingest
	if o.Backlog > 0 {
		measure = b.drain
	}
	res, sequences, err := measure(ctx)
	if err != nil {
		return nil, err
	}
	stopped = true
	if err := h.stop(); err != nil {
		return nil, err
	}
	t, err := countLog(ctx, filepath.Join(o.Dir, "data"), o.LogFolder, sequences, o.Log)
	if err != nil {
		return nil, err
	}
	res.Committed, res.Lost, res.Duplicates = t.committed-t.duplicates, t.lost, t.duplicates
	return res, nil
}

// warmup lies between the births and the load, so that connecting and announcing
// are not part of what is measured.
const warmup = 2 * time.Second

// ingest is the load of many gateways.
func (b *bench) ingest(ctx context.Context) (*Result, map[stream]uint64, error) {
	begin := time.Now().Add(warmup)
	b.plan(begin)
	if err := b.connect(ctx); err != nil {
		return nil, nil, err
	}
	begin = begin.Add(b.shift(begin))
	end := begin.Add(b.Duration)

	deaf, err := b.book.listen(ctx, b.hub)
	if err != nil {
		return nil, nil, err
	}
	m, err := b.measure(ctx, begin, end)
	if err := errors.Join(err, deaf()); err != nil {
		return nil, nil, err
	}
	res, sequences := b.result(m)
	return res, sequences, nil
}

// measured is what was read from the hub's process, and when.
type measured struct {
	begin, acknowledged, settled time.Time
	cpu                          time.Duration
	peak, rss                    float64
}

// measure lets the gateways send, and waits until the hub is through with it.
func (b *bench) measure(ctx context.Context, begin, end time.Time) (measured, error) {
	m := measured{begin: begin}
	timer := time.NewTimer(time.Until(begin))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return m, ctx.Err()
	}
	before, err := cpuTime(b.hub.pid())
	if err != nil {
		return m, err
	}
	work, ctx := errgroup.WithContext(ctx)
	for _, g := range b.gateways {
		work.Go(func() error {
			return g.run(ctx, begin, end, float64(b.Rate)/float64(b.PerMessage)/float64(b.Gateways))
		})
	}
	var profile errgroup.Group
	if b.Profile != "" {
		profile.Go(func() error { return b.hub.profile(context.WithoutCancel(ctx), b.Duration) })
	}
	if err := work.Wait(); err != nil {
		return m, err
	}
	m.acknowledged = time.Now()
	quiet := context.WithoutCancel(ctx)
	if err := b.hub.settled(quiet); err != nil {
		return m, err
	}
	m.settled = time.Now()
	after, err := cpuTime(b.hub.pid())
	if err != nil {
		return m, err
	}
	m.cpu = after - before
	if m.peak, m.rss, err = memory(b.hub.pid()); err != nil {
		return m, err
	}
	if err := b.hub.until(quiet, 10*time.Second, "", func() (bool, error) { return b.book.waiting() == 0, nil }); err != nil {
		b.Log.Warn("hazards without an incident", "hazards", b.book.waiting())
	}
	return m, profile.Wait()
}

// plan makes gateways, devices and hazards.
func (b *bench) plan(begin time.Time) {
	tables := tables(b.Duration + time.Minute)
	for i := range b.Gateways {
		g := newGatewayLoad(fmt.Sprintf("gw-%03d", i), b.PerMessage, b.book)
		for d := range b.Devices {
			n := i*b.Devices + d
			t := tables[n%len(tables)]
			g.addSource(fmt.Sprintf("%s-%03d", t.kind.name, d), t, time.Duration(n%37)*time.Second)
		}
		b.gateways = append(b.gateways, g)
	}
	n := min(max(int(b.Duration.Seconds()*hazardsPerSecond), 10), 500)
	for i, at := range moments(begin.Add(b.Duration/20), begin.Add(b.Duration*19/20), n) {
		g := b.gateways[i%len(b.gateways)]
		name := fmt.Sprintf("leak-%03d", i)
		g.addHazard(b.book.add(group+"/"+g.node+"/"+name, name, at))
	}
}

// hazardsPerSecond is enough for a 99th percentile in half a minute.
const hazardsPerSecond = 10

// shift moves the plan when connecting took longer than the warm-up.
func (b *bench) shift(begin time.Time) time.Duration {
	late := max(time.Until(begin), warmup/2) - time.Until(begin)
	for _, h := range b.book.list {
		h.at = h.at.Add(late)
	}
	return late
}

func (b *bench) connect(ctx context.Context) error {
	for _, g := range b.gateways {
		user, password, err := b.Door.Enrol(ctx, b.hub.config, group, g.node)
		if err != nil {
			return err
		}
		if err := g.connect(b.hub.mqtt, user, password); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) result(m measured) (*Result, map[stream]uint64) {
	res := &Result{PerMessage: b.PerMessage, Gateways: b.Gateways, Devices: b.Gateways * b.Devices, Rate: b.Rate,
		RSS: m.peak, RSSEnd: m.rss, Unexpected: len(b.book.others)}
	sequences := map[stream]uint64{}
	var messages uint64
	for _, g := range b.gateways {
		res.Sent += g.sequences(sequences)
		res.Resent += g.resent
		messages += g.messages
		g.client.Disconnect(100)
	}
	res.Seconds = m.settled.Sub(m.begin).Seconds()
	res.ReadingsPerS = float64(res.Sent) / res.Seconds
	res.MessagesPerS = float64(messages) / res.Seconds
	res.AcknowledgedPer = float64(res.Sent) / m.acknowledged.Sub(m.begin).Seconds()
	if res.Sent > 0 {
		res.CPUPerReading = float64(m.cpu.Microseconds()) / float64(res.Sent)
	}
	l := b.book.latencies(m.begin, m.settled)
	res.VerdictP50, res.VerdictP99, res.IncidentP99 = l.verdictP50, l.verdictP99, l.seenP99
	res.Hazards, res.Incidents = l.hazards, l.incidents
	return res, sequences
}
