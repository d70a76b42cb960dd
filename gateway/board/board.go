// Package board reads how the machine itself does, from what Linux offers as files:
// the CPU's temperature, whether the supply holds its voltage, load, memory, and
// the disk that readings are kept on.
//
//	board.temperature   /sys/class/thermal: the first zone of a CPU or SoC, else the first zone
//	board.undervoltage  /sys/class/hwmon named rpi_volt, else the firmware's get_throttled: 1 if the
//	                    supply was too low at any look since the last reading
//	board.load          /proc/loadavg: waiting processes per core, over a minute
//	board.memory_free   /proc/meminfo: MemAvailable of MemTotal
//	board.disk_free     statfs: what is left for us, of the whole
//
// A board has what it has: Gauges gives those that could be read. One that could and
// then cannot is a fault, never a number.
package board

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Gauge reads one metric.
type Gauge struct {
	Metric string
	Read   func() (float64, error)
	// Brief says that it lasts for moments, so that it is to be looked at every few
	// seconds and the highest value counts.
	Brief bool
}

// Gauges are those that this machine has. root is where /sys and /proc are, "/" but
// for tests; disk is a folder on the disk in question.
func Gauges(root, disk string) []Gauge {
	all := []Gauge{
		{Metric: "board.temperature", Read: temperature(root)},
		{Metric: "board.undervoltage", Read: undervoltage(root), Brief: true},
		{Metric: "board.load", Read: func() (float64, error) { return load(root) }},
		{Metric: "board.memory_free", Read: func() (float64, error) { return memory(root) }},
		{Metric: "board.disk_free", Read: func() (float64, error) { return diskFree(disk) }},
	}
	return slices.DeleteFunc(all, func(g Gauge) bool {
		if g.Read == nil {
			return true
		}
		_, err := g.Read()
		return err != nil
	})
}

// temperature finds the zone that is the processor's; nil if there is none.
func temperature(root string) func() (float64, error) {
	zones, _ := filepath.Glob(filepath.Join(root, "sys/class/thermal/thermal_zone*")) // the pattern is well-formed
	if len(zones) == 0 {
		return nil
	}
	zone := zones[0]
	for _, z := range zones {
		kind, _ := text(filepath.Join(z, "type")) // unreadable: not the one
		if strings.Contains(kind, "cpu") || strings.Contains(kind, "soc") || strings.Contains(kind, "pkg") {
			zone = z
			break
		}
	}
	return func() (float64, error) {
		milli, err := number(filepath.Join(zone, "temp"), 10)
		return float64(milli) / 1000, err
	}
}

// underNow is the bit of get_throttled that says "too low at this moment". The bits
// from 16 on stay set until the next boot, and so say nothing of now.
const underNow = 1

// undervoltage prefers the kernel's own watch, whose alarm covers the two seconds
// between its looks. nil if the board has neither.
func undervoltage(root string) func() (float64, error) {
	names, _ := filepath.Glob(filepath.Join(root, "sys/class/hwmon/hwmon*/name")) // the pattern is well-formed
	for _, n := range names {
		if name, err := text(n); err != nil || name != "rpi_volt" {
			continue
		}
		return func() (float64, error) {
			v, err := number(filepath.Join(filepath.Dir(n), "in0_lcrit_alarm"), 10)
			return float64(v & 1), err
		}
	}
	firmware := filepath.Join(root, "sys/devices/platform/soc/soc:firmware/get_throttled")
	if _, err := os.Stat(firmware); err != nil {
		return nil
	}
	return func() (float64, error) {
		v, err := number(firmware, 16)
		return float64(v & underNow), err
	}
}

func load(root string) (float64, error) {
	s, err := text(filepath.Join(root, "proc/loadavg"))
	if err != nil {
		return 0, err
	}
	minute, _, _ := strings.Cut(s, " ")
	v, err := strconv.ParseFloat(minute, 64)
	return v / float64(runtime.NumCPU()), err
}

func memory(root string) (float64, error) {
	path := filepath.Join(root, "proc/meminfo")
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var total, free float64
	for line := range bytes.Lines(data) {
		f := bytes.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch v, _ := strconv.ParseFloat(string(f[1]), 64); string(f[0]) { // no number: 0, refused below
		case "MemTotal:":
			total = v
		case "MemAvailable:":
			free = v
		}
	}
	if total <= 0 || free <= 0 || free > total {
		return 0, fmt.Errorf("%s makes no sense", path)
	}
	return 100 * free / total, nil
}

func text(path string) (string, error) {
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}

func number(path string, base int) (int64, error) {
	s, err := text(path)
	if err != nil {
		return 0, err
	}
	if base == 16 {
		s = strings.TrimPrefix(s, "0x")
	}
	v, err := strconv.ParseInt(s, base, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

var errNoDisk = errors.New("the size of the disk is not known")

// Existing is dir, or of the folders that it is in the nearest that there is: where
// a folder that is made later will be.
func Existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
