package influx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"weishao.dev/weishao/internal/durable"
)

// quarantine is a file of JSON lines, one per line that the server will never
// take: {"at":"2026-11-23T08:00:00Z","reason":"...","line":"..."}. When it is full
// what follows is only counted.
type quarantine struct {
	f     *os.File
	size  int64
	dirty bool
	count atomic.Int64
}

// maxQuarantine bounds the file: 64 MiB.
const maxQuarantine = 64 << 20

type quarantined struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Line   string    `json:"line"`
}

func openQuarantine(path string) (*quarantine, error) {
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	info, err := f.Stat()
	if err == nil && fresh {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("history: %w", err), f.Close())
	}
	return &quarantine{f: f, size: info.Size()}, nil
}

func (q *quarantine) add(reason string, lines ...string) error {
	var b []byte
	for _, line := range lines {
		j, err := json.Marshal(quarantined{time.Now().UTC(), reason, line})
		if err != nil {
			return err
		}
		b = append(append(b, j...), '\n')
	}
	q.count.Add(int64(len(lines)))
	if q.size+int64(len(b)) > maxQuarantine {
		return nil
	}
	n, err := q.f.Write(b)
	q.size += int64(n)
	q.dirty = true
	if err != nil {
		return fmt.Errorf("history: write quarantine: %w", err)
	}
	return nil
}

func (q *quarantine) sync() error {
	if !q.dirty {
		return nil
	}
	if err := q.f.Sync(); err != nil {
		return fmt.Errorf("history: fsync quarantine: %w", err)
	}
	q.dirty = false
	return nil
}

func (q *quarantine) close() error { return errors.Join(q.sync(), q.f.Close()) }
