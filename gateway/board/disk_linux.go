package board

import "golang.org/x/sys/unix"

// diskFree is the share of the disk that is left for us, in percent.
func diskFree(dir string) (float64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	if s.Blocks == 0 {
		return 0, errNoDisk
	}
	return 100 * float64(s.Bavail) / float64(s.Blocks), nil
}
