package outbox

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

// memFS is a disk that keeps what was synced, loses some of what was not when the
// power fails, and fails on demand.
type memFS struct {
	mu      sync.Mutex
	now     map[string]*inode // as the running system sees it
	durable map[string]*inode // directory as synced
	locked  map[string]bool
	fail    func(op, name string) error // called with mu held
	space   int64                       // bytes that may still be written; negative is no limit
}

type inode struct {
	data, synced []byte
	mod          time.Time
}

func newMemFS() *memFS {
	return &memFS{now: map[string]*inode{}, durable: map[string]*inode{}, locked: map[string]bool{}, space: -1}
}

// crash cuts the power. pick(n) chooses one of 0..n: how much of what was not
// synced has reached the disk.
func (m *memFS) crash(pick func(n int) int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if pick(1) == 1 { // the directory may have been written too
		maps.Copy(m.durable, m.now)
	}
	m.now = map[string]*inode{}
	for name, f := range m.durable {
		kept := append([]byte(nil), f.synced...)
		if len(f.data) > len(kept) {
			kept = append(kept, f.data[len(kept):len(kept)+pick(len(f.data)-len(kept))]...)
		}
		m.now[name] = &inode{data: kept, synced: append([]byte(nil), kept...), mod: f.mod}
	}
	m.durable = map[string]*inode{}
	maps.Copy(m.durable, m.now)
	m.locked = map[string]bool{}
	m.fail = nil
}

func (m *memFS) check(op, name string) error {
	if m.fail == nil {
		return nil
	}
	if err := m.fail(op, name); err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

func (m *memFS) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.check("mkdir", dir)
}

func (m *memFS) OpenFile(name string, flag int) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	if err := m.check(op, name); err != nil {
		return nil, err
	}
	f := m.now[name]
	switch {
	case f == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case f != nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case f == nil:
		f = &inode{mod: time.Now()}
		m.now[name] = f
	case flag&os.O_TRUNC != 0:
		f.data = nil
	}
	return &memFile{m, f, name}, nil
}

func (m *memFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("readdir", dir); err != nil {
		return nil, err
	}
	var list []fs.DirEntry
	for name, f := range m.now {
		if filepath.Dir(name) == dir {
			list = append(list, fs.FileInfoToDirEntry(memInfo{filepath.Base(name), int64(len(f.data)), f.mod}))
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	return list, nil
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("rename", from); err != nil {
		return err
	}
	f := m.now[from]
	if f == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(m.now, from)
	m.now[to] = f
	return nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("remove", name); err != nil {
		return err
	}
	delete(m.now, name)
	return nil
}

func (m *memFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("syncdir", dir); err != nil {
		return err
	}
	m.durable = map[string]*inode{}
	maps.Copy(m.durable, m.now)
	return nil
}

func (m *memFS) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("lock", name); err != nil {
		return nil, err
	}
	if m.locked[name] {
		return nil, ErrLocked
	}
	m.locked[name] = true
	return unlocker(func() { m.mu.Lock(); defer m.mu.Unlock(); delete(m.locked, name) }), nil
}

type unlocker func()

func (u unlocker) Close() error { u(); return nil }

type memFile struct {
	m    *memFS
	f    *inode
	name string
}

func (h *memFile) ReadAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.check("read", h.name); err != nil {
		return 0, err
	}
	if off >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.f.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

var errNoSpace = errors.New("no space left on device")

func (h *memFile) WriteAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.check("write", h.name); err != nil {
		return 0, err
	}
	var err error
	if h.m.space >= 0 {
		if int64(len(b)) > h.m.space {
			b, err = b[:h.m.space], &fs.PathError{Op: "write", Path: h.name, Err: errNoSpace}
		}
		h.m.space -= int64(len(b))
	}
	if need := int(off) + len(b); need > len(h.f.data) {
		h.f.data = append(h.f.data, make([]byte, need-len(h.f.data))...)
	}
	copy(h.f.data[off:], b)
	h.f.mod = time.Now()
	return len(b), err
}

func (h *memFile) Truncate(size int64) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.check("truncate", h.name); err != nil {
		return err
	}
	h.f.data = h.f.data[:min(int(size), len(h.f.data))]
	h.f.synced = h.f.synced[:min(int(size), len(h.f.synced))]
	return nil
}

func (h *memFile) Sync() error {
	h.m.mu.Lock()
	f := h.m.fail
	h.m.mu.Unlock()
	if f != nil && strings.HasSuffix(h.name, segmentSuffix) {
		if err := f("sync", h.name); err != nil { // outside mu: it may hang
			return &fs.PathError{Op: "sync", Path: h.name, Err: err}
		}
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	h.f.synced = append([]byte(nil), h.f.data...)
	return nil
}

func (h *memFile) Size() (int64, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return int64(len(h.f.data)), nil
}

func (h *memFile) Close() error { return nil }

type memInfo struct {
	name string
	size int64
	mod  time.Time
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return 0o600 }
func (i memInfo) ModTime() time.Time { return i.mod }
func (i memInfo) IsDir() bool        { return false }
func (i memInfo) Sys() any           { return nil }
