package readings

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"weishao.dev/weishao/telemetry"
)

// Header is the first line of a readings file; the last column is optional.
const Header = "time,device,metric,value,quality"

// maxLine is the longest line taken, in bytes.
const maxLine = 64 << 10

// LineError says what is wrong in a readings file, and where.
type LineError struct {
	File string
	Line int           // from 1; 0 if the file has no lines to speak of
	Bad  telemetry.Bad // kind of bad input, to count by; BadNone for an error of the file itself
	Text string
	Err  error // what the file gave, if that is what is wrong; may be nil
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }
func (e *LineError) Unwrap() error { return e.Err }

// Reader reads one file. It is not safe for concurrent use.
type Reader struct {
	name    string
	catalog *telemetry.Catalogue
	in      *bufio.Reader
	close   io.Closer
	line    int
	columns int // 4 or 5

	fields  [5][]byte
	unquote []byte // holds the fields of a line that has quotes

	devices map[string]string
	device  string // of the line before: mostly the same
	metrics map[string]*telemetry.Metric
	metric  *telemetry.Metric
}

// Open opens a readings file, plain or gzipped, and reads its header.
func Open(path string, catalog *telemetry.Catalogue) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("readings: %w", err)
	}
	r, err := NewReader(path, f, catalog)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.close = f
	return r, nil
}

// NewReader reads from in, plain or gzipped, beginning with the header. name is
// what errors call the file.
func NewReader(name string, in io.Reader, catalog *telemetry.Catalogue) (*Reader, error) {
	r := &Reader{
		name: name, catalog: catalog, in: bufio.NewReaderSize(in, maxLine),
		devices: make(map[string]string), metrics: make(map[string]*telemetry.Metric),
		metric: &telemetry.Metric{},
	}
	if magic, _ := r.in.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(r.in)
		if err != nil {
			return nil, r.fileError(err)
		}
		r.in = bufio.NewReaderSize(z, maxLine)
	}
	if err := r.header(); err != nil {
		return nil, err
	}
	return r, nil
}

// Close closes the file that Open opened.
func (r *Reader) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close.Close()
}

// Line is the number of the line that was read last, from 1.
func (r *Reader) Line() int { return r.line }

// All gives the readings from where the Reader stands to the file's end, or with
// an error, a *LineError, what there is of one; see the package doc for what may
// be done then. With a value out of range (telemetry.BadRange) that is the whole
// reading, as the fault Saturated; see Tolerant.
func (r *Reader) All() iter.Seq2[telemetry.Reading, error] {
	return func(yield func(telemetry.Reading, error) bool) {
		for {
			line, err := r.next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(telemetry.Reading{}, err)
				return
			}
			if len(line) == 0 {
				continue
			}
			reading, bad := r.parse(line)
			err = nil
			if bad != nil { // a nil *LineError in an error would not be nil
				err = bad
			}
			if !yield(reading, err) {
				return
			}
		}
	}
}

// Tolerant is All for recordings of real events, where a sensor in dense smoke
// leaves its range: such a value comes as the fault Saturated, as a driver would
// tell it, and a line that cannot become a reading is left out. Both are given to
// bad, which may be nil. The only error is one of the file itself.
func (r *Reader) Tolerant(bad func(*LineError)) iter.Seq2[telemetry.Reading, error] {
	return func(yield func(telemetry.Reading, error) bool) {
		for reading, err := range r.All() {
			var line *LineError
			if errors.As(err, &line) && line.Bad != telemetry.BadNone {
				if bad != nil {
					bad(line)
				}
				if err = nil; line.Bad != telemetry.BadRange {
					continue
				}
			}
			if !yield(reading, err) {
				return
			}
		}
	}
}

func (r *Reader) header() error {
	line, err := r.next()
	if err == io.EOF {
		return r.bad(telemetry.BadNone, "the file is empty; its first line is to be %s[,quality]", headerOf(4))
	}
	if err != nil {
		return err
	}
	line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	for r.columns = 4; r.columns <= 5; r.columns++ {
		if string(line) == headerOf(r.columns) {
			return nil
		}
	}
	return r.bad(telemetry.BadNone, "the first line is to be %s[,quality], not %.80q", headerOf(4), line)
}

func headerOf(columns int) string {
	if columns == 5 {
		return Header
	}
	return strings.TrimSuffix(Header, ",quality")
}

// next gives the next line without its end, io.EOF, or a *LineError. The line is
// good until the next call.
func (r *Reader) next() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if len(line) == 0 && err == io.EOF {
		return nil, io.EOF
	}
	r.line++
	switch {
	case err == bufio.ErrBufferFull:
		return nil, r.bad(telemetry.BadNone, "a line longer than %d bytes: this is not a readings file", maxLine)
	case err != nil && err != io.EOF:
		return nil, r.fileError(err)
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

func (r *Reader) fileError(err error) *LineError {
	e := r.bad(telemetry.BadNone, "cannot be read: %v", err)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		e.Text = "the file ends too early, as when it was not copied whole"
	}
	e.Err = err
	return e
}

func (r *Reader) bad(kind telemetry.Bad, format string, args ...any) *LineError {
	return &LineError{File: r.name, Line: r.line, Bad: kind, Text: fmt.Sprintf(format, args...)}
}
