package gateway

import (
	"context"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// Observe runs the devices of a configuration until ctx ends and hands over what they
// measure, faults included, as it would go into the outbox. There is no outbox and no
// session: nothing is kept and nothing published. begin is called with the devices
// first; see is called on the devices' goroutines. Deps.Devices and Deps.Urgent are
// not used.
func Observe(ctx context.Context, cfg *Config, deps Deps, begin func([]devices.Info), see func(devices.Info, telemetry.Point)) error {
	if deps.Catalogue == nil {
		deps.Catalogue = telemetry.NewCatalogue(telemetry.LEL{})
	}
	deps.Devices = nil
	own := *cfg
	own.Supervision.Interval.V = 0 // the gateway's report is of its outbox
	g := &Gateway{cfg: &own, deps: deps}
	if err := g.buildDevices(); err != nil {
		return err
	}
	g.sampler = newSampler(deps.Clock, deps.Catalogue, func(p *probe, pt telemetry.Point) bool {
		see(p.info, pt)
		return false
	})
	begin(g.Devices())
	var drivers sync.WaitGroup
	for _, p := range g.probes {
		v := &supervisor{p: p, s: g.sampler, clock: deps.Clock, log: deps.Log}
		drivers.Go(func() { v.run(ctx) })
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-t.C:
			g.sampler.takeLive()
		}
	}
	g.sampler.stop()
	drivers.Wait() // bounded by driverStop
	return nil
}
