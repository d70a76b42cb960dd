//go:build !unix

package broker

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir marks dir as used. These systems have no lock that goes with the
// process, so nothing keeps a second one out.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return f, nil
}
