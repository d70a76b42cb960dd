package durable

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// names lists a folder: nothing may be left behind.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// swapSync has f called in place of fsync for the time of a test.
func swapSync(t *testing.T, f func(*os.File) error) {
	t.Cleanup(func() { fsync = (*os.File).Sync })
	fsync = f
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	for _, c := range []struct {
		text string
		mode os.FileMode
	}{{"first", 0o600}, {"second, and longer", 0o644}, {"", 0o400}, {"last", 0o600}} {
		if err := WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := readFile(t, path); got != c.text || info.Mode().Perm() != c.mode {
			t.Errorf("got %q, %v; want %q, %v", got, info.Mode(), c.text, c.mode)
		}
	}
	if list := names(t, filepath.Dir(path)); len(list) != 1 {
		t.Errorf("the folder has %v", list)
	}
}

// The content is on disk before it gets the name, and the name before WriteFile
// returns: a power cut at any moment leaves the old content or the new.
func TestOrderOfSyncs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	var steps []string
	swapSync(t, func(f *os.File) error {
		if f.Name() == dir {
			steps = append(steps, "folder while the file has "+readFile(t, path))
		} else {
			steps = append(steps, readFile(t, f.Name())+" while the file has "+readFile(t, path))
		}
		return f.Sync()
	})
	if err := WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"new while the file has old", "folder while the file has new"}
	if len(steps) != 2 || steps[0] != want[0] || steps[1] != want[1] {
		t.Errorf("synced %q, want %q", steps, want)
	}
}

func TestFailedSyncs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("input/output error")
	for _, c := range []struct {
		name, after string
		fails       func(f *os.File) bool
	}{
		{"of the content", "old", func(f *os.File) bool { return f.Name() != dir }},
		{"of the folder", "new", func(f *os.File) bool { return f.Name() == dir }}, // maybe not there after a power cut: so it is an error
	} {
		swapSync(t, func(f *os.File) error {
			if c.fails(f) {
				return broken
			}
			return nil
		})
		if err := WriteFile(path, []byte("new"), 0o600); !errors.Is(err, broken) {
			t.Errorf("%s: got %v", c.name, err)
		}
		if got := readFile(t, path); got != c.after {
			t.Errorf("%s: the file has %q, want %q", c.name, got, c.after)
		}
		if list := names(t, dir); len(list) != 1 {
			t.Errorf("%s: the folder has %v", c.name, list)
		}
	}
}

// Who reads meanwhile gets one version or another, whole.
func TestReadersSeeWholeFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	version := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 50_000+i) }
	if err := WriteFile(path, version(0), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				b, err := os.ReadFile(path)
				if err != nil || len(b) == 0 || !bytes.Equal(b, version(int(b[0]-'a'))) {
					t.Errorf("read %d bytes, %v", len(b), err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 60 {
		if err := WriteFile(path, version(i%26), 0o600); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	readers.Wait()
}

func TestWhereNothingCanBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "missing", "f"), nil, 0o600); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: got %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "taken"), nil, 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if list := names(t, dir); len(list) != 1 {
		t.Errorf("the folder has %v", list)
	}
	if err := SyncDir(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("sync: got %v", err)
	}
}
