package board

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// young is how long after its start a board's clock may not have been set yet.
const young = time.Hour

// ClockDoubtful reports whether this machine's clock may still be what it was when the
// board was last switched off: a board with a device tree that has started lately, has
// no clock with a battery from which the kernel set the time, and which nobody has
// synchronised. root is where /sys and /proc are, "/" but for tests.
func ClockDoubtful(root string) bool { return doubtful(root, synchronised) }

func doubtful(root string, synchronised func() bool) bool {
	if _, err := os.Stat(filepath.Join(root, "proc/device-tree")); err != nil {
		return false // a PC has a battery
	}
	clocks, _ := filepath.Glob(filepath.Join(root, "sys/class/rtc/rtc*/hctosys")) // the pattern is well-formed
	for _, c := range clocks {
		if n, err := number(c, 10); err == nil && n == 1 {
			return false
		}
	}
	s, err := text(filepath.Join(root, "proc/uptime"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(s, " ")
	up, err := strconv.ParseFloat(first, 64)
	return err == nil && up < young.Seconds() && !synchronised()
}
