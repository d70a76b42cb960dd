package e2e

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// A gateway that comes back after a few minutes loses nothing, sends nothing twice, and
// its live readings do not wait for what it left.
func TestBenchGateway(t *testing.T) {
	t.Parallel()
	var r struct {
		Lost       *uint64 `json:"lost"`
		Duplicates *uint64 `json:"duplicates"`
		CPU        float64 `json:"cpu_percent"`
		RSS        float64 `json:"rss_mb"`
		FirstAtHub float64 `json:"start_to_first_reading_at_hub_ms"`
		PerSecond  int     `json:"readings_per_s"`
		Outage     struct {
			Readings   uint64  `json:"readings"`
			Disk       float64 `json:"disk_mb"`
			Seconds    float64 `json:"drained_in_s"`
			FirstAtHub float64 `json:"start_to_first_reading_at_hub_ms"`
		} `json:"outage"`
	}
	out := harness.Run(t, filepath.Join(harness.Programs(t), "weishao"), "bench", "gateway", "--json", "--mixed", "--sensors", "8", "--steady", "2s", "--outage", "5m")
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if r.Lost == nil || *r.Lost != 0 || r.Duplicates == nil || *r.Duplicates != 0 {
		t.Errorf("lost or twice: %s", out)
	}
	if r.PerSecond != 16 || r.Outage.Readings < 16*300 || r.Outage.Disk <= 0 || r.Outage.Seconds <= 0 {
		t.Errorf("got %s", out)
	}
	if r.RSS <= 0 || r.FirstAtHub <= 0 || r.Outage.FirstAtHub <= 0 {
		t.Errorf("not measured: %s", out)
	}
}
