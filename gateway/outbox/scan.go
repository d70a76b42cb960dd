package outbox

import (
	"cmp"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Stored is one reading as it stands in a segment.
type Stored struct {
	Epoch  record.Epoch
	Run    uint64
	Kind   record.RunKind // Live or Alarm: what the run was opened for
	Seq    uint64
	Device string
	Point  telemetry.Point
}

// Scan reads an outbox's directory without changing it, also segments that a build
// for tests has kept after they were trimmed. Order is by run and sequence. Errors
// are yielded where they occur (a *CorruptError for damage) and do not end it; a
// torn tail is no error. The directory may be in use: then what is being written is
// seen up to the last whole block.
func Scan(dir string) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		var fsys OS
		entries, err := fsys.ReadDir(dir)
		if err != nil {
			yield(Stored{}, err)
			return
		}
		type file struct {
			path       string
			run, first uint64
		}
		var files []file
		for _, e := range entries {
			run, first, ok := parseSegmentName(strings.TrimSuffix(strings.TrimSuffix(e.Name(), keptSuffix), damagedSuffix), segmentSuffix)
			if ok {
				files = append(files, file{filepath.Join(dir, e.Name()), run, first})
			}
		}
		slices.SortFunc(files, func(a, b file) int { return cmp.Or(cmp.Compare(a.run, b.run), cmp.Compare(a.first, b.first)) })
		for _, f := range files {
			if !scanFile(fsys, f.path, yield) {
				return
			}
		}
	}
}

// scanFile yields one segment's readings; false if the caller has had enough.
func scanFile(fsys FS, path string, yield func(Stored, error) bool) bool {
	size, err := fileSize(fsys, path)
	if err != nil {
		return yield(Stored{}, err)
	}
	c, h, err := openCursor(fsys, path, size)
	if _, bad := errors.AsType[*headerError](err); bad && size < segmentHeaderLen+blockHeaderLen {
		return true // torn when it was made
	}
	if err != nil {
		return yield(Stored{}, err)
	}
	defer c.close()
	more := true
	found, err := c.walk(func(first uint64, points []telemetry.Point, groups []group) bool {
		i := 0
		for _, g := range groups {
			for range g.n {
				s := Stored{Epoch: h.Epoch, Run: h.Run, Kind: h.Kind, Seq: first + uint64(i), Device: g.device, Point: points[i]}
				if more = yield(s, nil); !more {
					return false
				}
				i++
			}
		}
		return true
	})
	for _, d := range found {
		if more {
			more = yield(Stored{}, &CorruptError{path, d.offset, h.Run, d.from, d.to, d.why})
		}
	}
	if err != nil && more {
		more = yield(Stored{}, err)
	}
	return more
}

func fileSize(fsys FS, path string) (int64, error) {
	f, err := fsys.OpenFile(path, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Size()
}
