package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const (
	segmentHeaderLen = 56
	segmentMagic     = "WSHOBX1\n"
	segmentSuffix    = ".seg"
	keptSuffix       = ".kept"    // trimmed, kept by a build for tests
	damagedSuffix    = ".damaged" // trimmed, kept for people
)

// segment is one file of a run: the sequences first to end-1, in bytes 0 to size.
type segment struct {
	path       string
	first, end uint64
	size       int64
	sealed     time.Time // when it was last written
	damaged    bool
}

// segmentHeader says what a segment holds.
type segmentHeader struct {
	Epoch  record.Epoch
	Run    uint64
	Parent uint64
	First  uint64
	Kind   record.RunKind // Live or Alarm
}

func (h segmentHeader) append(b []byte) []byte {
	start := len(b)
	b = append(b, segmentMagic...)
	b = append(b, h.Epoch[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.Run)
	b = binary.LittleEndian.AppendUint64(b, h.Parent)
	b = binary.LittleEndian.AppendUint64(b, h.First)
	b = append(b, byte(h.Kind), 0, 0, 0)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func parseSegmentHeader(b []byte) (segmentHeader, error) {
	if len(b) < segmentHeaderLen {
		return segmentHeader{}, errors.New("shorter than a header")
	}
	b = b[:segmentHeaderLen]
	switch {
	case string(b[:8]) != segmentMagic:
		return segmentHeader{}, errors.New("not a segment of this version")
	case crc32.Checksum(b[:52], castagnoli) != binary.LittleEndian.Uint32(b[52:]):
		return segmentHeader{}, errors.New("header checksum does not match")
	}
	h := segmentHeader{
		Epoch:  record.Epoch(b[8:24]),
		Run:    binary.LittleEndian.Uint64(b[24:]),
		Parent: binary.LittleEndian.Uint64(b[32:]),
		First:  binary.LittleEndian.Uint64(b[40:]),
		Kind:   record.RunKind(b[48]),
	}
	if h.Kind > record.Alarm || h.First == 0 || h.Run == 0 {
		return h, errors.New("header holds values that no version writes")
	}
	return h, nil
}

func segmentName(run, first uint64) string {
	return fmt.Sprintf("%016x-%016x%s", run, first, segmentSuffix)
}

func parseSegmentName(name, suffix string) (run, first uint64, ok bool) {
	base, found := bytes.CutSuffix([]byte(name), []byte(suffix))
	if !found || len(base) != 33 {
		return 0, 0, false
	}
	n, err := fmt.Sscanf(string(base), "%016x-%016x", &run, &first)
	return run, first, err == nil && n == 2 && run != 0 && first != 0
}

// CorruptError is damage inside a segment: the block at Offset, or all up to the
// next whole block, cannot be read. From and To are the sequences it costs, both
// inclusive.
type CorruptError struct {
	Path     string
	Offset   int64
	Run      uint64
	From, To uint64
	Why      string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: damaged at byte %d (%s): readings %d to %d of run %016x are lost; check the card", e.Path, e.Offset, e.Why, e.From, e.To, e.Run)
}

// cursor reads a segment's blocks in order.
type cursor struct {
	f      File
	path   string
	off    int64
	limit  int64 // how far the segment is known to be written
	next   uint64
	dict   *dictionary
	header [blockHeaderLen]byte
	buf    []byte
	points []telemetry.Point
	groups []group
}

// openCursor opens a segment and checks its header.
func openCursor(fsys FS, path string, limit int64) (*cursor, segmentHeader, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY)
	if err != nil {
		return nil, segmentHeader{}, err
	}
	var b [segmentHeaderLen]byte
	n, err := f.ReadAt(b[:min(limit, segmentHeaderLen)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, segmentHeader{}, errors.Join(err, f.Close())
	}
	h, err := parseSegmentHeader(b[:n])
	if err != nil {
		_ = f.Close()
		return nil, h, &headerError{path: path, err: err}
	}
	return &cursor{f: f, path: path, off: segmentHeaderLen, limit: limit, next: h.First, dict: &dictionary{}}, h, nil
}

// headerError says that a segment's first bytes are not a header.
type headerError struct {
	path string
	err  error
}

func (e *headerError) Error() string { return e.path + ": " + e.err.Error() }
func (e *headerError) Unwrap() error { return e.err }

func (c *cursor) close() { _ = c.f.Close() }

// errBlock is a block that is not whole; a torn tail, or damage.
type errBlock struct{ why string }

func (e errBlock) Error() string { return e.why }

// block decodes the block at off into points and groups and moves behind it. It
// returns io.EOF at limit, an errBlock where there is no whole block, or the error
// of the file. When it fails, it has not moved.
func (c *cursor) block() (blockHeader, error) {
	if c.off >= c.limit {
		return blockHeader{}, io.EOF
	}
	bh, err := c.load(c.off)
	if err != nil {
		return bh, err
	}
	if bh.first != c.next {
		return bh, errBlock{fmt.Sprintf("block of sequence %d where %d is due", bh.first, c.next)}
	}
	if err := c.decode(bh); err != nil {
		return bh, err
	}
	return bh, nil
}

// load reads the block at off into buf and checks it.
func (c *cursor) load(off int64) (blockHeader, error) {
	if c.limit-off < blockHeaderLen {
		return blockHeader{}, errBlock{"header cut short"}
	}
	if err := c.readAt(c.header[:], off); err != nil {
		return blockHeader{}, err
	}
	bh, ok := parseHeader(c.header[:])
	if !ok {
		return bh, errBlock{"not a block"}
	}
	if int64(bh.length) > c.limit-off-blockHeaderLen {
		return bh, errBlock{"payload cut short"}
	}
	if cap(c.buf) < bh.length {
		c.buf = make([]byte, bh.length)
	}
	c.buf = c.buf[:bh.length]
	if err := c.readAt(c.buf, off+blockHeaderLen); err != nil {
		return bh, err
	}
	if !checkBlock(c.header[:], c.buf) {
		return bh, errBlock{"checksum does not match"}
	}
	return bh, nil
}

func (c *cursor) readAt(b []byte, off int64) error {
	n, err := c.f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return errBlock{"file cut short"}
	}
	return err
}

// decode takes the loaded block, whose sequences may begin later than due.
func (c *cursor) decode(bh blockHeader) error {
	var err error
	c.points, c.groups, err = decodeBlock(c.buf, bh.count, c.dict, c.points[:0], c.groups[:0])
	if err != nil {
		return errBlock{err.Error()}
	}
	c.off += blockHeaderLen + int64(bh.length)
	c.next = bh.first + uint64(bh.count)
	return nil
}

// resync looks behind off for the next whole block of a later sequence, and moves
// to it. It reports false when there is none up to limit: then what is there is a
// tail, torn or lost. It does not decode: a block whose names were defined in the
// damaged part fails there, and is damage in its turn.
func (c *cursor) resync() (uint64, bool, error) {
	const window = 64 << 10
	buf := make([]byte, window)
	for base := c.off + 1; base < c.limit; base += window - 3 {
		n := min(int64(window), c.limit-base)
		if err := c.readAt(buf[:n], base); err != nil {
			if _, short := errors.AsType[errBlock](err); short {
				return 0, false, nil
			}
			return 0, false, err
		}
		for at := 0; ; {
			i := bytes.Index(buf[at:n], blockMagic[:])
			if i < 0 {
				break
			}
			at += i
			if bh, err := c.load(base + int64(at)); err == nil && bh.first >= c.next {
				c.off, c.next = base+int64(at), bh.first
				return bh.first, true, nil
			}
			at++
		}
	}
	return 0, false, nil
}

// damage is a part of a segment that cannot be read.
type damage struct {
	offset   int64
	from, to uint64 // sequences, inclusive
	why      string
}

// walk reads every whole block from the cursor on. It returns the damage it had to
// skip, and the end of the last whole block: what lies behind is a torn tail.
func (c *cursor) walk(visit func(first uint64, points []telemetry.Point, groups []group) bool) (found []damage, err error) {
	for {
		bh, err := c.block()
		switch bad, isBad := errors.AsType[errBlock](err); {
		case err == nil:
			if visit != nil && !visit(bh.first, c.points, c.groups) {
				return found, nil
			}
		case errors.Is(err, io.EOF):
			return found, nil
		case !isBad:
			return found, err
		default:
			at, due := c.off, c.next
			first, ok, err := c.resync()
			if err != nil {
				return found, err
			}
			if !ok {
				c.off = at
				return found, nil
			}
			if first > due {
				found = append(found, damage{offset: at, from: due, to: first - 1, why: bad.why})
			}
		}
	}
}

// writer appends blocks to a segment that it made.
type writer struct {
	fsys FS
	f    File
	path string
	size int64
	dict *dictionary
	buf  []byte
}

// createSegment makes the file of a new segment. It becomes durable by the first
// commit, which also syncs the directory.
func createSegment(fsys FS, dir string, h segmentHeader) (*writer, error) {
	path := filepath.Join(dir, segmentName(h.Run, h.First))
	f, err := fsys.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR)
	if err != nil {
		return nil, err
	}
	return &writer{fsys: fsys, f: f, path: path, dict: newDictionary(), buf: h.append(nil)}, nil
}

// add encodes batches, count points in all, beginning with sequence first.
func (w *writer) add(first uint64, count int, batches []Batch) {
	w.buf = appendBlock(w.buf, w.dict, first, count, batches)
}

// commit writes what was added and syncs it. After an error the file's tail is
// unknown and the writer must not be used again, except for undo and close.
func (w *writer) commit() error {
	isNew := w.size == 0
	if _, err := w.f.WriteAt(w.buf, w.size); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	if isNew {
		if err := w.fsys.SyncDir(filepath.Dir(w.path)); err != nil {
			return err
		}
	}
	w.size += int64(len(w.buf))
	w.buf = w.buf[:0]
	return nil
}

// undo cuts off what a failed commit may have left, so that it is not found after
// a restart: its readings have gone on in memory meanwhile.
func (w *writer) undo() error {
	if err := w.f.Truncate(w.size); err != nil {
		return err
	}
	return w.f.Sync() // or a power cut brings it back
}

func (w *writer) close() { _ = w.f.Close() }
