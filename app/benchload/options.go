package benchload

import (
	"context"
	"log/slog"
	"time"
)

// Options are what to load a hub with.
type Options struct {
	Gateways   int
	Devices    int           // of each gateway
	Rate       int           // readings a second of all together; 0: as fast as they are acknowledged
	PerMessage int           // readings in a message
	Duration   time.Duration // of the load
	Backlog    time.Duration // not 0: measure alarms while this much backlog drains
	Dir        string        // for the hub's data; removed by the caller
	Profile    string        // file for a CPU profile of the hub; empty: none
	Program    string        // the weishao binary
	LogFolder  string        // of the event log below the hub's data
	Door       Door
	Log        *slog.Logger
}

// Door lets the bench into a hub that it has started.
type Door interface {
	Token(ctx context.Context, config string) (string, error)
	Enrol(ctx context.Context, config, group, node string) (username, password string, err error)
}

// Result is what `weishao bench ingest --json` prints. Latencies are nil where no
// incident came.
type Result struct {
	ReadingsPerS    float64  `json:"readings_per_s"`
	MessagesPerS    float64  `json:"messages_per_s"`
	CPUPerReading   float64  `json:"cpu_us_per_reading"`
	VerdictP50      *float64 `json:"verdict_p50_ms"`
	VerdictP99      *float64 `json:"verdict_p99_ms"`
	IncidentP99     *float64 `json:"incident_p99_ms"`
	RSS             float64  `json:"rss_mb"` // the hub's peak
	Sent            uint64   `json:"sent"`
	Committed       uint64   `json:"committed"`
	Lost            uint64   `json:"lost"`
	Duplicates      uint64   `json:"duplicates"`
	PerMessage      int      `json:"readings_per_message"`
	Gateways        int      `json:"gateways"`
	Devices         int      `json:"devices"` // of all gateways
	Rate            int      `json:"rate"`    // asked for; 0: as fast as acknowledged
	Seconds         float64  `json:"seconds"` // until rules and history had everything
	AcknowledgedPer float64  `json:"acknowledged_per_s"`
	Resent          uint64   `json:"resent"` // readings sent again
	Hazards         int      `json:"hazards"`
	Incidents       int      `json:"incidents"`            // of the hazards
	Unexpected      int      `json:"unexpected_incidents"` // of other devices
	RSSEnd          float64  `json:"rss_end_mb"`
	Backlog         *Drain   `json:"backlog,omitempty"`
}

// Drain is what `--backlog` adds: how fast a backlog drained, and what alarms took
// meanwhile. The result's latencies are then those after it.
type Drain struct {
	Readings    uint64   `json:"readings"`
	Span        float64  `json:"span_s"`
	Seconds     float64  `json:"seconds"`         // until the last was acknowledged
	TimesReal   float64  `json:"times_real_time"` // span over seconds
	SettledIn   float64  `json:"settled_s"`       // until the rules had evaluated all of it
	Hazards     int      `json:"hazards"`         // while it drained
	Incidents   int      `json:"incidents"`       // of them
	VerdictP50  *float64 `json:"verdict_p50_ms"`  // while it drained
	VerdictP99  *float64 `json:"verdict_p99_ms"`  // while it drained
	IncidentP99 *float64 `json:"incident_p99_ms"` // while it drained
}
