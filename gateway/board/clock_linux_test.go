package board

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKernelsWord(t *testing.T) {
	for name, c := range map[string]struct {
		status int32
		err    error
		want   bool
	}{"synchronised": {0x2001, nil, true}, "not": {unsynchronised, nil, false}, "it may not be asked": {0, unix.EPERM, false}} {
		if got := said(func(t *unix.Timex) (int, error) { t.Status = c.status; return 0, c.err }); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// The service as it is shipped may ask the kernel. Of systemd's filters @privileged and
// ProtectClock refuse adjtimex, and @system-service does not have it.
func TestServiceMayAskForTheClock(t *testing.T) {
	text, err := os.ReadFile("../../packaging/weishao-gateway.service")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if slices.Contains(lines, "ProtectClock=yes") || slices.Index(lines, "SystemCallFilter=adjtimex") < slices.Index(lines, "SystemCallFilter=~@privileged @resources") {
		t.Error("the service cannot ask whether the clock is synchronised, so that it is never in doubt")
	}
}
