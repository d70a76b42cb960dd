//go:build unix

package app

import "golang.org/x/sys/unix"

// ownFiles has every file that this process makes be its owner's alone. The stores
// of the log and of the history would let others read theirs, which only a data folder
// that was made by hand, for all to enter, would let them reach.
func ownFiles() { unix.Umask(0o077) }
