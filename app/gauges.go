package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/hub/live"
)

// registerGauges adds to /metrics what no part counts by itself: what somebody
// who watches the hub wants to be woken by.
func (h *Hub) registerGauges() {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) {
		h.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
	}
	yes := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	gauge("weishao_ready", "1 while /readyz says so.", nil, func() float64 { return yes(h.ready() == nil) })
	gauge("weishao_broker_connected", "1 while the hub is connected to the broker.", nil, func() float64 { return yes(h.conn.Connected()) })
	gauge("weishao_log_position", "Position of the log's newest record.", nil, func() float64 { return float64(h.events.Last()) })
	for _, state := range []live.State{live.Hazard, live.Unsupervised} {
		gauge("weishao_places", "Places by state, those that are normal left out.", prometheus.Labels{"state": string(state)}, func() float64 {
			n := 0
			for _, p := range h.view.Places() {
				n += int(yes(p.State == state))
			}
			return float64(n)
		})
	}
	for name, c := range map[string]*certificate{"http": h.httpCert, "mqtt": h.mqttCert} {
		if c != nil {
			gauge("weishao_certificate_expires_seconds", "When a certificate expires, Unix time.", prometheus.Labels{"for": name}, func() float64 {
				return float64(c.current.Load().Leaf.NotAfter.Unix())
			})
		}
	}
}
