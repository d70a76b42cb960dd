//go:build unix

package durable

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Lock keeps a second process out: it holds until the file is closed or the
// process ends, however that is. ErrLocked says that another one has it.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, ErrLocked)
	}
	return f, nil
}
