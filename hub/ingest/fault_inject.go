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

// faultDelay widens the time in which a crash shows the mistake.
const faultDelay = 20 * time.Millisecond
