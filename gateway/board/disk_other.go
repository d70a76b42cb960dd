//go:build !linux

package board

// diskFree is known on Linux only.
func diskFree(string) (float64, error) { return 0, errNoDisk }
