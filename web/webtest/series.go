package webtest

import (
	"context"
	"math"
	"slices"
	"strings"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/web"
)

// Query implements web.Series: curves that look like the real ones, with noise,
// and one stretch of fault two hours before the World was made.
func (w *World) Query(_ context.Context, q history.Query) (history.Series, error) {
	if !strings.HasPrefix(q.Device, "beixin/") {
		return history.Series{}, history.ErrUnknownSeries
	}
	onset := w.onset(q.Device)
	step := q.Step
	if step == 0 {
		step = 10_000
	}
	fault := history.FaultSpan{From: w.Start - 2*3600_000, To: w.Start - 2*3600_000 + 6*60_000, Reason: "no_response"}
	var s history.Series
	if fault.To > q.From && fault.From < q.To {
		s.Faults = []history.FaultSpan{fault}
	}
	for t := q.From - q.From%step; t < min(q.To, w.Clock.NowMS()); t += step {
		if t < q.From || t >= fault.From && t < fault.To {
			continue
		}
		b := history.Bucket{Time: t, Min: math.Inf(1), Max: math.Inf(-1)}
		n := min(max(step/10_000, 1), 6)
		for i := range n {
			v := w.value(q.Metric, t+i*step/n, onset)
			b.Min, b.Max, b.Mean = min(b.Min, v), max(b.Max, v), b.Mean+v/float64(n)
		}
		b.Count = max(step/10_000, 1)
		s.Points = append(s.Points, b)
	}
	return s, nil
}

// onset is when the incident that a device decided began; far ahead for others.
func (w *World) onset(device string) int64 {
	w.incidents.mu.Lock()
	defer w.incidents.mu.Unlock()
	for _, inc := range w.incidents.all {
		if slices.Contains(inc.Devices, device) {
			return int64(inc.Onset)
		}
	}
	return math.MaxInt64 / 2
}

// value is what a metric reads at a time, with something happening at onset.
func (w *World) value(metric string, at, onset int64) float64 {
	since := float64(at-onset) / 60_000 // minutes
	noise := math.Mod(math.Abs(math.Sin(float64(at/1000))*43758.5453), 1) - 0.5
	rise := func(top, minutes float64) float64 {
		if since < -2 {
			return 0
		}
		return top * (1 - math.Exp(-(since+2)/minutes))
	}
	switch metric {
	case "gas.ch4":
		return max(0, 0.6+0.3*noise+rise(17, 2.5))
	case "smoke":
		return max(0, 0.012+0.006*noise+rise(0.22, 4)*math.Exp(-max(since, 0)/18))
	case "charging.likelihood":
		return min(1, max(0, 0.04+0.03*noise+rise(0.9, 3)))
	case "gas.leak_likelihood":
		return min(0.95, max(0, rise(1, 1.2)))
	case "charging.stage":
		switch {
		case since < -2:
			return 0
		case since < 40:
			return 1
		}
		return 2
	case "power":
		return max(0, 4+2*noise+rise(182, 0.3))
	case "current":
		return max(0, 0.03+0.01*noise+rise(1.45, 0.3))
	case "power_factor":
		return 0.58 + 0.02*noise
	case "temperature":
		return 23 + 4*math.Sin(float64(at)/86400_000*2*math.Pi) + 0.4*noise
	case "co":
		return max(0, 2+noise)
	}
	return 1 + noise
}

var _ web.Series = (*World)(nil)
