package e2e

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// benchResult is what scripts read of `weishao bench ingest --json`.
type benchResult struct {
	ReadingsPerS  *float64 `json:"readings_per_s"`
	MessagesPerS  *float64 `json:"messages_per_s"`
	CPUPerReading *float64 `json:"cpu_us_per_reading"`
	VerdictP50    *float64 `json:"verdict_p50_ms"`
	VerdictP99    *float64 `json:"verdict_p99_ms"`
	IncidentP99   *float64 `json:"incident_p99_ms"`
	RSS           *float64 `json:"rss_mb"`
	Sent          uint64   `json:"sent"`
	Committed     uint64   `json:"committed"`
	Lost          uint64   `json:"lost"`
	Duplicates    uint64   `json:"duplicates"`
	PerMessage    int      `json:"readings_per_message"`
	Hazards       int      `json:"hazards"`
	Incidents     int      `json:"incidents"`
	Unexpected    int      `json:"unexpected_incidents"`
	Backlog       *struct {
		Readings    uint64   `json:"readings"`
		TimesReal   float64  `json:"times_real_time"`
		IncidentP99 *float64 `json:"incident_p99_ms"`
	} `json:"backlog"`
}

func bench(t *testing.T, args ...string) (r benchResult) {
	t.Helper()
	out := harness.Run(t, filepath.Join(harness.Programs(t), "weishao"), append([]string{"bench", "ingest", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return r
}

// holds are the promises that a short run on a busy machine shows as well as a long
// one: nothing lost, nothing twice, every hazard an incident, no other.
func (r benchResult) holds(t *testing.T) {
	t.Helper()
	if r.Sent == 0 || r.Committed != r.Sent || r.Lost != 0 || r.Duplicates != 0 {
		t.Errorf("%d sent, %d committed, %d lost, %d twice", r.Sent, r.Committed, r.Lost, r.Duplicates)
	}
	if r.Hazards == 0 || r.Incidents != r.Hazards || r.Unexpected != 0 {
		t.Errorf("%d hazards, %d of them incidents, %d other incidents", r.Hazards, r.Incidents, r.Unexpected)
	}
	for name, v := range map[string]*float64{"readings_per_s": r.ReadingsPerS, "messages_per_s": r.MessagesPerS, "cpu_us_per_reading": r.CPUPerReading,
		"verdict_p50_ms": r.VerdictP50, "verdict_p99_ms": r.VerdictP99, "incident_p99_ms": r.IncidentP99, "rss_mb": r.RSS} {
		if v == nil || *v <= 0 {
			t.Errorf("%s is missing or not positive", name)
		}
	}
}

// Not in parallel: as fast as it goes leaves nothing for other tests.
func TestBenchCountsEveryReading(t *testing.T) {
	for _, rate := range []string{"0", "5000"} {
		r := bench(t, "--gateways", "3", "--devices", "20", "--rate", rate, "--duration", "2s")
		r.holds(t)
		if r.PerMessage != 10 {
			t.Errorf("%d readings in a message, want 10", r.PerMessage)
		}
	}
}

func TestBenchDrainsABacklog(t *testing.T) {
	t.Parallel()
	r := bench(t, "--backlog", "2m", "--duration", "3s")
	r.holds(t)
	if r.Backlog == nil || r.Backlog.Readings != 60_000 || r.Backlog.TimesReal <= 1 {
		t.Errorf("backlog %+v, want 60,000 readings, faster than they were made", r.Backlog)
	}
}
