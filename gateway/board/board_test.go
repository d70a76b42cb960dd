package board

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// tree writes a machine's files.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// As a Raspberry Pi 4 has them.
var pi = map[string]string{
	"sys/class/thermal/thermal_zone0/type":                "gpu-thermal\n",
	"sys/class/thermal/thermal_zone0/temp":                "40000\n",
	"sys/class/thermal/thermal_zone1/type":                "cpu-thermal\n",
	"sys/class/thermal/thermal_zone1/temp":                "51121\n",
	"sys/class/hwmon/hwmon0/name":                         "cpu_thermal\n",
	"sys/class/hwmon/hwmon1/name":                         "rpi_volt\n",
	"sys/class/hwmon/hwmon1/in0_lcrit_alarm":              "1\n",
	"sys/devices/platform/soc/soc:firmware/get_throttled": "50000\n",
	"proc/loadavg":                           "1.50 0.36 0.30 2/167 1234\n",
	"proc/meminfo":                           "MemTotal:         948304 kB\nMemFree:          111111 kB\nMemAvailable:     237076 kB\n",
	"sys/class/thermal/cooling_device0/type": "Processor\n",
	"sys/class/hwmon/hwmon1/device/driver/module/parameters": "",
}

func read(t *testing.T, gauges []Gauge, metric string) (float64, error) {
	t.Helper()
	i := slices.IndexFunc(gauges, func(g Gauge) bool { return g.Metric == metric })
	if i < 0 {
		t.Fatalf("there is no %s", metric)
	}
	return gauges[i].Read()
}

func TestABoard(t *testing.T) {
	root := tree(t, pi)
	gauges := Gauges(root, root)
	for metric, want := range map[string]float64{
		"board.temperature": 51.121, "board.undervoltage": 1, "board.load": 1.5 / float64(runtime.NumCPU()), "board.memory_free": 25,
	} {
		if got, err := read(t, gauges, metric); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", metric, got, err, want)
		}
	}
	if got, err := read(t, gauges, "board.disk_free"); err != nil || got <= 0 || got > 100 {
		t.Errorf("disk: %v, %v", got, err)
	}
	for _, g := range gauges {
		if g.Brief != (g.Metric == "board.undervoltage") {
			t.Errorf("%s: brief is %v", g.Metric, g.Brief)
		}
	}
}

// The firmware's word where the kernel does not watch: of now, not of since the boot.
func TestThrottled(t *testing.T) {
	for text, want := range map[string]float64{"0\n": 0, "50000\n": 0, "50005\n": 1, "0x1": 1, "4": 0} {
		root := tree(t, map[string]string{"sys/devices/platform/soc/soc:firmware/get_throttled": text})
		if got, err := read(t, Gauges(root, root), "board.undervoltage"); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
}

// What a machine has not is not there; what it had and has no longer is an error.
func TestWhatIsMissing(t *testing.T) {
	if list := Gauges(t.TempDir(), filepath.Join(t.TempDir(), "nowhere")); len(list) != 0 {
		t.Errorf("a machine without files has %d gauges", len(list))
	}
	root := tree(t, pi)
	gauges := Gauges(root, root)
	for name, text := range map[string]string{
		"sys/class/thermal/thermal_zone1/temp":   "hot",
		"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "",
		"proc/loadavg":                           "",
		"proc/meminfo":                           "MemTotal: 100 kB\nMemAvailable: 200 kB\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range gauges {
		if v, err := g.Read(); err == nil && g.Metric != "board.disk_free" {
			t.Errorf("%s gives %v", g.Metric, v)
		}
	}
	if err := os.RemoveAll(filepath.Join(root, "sys")); err != nil {
		t.Fatal(err)
	}
	if v, err := read(t, gauges, "board.temperature"); err == nil {
		t.Errorf("no file, and %v °C", v)
	}
}
