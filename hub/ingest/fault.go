//go:build !faultinject

package ingest

import "time"

// ackBeforeFsync is the mutation that the crash tests must catch; see
// fault_inject.go. A normal build cannot be made to do it.
func ackBeforeFsync() bool { return false }

const faultDelay = time.Duration(0)
