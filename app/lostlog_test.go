package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"weishao.dev/weishao/telemetry/record"
)

// A hub whose log was lost, or put back from an older copy, pages for what comes
// next: what is new is not taken for what the incidents have seen already.
func TestALostLogSilencesNobody(t *testing.T) {
	cfg := config(t, "")
	death := func(node string, want int) (stop func()) {
		h, stop := running(t, cfg)
		ready(t, h)
		if err := h.ingest.Announce(t.Context(), &record.NodeBirth{Node: node}, &record.NodeDeath{Node: node}); err != nil {
			t.Fatal(err)
		}
		deadline := time.After(30 * time.Second)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			var list struct{ Items []struct{ Node string } }
			ask(t, h, "/api/v1/incidents", &list)
			if len(list.Items) == want {
				return stop
			}
			select {
			case <-deadline:
				t.Fatalf("%s died and %d incidents are there, want %d: %+v", node, len(list.Items), want, list.Items)
			case <-tick.C:
			}
		}
	}
	death("g/one", 1)()
	older := filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(older, os.DirFS(filepath.Join(cfg.Data, logFolder))); err != nil {
		t.Fatal(err)
	}
	death("g/two", 2)()
	if err := os.RemoveAll(filepath.Join(cfg.Data, logFolder)); err != nil {
		t.Fatal(err)
	}
	death("g/three", 3)()
	if err := os.RemoveAll(filepath.Join(cfg.Data, logFolder)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(older, filepath.Join(cfg.Data, logFolder)); err != nil {
		t.Fatal(err)
	}
	death("g/four", 4)()
}
