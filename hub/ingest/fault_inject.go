//go:build faultinject

package ingest

import (
	"os"
	"time"
)

// ackBeforeFsync, with WEISHAO_FAULT=ack-before-fsync in the environment, has
// gateways told that a record is committed before it is written: the mistake that
// a crash test must be able to see.
func ackBeforeFsync() bool { return os.Getenv("WEISHAO_FAULT") == "ack-before-fsync" }

// faultDelay is how long a record that was acknowledged is then kept from the log.
// kill -9 leaves what was written but not fsynced in the kernel's cache, so it shows
// the mistake only where the record was not even written. The gateway keeps what it
// has in its open file, so what is lost must also have ended a run.
const faultDelay = 1500 * time.Millisecond
