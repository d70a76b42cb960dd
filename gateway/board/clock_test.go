package board

import (
	"os"
	"path/filepath"
	"testing"
)

func TestClockDoubtful(t *testing.T) {
	pi := map[string]string{"proc/device-tree/model": "Raspberry Pi 3", "proc/uptime": "12.5 40.1\n"}
	for name, c := range map[string]struct {
		files  map[string]string
		synced bool
		want   bool
	}{
		"a Pi that has just started": {nil, false, true},
		"and is synchronised":        {nil, true, false},
		"a Pi with a clock module":   {map[string]string{"sys/class/rtc/rtc0/hctosys": "1\n"}, false, false},
		"one without a battery":      {map[string]string{"sys/class/rtc/rtc0/hctosys": "0\n"}, false, true},
		"one that runs since long":   {map[string]string{"proc/uptime": "7200.1 40.1\n"}, false, false},
	} {
		root := t.TempDir()
		for _, files := range []map[string]string{pi, c.files} {
			for path, text := range files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := doubtful(root, func() bool { return c.synced }); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if doubtful(t.TempDir(), func() bool { return false }) {
		t.Error("a PC is doubted")
	}
}
