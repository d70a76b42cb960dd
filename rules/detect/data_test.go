package detect

import (
	"bufio"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// row is one line of a readings CSV.
type row struct {
	device, metric string
	t              int64 // Unix ms
	v              float64
}

// dataDir is the folder of real measurements, or "" where there is none: tests
// then run on simulated data only.
func dataDir() string { return os.Getenv("DATA") }

// readings reads a readings CSV, plain or gzip.
func readings(t testing.TB, path string) []row {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	var rows []row
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f := strings.Split(lines.Text(), ",")
		if len(f) < 4 || f[0] == "time" {
			continue
		}
		s, err1 := strconv.ParseFloat(f[0], 64)
		v, err2 := strconv.ParseFloat(f[3], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %q: %v %v", path, lines.Text(), err1, err2)
		}
		rows = append(rows, row{device: f[1], metric: f[2], t: int64(s*1000 + 0.5), v: v})
	}
	return rows
}

// files lists the data files that match, sorted.
func files(t testing.TB, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dataDir(), pattern))
	if err != nil || len(list) == 0 {
		t.Fatalf("no data matches %s in %s", pattern, dataDir())
	}
	return list
}

// kind finds a kind of detector by name.
func kind(name string) Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	panic("no detector " + name)
}

// msec is a Unix time in ms as a duration.
func msec(t int64) time.Duration { return time.Duration(t%(1<<40)) * time.Millisecond }
