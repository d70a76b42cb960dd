package edge

import (
	"fmt"

	"weishao.dev/weishao/gateway"
)

// health is what a service manager is told of a gateway: a line for people, and
// what is stuck, if anything is. Between two lives there is nothing that could be.
func (s *stage) health() (status string, stuck error) {
	g := s.running.Load()
	if g == nil {
		return "being made", nil
	}
	return summary(g.Status()), g.Stuck()
}

// summary is a gateway's state in one line.
func summary(s gateway.Status) string {
	failing := 0
	for _, d := range s.Devices {
		if d.Problem != "" {
			failing++
		}
	}
	hub := "connected to the hub"
	if !s.Session.Connected {
		hub = "not connected to the hub"
		if s.Session.LastError != "" {
			hub += " (" + s.Session.LastError + ")"
		}
	}
	line := fmt.Sprintf("%s; %d devices, %d failing; %d readings wait for the hub", hub, len(s.Devices), failing, s.Outbox.Pending)
	if s.Outbox.Volatile {
		line += "; the card fails, they are in memory only: " + s.Outbox.Problem
	}
	return line
}
