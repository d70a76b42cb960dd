package edgerules

import (
	"slices"
	"time"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
)

// A sensor at the end of its range measures nothing, so no rule can be raised by it;
// and a room that fills with gas at once looks just so. The hub raises a fault and
// sends somebody. Here there is nobody to send: a gas or CO sensor that stays at its end
// is taken for what its rules are about, and their actions are carried out. That it
// may be broken is the price.

// saturatedHold is how long, as at the hub.
const saturatedHold = 5 * time.Second

// saturation is one metric at its end.
type saturation struct {
	since time.Time
	acted bool
}

type metricOf struct{ device, metric string }

// saturates follows which metrics are at their end. The caller holds mu.
func (w *Watch) saturates(device string, p telemetry.Point) {
	key := metricOf{device, p.Metric}
	_, already := w.atEnd[key]
	switch {
	case already && saysNothing(p.Quality): // time goes on
		w.takeForHazard(key)
	case p.Quality != telemetry.Saturated:
		delete(w.atEnd, key)
	case !already:
		w.atEnd[key] = &saturation{since: w.clock.Now()}
	default:
		w.takeForHazard(key)
	}
}

// saysNothing reports whether a fault leaves it open whether a metric that was at its
// end still is: a part that did not answer or was not understood, and an element that
// is shorted, or as good as shorted by gas.
func saysNothing(q telemetry.Quality) bool {
	return q == telemetry.NoResponse || q == telemetry.BadFrame || q == telemetry.Short
}

// takeForHazard carries out the actions of the rules that ask a metric which has been
// at its end for long enough. The caller holds mu.
func (w *Watch) takeForHazard(key metricOf) {
	s, now := w.atEnd[key], w.clock.Now()
	if s.acted || now.Sub(s.since) < saturatedHold {
		return
	}
	s.acted = true
	at := w.where[key.device]
	for _, r := range w.engine.Pack().Rules {
		if r.Hazard != rules.GasLeak && r.Hazard != rules.CO || !slices.Contains(r.When.Metrics, key.metric) ||
			len(r.Placement) > 0 && !slices.Contains(r.Placement, at.placement) {
			continue
		}
		w.carryOut(r, key.device, now.UnixMilli())
		if len(r.Edge) > 0 {
			w.log.Warn("a sensor is at the end of its range, and is taken for what it watches", "rule", r.Name, "device", key.device, "metric", key.metric)
		}
	}
}

// ends looks whether time alone has made it long enough. The caller holds mu.
func (w *Watch) ends() {
	for key := range w.atEnd {
		w.takeForHazard(key)
	}
}
