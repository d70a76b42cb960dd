package embedded

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// logSyncer makes a TSDB's write-ahead log durable. The TSDB hands each commit to
// the operating system but fsyncs a segment only when it is full, and keeps the
// log to itself; an fsync on any descriptor of a file flushes all of it.
type logSyncer struct {
	dir  string
	last string // highest segment at the last sync: older ones are durable
}

// sync fsyncs the segments written since the last sync, and the directory. A
// segment that vanishes meanwhile was truncated: its points are in a block, which
// the TSDB has fsynced.
func (l *logSyncer) sync() error {
	entries, err := os.ReadDir(l.dir) // sorted by name, which is zero-padded
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	last := l.last
	for _, e := range entries {
		if e.IsDir() || strings.Contains(e.Name(), ".") || e.Name() < l.last {
			continue
		}
		if err := fsync(filepath.Join(l.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		last = e.Name()
	}
	if err := fsync(l.dir); err != nil {
		return err
	}
	l.last = last
	return nil
}

func fsync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
