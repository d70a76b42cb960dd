package gateway

import (
	"fmt"
	"io"
	"time"

	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/gateway/session"
)

// Status is what people see of a gateway.
type Status struct {
	Node    string // "group/node"
	Session session.Status
	Outbox  outbox.Status
	Devices []DeviceStatus
	Dropped uint64 // points for which there was no room before the outbox
	Refused uint64 // points of metrics that their device does not announce
	Same    uint64 // points that told nothing new and were left out, see Report
}

// DeviceStatus is how one device does.
type DeviceStatus struct {
	ID       string
	Last     time.Time // of the last measured point, on the gateway's clock
	Points   uint64    // from the driver, faults included
	Faults   uint64
	Restarts uint64
	Problem  string // why the driver is being restarted, or that it is silent; empty while it works
	Ended    bool   // it has nothing more to give
}

// Status is a snapshot.
func (g *Gateway) Status() Status {
	s := Status{Node: g.Node(), Session: g.session.Status(), Outbox: g.box.Status()}
	for _, p := range g.probes {
		p.mu.Lock()
		s.Devices = append(s.Devices, p.status)
		p.mu.Unlock()
	}
	g.sampler.mu.Lock()
	s.Dropped, s.Refused, s.Same = g.sampler.dropped+g.sampler.time.lost, g.sampler.refused, g.sampler.same
	g.sampler.mu.Unlock()
	return s
}

// WriteMetrics writes the status in the text format that Prometheus scrapes.
func (s Status) WriteMetrics(w io.Writer) error {
	var failing, points, faults uint64
	for _, d := range s.Devices {
		points += d.Points
		faults += d.Faults
		if d.Problem != "" {
			failing++
		}
	}
	for _, m := range []struct {
		name, kind, help string
		value            uint64
	}{
		{"connected", "gauge", "1 while there is a session with the hub's broker.", flag(s.Session.Connected)},
		{"connects_total", "counter", "Connections made.", s.Session.Connects},
		{"births_total", "counter", "Certificates of birth sent.", s.Session.Births},
		{"messages_total", "counter", "Data messages sent.", s.Session.Messages},
		{"readings_sent_total", "counter", "Readings sent, those sent again included.", s.Session.Readings},
		{"rewinds_total", "counter", "Times that sending went back to what was not acknowledged.", s.Session.Rewinds},
		{"in_flight_readings", "gauge", "Readings sent and not acknowledged.", uint64(s.Session.InFlight)},
		{"outbox_volatile", "gauge", "1 while the disk fails and readings are held in memory.", flag(s.Outbox.Volatile)},
		{"outbox_bytes", "gauge", "Size of the outbox on disk.", uint64(s.Outbox.Bytes)},
		{"outbox_pending_readings", "gauge", "Readings that the hub has not committed.", s.Outbox.Pending},
		{"outbox_runs", "gauge", "Runs that are not settled.", uint64(s.Outbox.Runs)},
		{"outbox_dropped_readings_total", "counter", "Readings given up for size, age or memory.", s.Outbox.Dropped},
		{"outbox_damaged_readings_total", "counter", "Readings that the card gave back damaged.", s.Outbox.Damaged},
		{"outbox_commits_total", "counter", "Commits to disk.", s.Outbox.Commits},
		{"outbox_written_bytes_total", "counter", "Bytes written by commits.", s.Outbox.Written},
		{"devices", "gauge", "Devices configured.", uint64(len(s.Devices))},
		{"devices_failing", "gauge", "Devices that fail or are silent.", failing},
		{"points_total", "counter", "Points from drivers, faults included.", points},
		{"faults_total", "counter", "Faults, from drivers and in their stead.", faults},
		{"points_dropped_total", "counter", "Points for which there was no room before the outbox.", s.Dropped},
		{"points_refused_total", "counter", "Points of metrics that their device does not announce.", s.Refused},
		{"points_same_total", "counter", "Points that told nothing new and were left out.", s.Same},
	} {
		name := "weishao_gateway_" + m.name
		if _, err := fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %d\n", name, m.help, name, m.kind, name, m.value); err != nil {
			return err
		}
	}
	return nil
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
