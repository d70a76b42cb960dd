//go:build !linux

package outbox

import "os"

func datasync(f *os.File) error { return f.Sync() }

// flock is advisory and left out where it is not at hand: gateways run on Linux.
func flock(*os.File) error { return nil }
