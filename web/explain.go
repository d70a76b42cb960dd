package web

import (
	"slices"
	"strings"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/site"
)

// featureRow is one number by which a detector decided.
type featureRow struct {
	Label  site.Text
	Value  float64
	Unit   string
	Device string // "" where it is the same as in the row before
}

func (s *Server) featureRows(inc *incidents.Incident) []featureRow {
	rows := make([]featureRow, 0, len(inc.Features))
	device := decidedBy(inc)
	for _, f := range inc.Features {
		r := featureRow{Label: s.Rules.Feature(f.Name), Value: f.Value, Unit: f.Unit}
		if f.Device != device {
			device, r.Device = f.Device, f.Device
		}
		rows = append(rows, r)
	}
	return rows
}

// whyChart shows how it came about: the metric that decided around the onset with the
// level it was compared with. Where that is a likelihood, it shows what was measured,
// with the likelihood and its level over it. Nil where no reading decided.
func (s *Server) whyChart(inc *incidents.Incident) *chartView {
	device := decidedBy(inc)
	if inc.Metric == "" || device == "" {
		return nil
	}
	const minute = 60_000
	end := s.Clock.NowMS()
	live := inc.State.Live() && inc.Cleared == 0
	if inc.Cleared != 0 {
		end = min(end, int64(inc.Cleared)+2*minute)
	}
	onset := int64(inc.Onset)
	end = min(end, onset+12*60*minute)
	before := max(s.lead(inc), (end-onset)/4)
	metric, over := inc.Metric, inc.Likely
	if s.isShare(inc.Metric) {
		over, metric = inc.Metric, measured(inc, device)
	}
	c := s.chart(device, metric, onset-before, max(end, onset+minute))
	c.Onset, c.Live = onset, live
	level := line{inc.Threshold, string(inc.Severity), inc.Rule}
	if metric == inc.Metric {
		c.Lines = encodeLines([]line{level})
	}
	if over != "" && over != metric {
		o := s.chart(device, over, 0, 0)
		c.Over, c.OverLabel = over, o.Label
		if over == inc.Metric {
			c.OverLevel, c.OverSeverity = inc.Threshold, string(inc.Severity)
		}
		if strings.HasPrefix(over, "charging.") {
			c.Stages = "charging.stage"
		}
	}
	return c
}

// lead is how much of the time before the onset a chart shows, in ms: at least five
// minutes, and as far back as what decided began.
func (s *Server) lead(inc *incidents.Incident) int64 {
	const minute = 60_000
	lead := int64(5 * minute)
	for _, f := range inc.Features {
		if f.Unit == "min" && (f.Name == "charger.on" || f.Name == "gas.since") {
			lead = max(lead, int64(f.Value*minute)*5/4+minute)
		}
	}
	return min(lead, 12*60*minute)
}

// isShare reports whether a metric is one that is computed, from 0 to 1: a likelihood.
func (s *Server) isShare(metric string) bool {
	m, ok := s.Catalogue().Lookup(metric)
	return ok && m.Derived && m.Unit == "1" && m.Min == 0 && m.Max == 1
}

// drawnFirst are the metrics that show best what a detector saw, in order.
var drawnFirst = []string{"power", "current", "gas.ch4", "gas.lpg", "smoke", "temperature", "co"}

// measured is the metric among the evidence of a device that a chart shows; the one
// that decided where there is no other.
func measured(inc *incidents.Incident, device string) string {
	for _, metric := range drawnFirst {
		if slices.ContainsFunc(inc.Evidence, func(e incidents.Evidence) bool { return e.Device == device && e.Metric == metric }) {
			return metric
		}
	}
	return inc.Metric
}
