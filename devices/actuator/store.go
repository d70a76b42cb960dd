package actuator

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"weishao.dev/weishao/internal/durable"
)

// Disk is where latches are kept.
type Disk interface {
	ReadFile(path string) ([]byte, error)
	// WriteFile replaces a file durably, and makes its folder.
	WriteFile(path string, data []byte) error
}

// hostDisk is the machine's own.
type hostDisk struct{}

func (hostDisk) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

func (hostDisk) WriteFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(path, data, 0o600)
}

// load reads the latch. No file is an actuator that is new.
func load(d Disk, path string) (Latch, error) {
	data, err := d.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Latch{}, nil
	}
	if err != nil {
		return Latch{}, err
	}
	var l Latch
	err = json.Unmarshal(data, &l)
	return l, err
}

// keep writes the latch whenever it has changed, and again with back-off where the
// disk refuses it.
func (a *Actuator) keep(ctx context.Context) {
	told := false
	for {
		var again <-chan time.Time
		if now := a.Latch(); !same(now, a.kept) {
			switch err := a.write(now); {
			case err == nil:
				a.kept = &now
				if told {
					a.log.Info("an actuator's latch can be kept again", "actuator", a.id)
				}
				told = false
			default:
				if !told {
					a.log.Error("an actuator's latch cannot be kept: it acts all the same, but will have forgotten after a restart", "actuator", a.id, "error", err)
				}
				told = true
				again = time.After(rewrite)
			}
		}
		select {
		case <-ctx.Done():
			if now := a.Latch(); !same(now, a.kept) {
				_ = a.write(now) // the last try; it has been told that it fails
			}
			return
		case <-a.dirty:
		case <-again:
		}
	}
}

const rewrite = 5 * time.Second // between two tries at a disk that fails

func (a *Actuator) write(l Latch) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return a.disk.WriteFile(a.file, append(data, '\n'))
}

// same compares with what is on disk; nil is not known.
func same(a Latch, b *Latch) bool {
	if b == nil {
		return false
	}
	x, _ := json.Marshal(a) // plain data: it cannot fail
	y, _ := json.Marshal(*b)
	return string(x) == string(y)
}
